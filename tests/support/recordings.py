"""Recordings of every kind that people have, and of the kinds that nobody should: made by a test in its folder.

The sound is a tone unless a test brings its own, so that what comes back can be measured.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Sound = NDArray[np.float32]  # (channels, samples) in [-1, 1]
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def tone(
    seconds: float, *, rate: int = 44_100, pitches: Sequence[float] = (440.0,), level: float = 0.5
) -> Sound:
    """One steady tone a channel, of so many hertz."""
    times = np.arange(round(seconds * rate)) / rate
    return np.stack([level * np.sin(2 * np.pi * pitch * times) for pitch in pitches]).astype(np.float32)


def pitch(sound: NDArray[np.float32], rate: int = 16_000) -> float:
    """The loudest frequency, in hertz."""
    return float(np.argmax(np.abs(np.fft.rfft(sound * np.hanning(sound.size)))) * rate / sound.size)


def encode(
    path: Path,
    sound: Sound,
    *,
    codec: str,
    rate: int = 44_100,
    begin: float = 0.0,
    hole: tuple[float, float] = (0.0, 0.0),
    picture: bool = False,
    tracks: int = 1,
    options: dict[str, str] | None = None,
) -> Path:
    """Write the sound with one of FFmpeg's encoders; the path's ending chooses the container.

    `begin` delays the track, `hole` leaves out what lies between two times, `picture` adds a video track.
    """
    with av.open(str(path), "w", options=options or {}) as output:
        screen = output.add_stream("mpeg4", rate=5) if picture else None
        coded_rate = 48_000 if codec == "libopus" else rate  # Opus knows no other of these
        streams = [
            output.add_stream(codec, rate=coded_rate, layout=LAYOUTS[len(sound)]) for _ in range(tracks)
        ]
        if screen is not None:
            for still in _stills(begin + sound.shape[1] / rate):
                output.mux(screen.encode(still))
            output.mux(screen.encode(None))
        for stream in streams:
            assert isinstance(stream, av.AudioStream)
            for frame in _frames(sound, rate, stream):
                assert frame.pts is not None
                left_out = hole[0] <= frame.pts / coded_rate < hole[1]
                frame.pts += round(begin * coded_rate)
                packets = stream.encode(frame)
                if not left_out:
                    output.mux(packets)
            output.mux(stream.encode(None))
    return path


def silent_film(path: Path, seconds: float = 1.0) -> Path:
    """A video without an audio track."""
    with av.open(str(path), "w") as output:
        screen = output.add_stream("mpeg4", rate=5)
        for still in _stills(seconds):
            output.mux(screen.encode(still))
        output.mux(screen.encode(None))
    return path


def wav(path: Path, sound: Sound, *, rate: int = 44_100, subtype: str = "PCM_16") -> Path:
    """Write the sound as libsndfile does; the path's ending chooses wav, flac, w64 or rf64."""
    soundfile.write(path, sound.T, rate, subtype=subtype)
    return path


def truncated(path: Path, part: float = 0.5) -> Path:
    """Cut the file off, as a broken download does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def holed(path: Path, *, at: float = 0.5, size: int = 3000) -> Path:
    """Overwrite a stretch with zeros, as a failing disk does."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * at)
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    return path


def spoilt(content: bytes, seed: int) -> bytes:
    """Bytes flipped, stretches cut out, the end cut off: as `seed` says."""
    random = np.random.default_rng(seed)
    result = bytearray(content)
    for position in random.integers(0, len(result), random.integers(1, 40)):
        result[position] = random.integers(256)
    for position in random.integers(0, min(400, len(result)), random.integers(0, 6)):  # where headers are
        result[position] = random.integers(256)
    if random.random() < 0.3:
        start = int(random.integers(len(result)))
        del result[start : start + int(random.integers(1, 2000))]
    if random.random() < 0.3:
        del result[int(random.integers(len(result))) :]
    return bytes(result)


def endless_silence(path: Path, *, hours: float = 30.0) -> Path:
    """A wav of zeros that takes no room on the disk."""
    size = round(hours * 3600) * 16_000 * 2
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16,
                         b"data", size)  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return path


def playlists(url: str, file: Path) -> dict[str, str]:
    """Files that hold no sound and name another: a web address or a file beside them, by name of the list."""
    named = {"url": url, "file": str(file), "near": file.name, "scheme": f"file:{file}"}
    lists = {}
    for kind, target in named.items():
        lists[f"{kind}.m3u8"] = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        lists[f"{kind}.ffconcat"] = f"ffconcat version 1.0\nfile '{target}'\n"
        lists[f"{kind}.mp3"] = lists[f"{kind}.m3u8"]  # in disguise
        lists[f"{kind}-space.m3u8"] = "\n " + lists[f"{kind}.m3u8"]
        lists[f"{kind}.mpd"] = (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
            f'bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>'
        )
        lists[f"{kind}.pls"] = f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"
    host = url.split("/")[2].split(":", maxsplit=1)[0]
    lists["stream.sdp"] = (
        f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 {host}\nt=0 0\nm=audio 40000 RTP/AVP 0\n"
    )
    return lists


def _frames(sound: Sound, rate: int, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """The sound as the encoder wants it, with times."""
    context = stream.codec_context
    layout = LAYOUTS[len(sound)]
    whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
    whole.sample_rate = rate
    fifo = av.AudioFifo()
    resampler = av.AudioResampler(format=context.format, layout=layout, rate=context.sample_rate)
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        frame.pts = None
        fifo.write(frame)
    position = 0
    while frame := fifo.read(context.frame_size or 1024, partial=True):  # type: ignore[assignment]  # or None
        frame.pts, frame.time_base = position, Fraction(1, context.sample_rate)
        position += frame.samples
        yield frame


def _stills(seconds: float) -> Iterator[av.VideoFrame]:
    for number in range(round(seconds * 5)):
        still = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 256, np.uint8), format="rgb24")
        still.pts, still.time_base = number, Fraction(1, 5)
        yield still


KINDS: dict[str, Callable[[Path, Sound], Path]] = {
    "mp3": lambda folder, sound: encode(folder / "x.mp3", sound, codec="libmp3lame"),
    "m4a": lambda folder, sound: encode(folder / "x.m4a", sound, codec="aac"),
    "aac": lambda folder, sound: encode(folder / "x.aac", sound, codec="aac"),
    "opus": lambda folder, sound: encode(folder / "x.opus", sound, codec="libopus"),
    "webm": lambda folder, sound: encode(folder / "x.webm", sound, codec="libopus"),
    "mkv": lambda folder, sound: encode(folder / "x.mkv", sound, codec="flac", picture=True),
    "mp4 film": lambda folder, sound: encode(folder / "x.mp4", sound, codec="aac", picture=True),
    "avi film": lambda folder, sound: encode(folder / "x.avi", sound, codec="libmp3lame", picture=True),
    "mpeg-ts film": lambda folder, sound: encode(folder / "x.ts", sound, codec="aac", picture=True),
    "alac": lambda folder, sound: encode(folder / "x.caf", sound, codec="alac"),
    "aiff": lambda folder, sound: encode(folder / "x.aiff", sound, codec="pcm_s16be"),
    "wav": lambda folder, sound: wav(folder / "x.wav", sound),
    "wav 24": lambda folder, sound: wav(folder / "x.wav", sound, subtype="PCM_24"),
    "wav float": lambda folder, sound: wav(folder / "x.wav", sound, subtype="FLOAT"),
    "wav 8": lambda folder, sound: wav(folder / "x.wav", sound, subtype="PCM_U8"),
    "wav ima": lambda folder, sound: wav(folder / "x.wav", sound, subtype="IMA_ADPCM"),
    "flac": lambda folder, sound: wav(folder / "x.flac", sound),
}
