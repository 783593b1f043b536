"""What may stand for a recording: a file, an open file, a pipe, bytes; and what may not."""

from __future__ import annotations

import io
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from runner.engine.audio.recording import SAMPLE_RATE, open_recording
from runner.errors import DiskFull, RecordingEmpty, RecordingUnreadable
from tests.support.disks import small_disk
from tests.support.recordings import KINDS, tone


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return KINDS["m4a"](tmp_path, tone(2.0))  # its index is at the end: it cannot be read in one go


def seconds(source: Path | BinaryIO) -> float:
    with open_recording(source, name="x") as recording:
        return float(np.concatenate(list(recording.blocks()), axis=1).shape[1] / SAMPLE_RATE)


@contextmanager
def pouring(content: bytes, into: int | Path) -> Iterator[None]:
    """Write the bytes from another thread, as the left side of a shell's pipe does."""

    def pour() -> None:
        with open(into, "wb") as pipe:
            pipe.write(content)

    thread = threading.Thread(target=pour)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_bytes_in_memory(recording: Path) -> None:
    assert seconds(io.BytesIO(recording.read_bytes())) == pytest.approx(2.0, abs=0.1)


def test_a_file_on_standard_input_is_read_where_it_is(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # no copy can be made
    with recording.open("rb") as file:
        assert seconds(file) == pytest.approx(2.0, abs=0.1)
        assert not file.closed


def test_a_file_of_which_something_was_read_begins_where_it_stands(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "letter and recording"
    path.write_bytes(b"Hej!\n" + recording.read_bytes())
    with path.open("rb") as file:
        assert file.readline() == b"Hej!\n"
        assert seconds(file) == pytest.approx(2.0, abs=0.1)


def test_a_pipe(recording: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe, pouring(recording.read_bytes(), writer):
        assert seconds(pipe) == pytest.approx(2.0, abs=0.1)


def test_a_named_pipe(recording: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pouring(recording.read_bytes(), tmp_path / "pipe"):
        assert seconds(tmp_path / "pipe") == pytest.approx(2.0, abs=0.1)


def test_a_pipe_without_anything_in_it() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe, pytest.raises(RecordingEmpty, match="x is empty"):
        open_recording(pipe, name="x")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(RecordingUnreadable, match="is a device"):
        open_recording(Path(device), name="x")
    with open(device, "rb") as file, pytest.raises(RecordingUnreadable, match="is a device"):
        open_recording(file, name="x")


def test_a_socket_in_a_folder_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "s"))
        with pytest.raises(RecordingUnreadable, match="cannot be opened"):
            open_recording(tmp_path / "s", name="x")


def test_a_closed_stream_is_told_of(recording: Path) -> None:
    stream = io.BytesIO(recording.read_bytes())
    stream.close()
    with pytest.raises(RecordingUnreadable, match="x cannot be read"):
        open_recording(stream, name="x")


def test_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "full", 64) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(
            DiskFull, match=r"there is no room after 0 MiB; set TMPDIR to a folder with room"
        ) as caught:
            open_recording(io.BytesIO(bytes(200_000)), name="x")
        assert caught.value.path == disk
        assert list(disk.iterdir()) == []


def test_no_folder_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(DiskFull, match="set TMPDIR"):
        open_recording(io.BytesIO(b"x"), name="x")
