"""What is wrong with a recording is said in one sentence, and what can be heard of it is heard."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from runner.engine.audio.recording import SAMPLE_RATE, open_recording
from runner.errors import (
    RecordingEmpty,
    RecordingError,
    RecordingMissing,
    RecordingUnreadable,
)
from tests.engine.audio.test_recording import heard
from tests.support.recordings import KINDS, encode, holed, pitch, silent_film, spoilt, tone, truncated, wav


def refusal(path: Path, kind: type[RecordingError]) -> str:
    """The sentence with which the recording is refused."""
    with pytest.raises(kind) as caught:
        open_recording(path, name=path.name)
    assert caught.value.name == path.name
    return str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x.mp3", RecordingMissing) == "x.mp3 does not exist: check the path"
    assert refusal(Path("a\0b.mp3"), RecordingMissing)
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "x.mp3", RecordingMissing)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").mkdir()
    assert "is a folder" in refusal(tmp_path / "x.mp3", RecordingUnreadable)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(1.0))
    path.chmod(0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root may read anything
    try:
        assert "may not be read" in refusal(path, RecordingUnreadable)
    finally:
        os.seteuid(user)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.mp3").touch()
    assert refusal(tmp_path / "x.mp3", RecordingEmpty) == "x.mp3 is empty: it has no bytes at all"


@pytest.mark.parametrize(
    "content",
    [b"Kaffe och bulle.\n" * 500, b"x", os.urandom(100_000), bytes(100_000), b"ID3\x04\0\0\x7f\x7f\x7f\x7f"],
)
def test_what_is_no_recording(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(content)
    assert "x.mp3 is not a recording" in refusal(tmp_path / "x.mp3", RecordingUnreadable)


def test_a_film_without_sound(tmp_path: Path) -> None:
    assert refusal(silent_film(tmp_path / "x.mp4"), RecordingEmpty) == "x.mp4 is a video without sound"


def test_a_header_with_nothing_behind_it(tmp_path: Path) -> None:
    assert "x.wav" in refusal(wav(tmp_path / "x.wav", np.zeros((1, 0), np.float32)), RecordingError)


def test_a_film_whose_index_was_never_written(tmp_path: Path) -> None:
    film = truncated(encode(tmp_path / "x.mp4", tone(3.0), codec="aac"))
    assert "damaged beyond reading" in refusal(film, RecordingUnreadable)


@pytest.mark.parametrize("kind", ["mp3", "wav", "flac", "aiff"])
def test_a_recording_that_breaks_off_is_heard_as_far_as_it_goes(kind: str, tmp_path: Path) -> None:
    path = truncated(KINDS[kind](tmp_path, tone(10.0)))
    sound, recording = heard(path)
    seconds = sound.shape[1] / SAMPLE_RATE
    assert 4.5 < seconds < 5.1
    assert pitch(sound[0]) == pytest.approx(440, abs=1)
    assert recording.warnings == [
        f"{path.name} ends early or is damaged: it should be 10.0 seconds long, {seconds:.1f} seconds were read"
    ]


def test_a_part_before_the_place_where_it_breaks_off_is_whole(tmp_path: Path) -> None:
    path = truncated(KINDS["mp3"](tmp_path, tone(10.0)))
    sound, recording = heard(path, start=1.0, end=3.0)
    assert sound.shape[1] == 2 * SAMPLE_RATE
    assert recording.warnings == []


@pytest.mark.parametrize(("kind", "size"), [("m4a", 3000), ("mp3", 3000), ("opus", 3000), ("flac", 30_000)])
def test_damage_in_the_middle_is_passed_over_and_told(kind: str, size: int, tmp_path: Path) -> None:
    path = holed(KINDS[kind](tmp_path, tone(10.0)), size=size)
    sound, recording = heard(path)
    assert 8.9 < sound.shape[1] / SAMPLE_RATE < 10.1
    assert pitch(sound[0, -SAMPLE_RATE:]) == pytest.approx(440, abs=2)
    assert len(recording.warnings) == 1
    assert recording.warnings[0].startswith(f"{path.name} ends early or is damaged: ")


def test_a_recorder_that_never_wrote_the_length_is_heard_to_the_end(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(2.0))
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", 0)
    path.write_bytes(content)
    sound, recording = heard(path)
    assert sound.shape[1] == 2 * SAMPLE_RATE
    assert recording.warnings == []


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_stream_saved_to_a_file_is_heard_to_the_end(length: int, tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(2.0))
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", length)
    path.write_bytes(content)
    assert heard(path)[0].shape[1] == 2 * SAMPLE_RATE


def test_a_wav_that_libav_refuses_is_read_by_libsndfile(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(2.0, pitches=(300, 700)))
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + path.read_bytes())
    sound, recording = heard(path, split_channels=True)
    assert recording.channels == 2
    assert sound.shape[1] == pytest.approx(2 * SAMPLE_RATE, abs=10)
    assert pitch(sound[1]) == pytest.approx(700, abs=1)


def outcome(path: Path) -> str:
    """Nothing, or the sentence with which a recording is refused; anything but a sentence passes through."""
    try:
        with open_recording(path, name="x", cpu_seconds=20, memory_mib=512) as recording:
            for block in recording.blocks():
                assert np.isfinite(block).all()
                assert np.abs(block).max() <= 1.0
    except RecordingError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_spoilt_bytes_end_in_sound_or_in_a_sentence(seed: int, tmp_path: Path) -> None:
    path = KINDS[list(KINDS)[seed % len(KINDS)]](tmp_path, tone(2.0))
    path.write_bytes(spoilt(path.read_bytes(), seed))
    assert re.fullmatch(r"(x .*)?", outcome(path))
