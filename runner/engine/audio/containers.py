"""Bytes of any container → frames of its best audio track → the outlet. Nothing that a recording claims is believed."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Protocol

import av
from av import AudioFrame, AudioStream, Packet
from av.container import InputContainer

from runner.engine.audio.outlet import SAMPLE, Outlet, Refused
from runner.engine.audio.resampling import RATES, Resampling, layout_name

GAP = 0.1  # seconds between two packets that are a hole, not rounding
UNBOUNDED_GAP = 60.0  # seconds a hole may last where the recording's length is unknown
RUN_UP = 5.0  # seconds that are decoded before the first that is wanted: the codec's memory is shorter
RESTARTS = 100  # times that reading goes on behind damage in the container itself

# Titles in Latin-1 are no reason to fail; from PyAV 19 on they are none by default.
LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}

# What people have recordings in. Left out on purpose: all that names other files or addresses (hls, dash, concat,
# sdp, rtsp, imf), reads devices or pictures, or makes sound up (lavfi). libavformat compares whole names.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg", "mp3", "wav", "w64", "flac", "aac", "loas", "aiff", "caf",
    "au", "asf", "avi", "flv", "live_flv", "mpegts", "mpeg", "amr", "ac3", "eac3", "dts", "dtshd", "truehd", "ape",
    "wv", "tta", "tak", "mpc", "mpc8", "shn", "voc", "rm", "mxf", "dv", "wtv", "dss", "oma", "dsf", "iff", "qcp",
    "nistsphere", "ircam", "sox", "nut",
)  # fmt: skip
PLAYLIST = re.compile(
    rb"(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat|\[playlist\]|\[Reference\]|v=0\s|(<\?xml[^>]*>\s*)?<(MPD|smil|asx|playlist)\b)",
    re.IGNORECASE,
)

# Containers that count their sound, where others guess its length from size and bit rate.
COUNTED = {"mov", "matroska", "w64", "flac", "aiff", "caf", "au", "asf", "avi", "ape", "wv", "tta"}
# Containers in which a packet's time is that of its samples, exactly and from the start to the end.
STEADY = {"mov", "mp3", "flac", "aac", "wav", "w64", "aiff", "au"}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class StandardInput:
    """The recording, as a file without a name for a library to go by."""

    def read(self, size: int) -> bytes:
        return os.read(0, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(0, offset, whence)

    def tell(self) -> int:
        return os.lseek(0, 0, os.SEEK_CUR)


class Decoding:
    """One pass over a container's best audio track; damaged packets are passed over and counted."""

    def __init__(self, container: InputContainer, file: Readable, outlet: Outlet) -> None:
        stream = container.streams.best("audio")
        if stream is None:
            raise Refused("soundless", "video" if container.streams.video else "")
        if not isinstance(stream, AudioStream) or not getattr(stream, "codec_context", None):
            raise Refused("unreadable", "its sound is coded in a way that is not known here")
        self.container = container
        self.file = file
        self.stream = stream
        self.outlet = outlet
        self.resampling = Resampling(outlet)
        start: int | None = container.start_time  # PyAV says int, and gives None where nothing says when
        self.passing = kind(container) in STEADY
        self.origin = start / 1e6 if start is not None else 0.0 if self.passing else None
        self.tick = float(stream.time_base or 0)
        self.claimed = self._claimed()
        self.damaged = 0  # packets
        self.filled = 0.0  # seconds of silence put into holes
        self.passed = 0.0  # seconds at the start that nobody asked for, left undecoded
        for other in container.streams:
            if other is not stream and hasattr(other, "discard"):  # PyAV 17 and later
                other.discard = av.stream.Discard.all

    def run(self) -> dict[str, Any]:
        """Send the whole track; returns the status."""
        self.outlet.facts = {
            "duration": self.claimed,
            "container": self.container.format.name,
            "codec": self.stream.codec_context.name,
            "tracks": len(self.container.streams.audio),
        }
        for frame in self._frames():
            self.resampling.take(frame, silence_before=self._hole(frame))
            if self.outlet.full:
                break
        self.resampling.finish()
        return {
            "outcome": "read",
            "damaged": self.damaged,
            "filled": self.filled,
            "read": max(self.outlet.seconds, self.passed),
            "expected": None if self.outlet.full else self._expected(),
        }

    def _frames(self) -> Iterator[AudioFrame]:
        """Frames with sound; an error at the very end is no damage, but the odd bytes behind many a recording."""
        doubtful = 0
        for packet in self._packets():
            if self.passing and packet is not None and self._pass_over(packet):
                continue
            try:
                frames = packet.decode() if packet is not None else None
            except av.error.MemoryError:
                raise
            except (av.FFmpegError, ValueError):
                frames = None
            if frames is None:
                doubtful += 1
                continue
            for frame in frames:
                if frame.samples and frame.sample_rate in RATES:
                    self.damaged += doubtful if self.outlet.position or not self.passed else 0
                    doubtful = 0
                    yield frame
        if doubtful > 1 or not self.resampling.seconds:
            self.damaged += doubtful

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        """Every packet of the track, and None for each place where the container itself is damaged."""
        for _ in range(RESTARTS):
            try:
                yield from self.container.demux(self.stream)
                return
            except av.error.MemoryError:
                raise
            except (av.FFmpegError, ValueError):
                yield None

    def _pass_over(self, packet: Packet[AudioStream]) -> bool:
        """Whether the packet lies so long before what was asked for that it need not be decoded."""
        if packet.pts is None or packet.duration is None:
            self.passing = False
        else:
            ends = (packet.pts + packet.duration) * self.tick - (self.origin or 0.0)
            self.passing = ends < self.outlet.first / self.outlet.rate - RUN_UP
            self.passed = ends if self.passing else self.passed
        return self.passing

    def _hole(self, frame: AudioFrame) -> float:
        """Seconds missing before this frame, silent so that later times stay true; a clock that jumps is followed."""
        if frame.pts is None:
            return 0.0
        clock, here = frame.pts * self.tick, self.resampling.seconds
        if self.passed and not here:
            return min(clock - (self.origin or 0.0), self.passed + UNBOUNDED_GAP)
        if self.origin is None:
            self.origin = clock - here
        hole = clock - self.origin - here
        if abs(hole) <= GAP:
            return 0.0
        if 0 < hole <= (UNBOUNDED_GAP if self.claimed is None else self.claimed + 1.0 - here):
            self.filled += hole if here else 0.0  # sound that begins late is no damage
            return hole
        self.origin += hole
        return 0.0

    def _claimed(self) -> float | None:
        """Seconds from the start of the recording to the end of the track, as the container says."""
        stream = self.stream
        if not stream.duration or not stream.time_base:
            return max(0.0, (self.container.duration or 0) / 1e6) or None
        late = float((stream.start_time or 0) * stream.time_base) - (self.origin or 0.0)
        return max(0.0, late) + max(0.0, float(stream.duration * stream.time_base))

    def _expected(self) -> float | None:
        """Seconds there should have been, where they were counted."""
        name = kind(self.container)
        if name == "wav":
            return self.outlet.seconds * wav_bytes_promised(self.file)
        if name not in COUNTED and not (name == "mp3" and mp3_counts_frames(self.file)):
            return None
        alone = all(
            one is self.stream or one.type not in ("audio", "video") for one in self.container.streams
        )
        return self.claimed if alone or self.stream.duration else None


def read_with_libav(outlet: Outlet, file: Readable | None = None) -> dict[str, Any]:
    """Decode anything that has an audio track."""
    file = file or StandardInput()
    if PLAYLIST.match(peek(file, 0, 512)):
        raise Refused("playlist")
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(audio_decoders()),
    }
    file.seek(0)
    with av.open(file, "r", buffer_size=1 << 16, options=options, **LENIENT) as container:
        return Decoding(container, file, outlet).run()


def read_with_libsndfile(outlet: Outlet) -> dict[str, Any]:
    """Read wav and flac whose header libav does not forgive."""
    import soundfile

    try:
        with soundfile.SoundFile(0, closefd=False) as file:
            rate, channels = file.samplerate, file.channels
            if rate not in RATES:
                raise Refused("unreadable")
            outlet.facts = {
                "duration": file.frames / rate,
                "container": file.format.lower(),
                "codec": file.subtype.lower(),
                "tracks": 1,
            }
            resampling = Resampling(outlet)
            while not outlet.full and (block := file.buffer_read(rate, dtype="float32")):
                frame = AudioFrame("flt", layout_name(channels), len(block) // (channels * SAMPLE))
                frame.sample_rate = rate
                frame.planes[0].update(block)
                resampling.take(frame)
            resampling.finish()
    except soundfile.SoundFileError as error:
        raise Refused("unreadable") from error
    return {"outcome": "read", "damaged": 0, "read": outlet.seconds}


def rehearse() -> None:
    """Decode a tenth of a second of our own, so that PyAV has imported all that it does on first use."""
    # Sun's au: 800 bytes of mu-law at 8 kHz, mono
    sound = struct.pack(">4s5I", b".snd", 24, 800, 1, 8000, 1) + bytes(800)
    read_with_libav(Outlet(bytearray().extend, rate=16_000), BytesIO(sound))


def kind(container: InputContainer) -> str:
    """The first of the names that libavformat has for the container's format."""
    return container.format.name.split(",")[0]


def audio_decoders() -> set[str]:
    """Names of all decoders of sound, so that none of pictures is ever opened."""
    names = set()
    for name in av.codecs_available:
        with contextlib.suppress(ValueError):  # it only encodes
            codec = av.Codec(name, "r")
            if codec.type == "audio":
                names.add(codec.name)
    return names


def wav_bytes_promised(file: Readable) -> float:
    """How many times the bytes that are there a wav file's header promises; 1 where it knows no better."""
    offset, size = 12, file.seek(0, os.SEEK_END)
    for _ in range(64):
        name, length = struct.unpack("<4sI", peek(file, offset, 8).ljust(8, b"\0"))
        offset += 8
        if name == b"data":
            there = size - offset
            return max(1.0, length / there) if there > 0 and length < 0xFFFF0000 else 1.0
        offset += length + length % 2
    return 1.0


def mp3_counts_frames(file: Readable) -> bool:
    """Whether the first frame of an mp3 holds the number of frames (Xing, Info or VBRI)."""
    head = peek(file, 0, 10)
    tag = 0
    if head.startswith(b"ID3") and len(head) == 10:
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    frame = peek(file, tag, 256)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def peek(file: Readable, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
