"""What a person named, as an open file that starts at its first byte and can be gone back in."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from runner.errors import DiskFull, RecordingEmpty, RecordingMissing, RecordingUnreadable

CHUNK = 1 << 20  # bytes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def open_source(source: Path | BinaryIO, *, name: str) -> BinaryIO:
    """A regular file, the caller's to close; what cannot be gone back in is copied to a temporary file first.

    Raises RecordingMissing, RecordingUnreadable, RecordingEmpty, and DiskFull where the copy has no room.
    """
    stream = _open(source, name) if isinstance(source, Path) else source
    try:
        file = _regular(stream, name) or _copy(stream, name)
    finally:
        if stream is not source:
            stream.close()
    if not os.fstat(file.fileno()).st_size:
        file.close()
        raise RecordingEmpty(f"{name} is empty: it has no bytes at all", name=name)
    return file


def _open(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise RecordingUnreadable(f"{name} is a folder, not a recording: name the files in it", name=name)
        _refuse_devices(mode, name)  # before it is opened: that alone may do something
        return cast(BinaryIO, path.open("rb", buffering=0))
    except PermissionError as error:
        raise RecordingUnreadable(
            f"{name} may not be read: ask its owner for permission", name=name
        ) from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise RecordingMissing(f"{name} does not exist: check the path", name=name) from error
    except OSError as error:
        raise RecordingUnreadable(f"{name} cannot be opened: {error.strerror}", name=name) from error


def _regular(stream: BinaryIO, name: str) -> BinaryIO | None:
    """The stream's own file, where that is a regular one of which nothing was read yet."""
    with suppress(io.UnsupportedOperation, AttributeError):  # it lives in memory
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
        _refuse_devices(mode, name)
        if stat.S_ISREG(mode) and stream.tell() == 0:
            return cast(BinaryIO, os.fdopen(os.dup(descriptor), "rb", buffering=0))
    return None


def _copy(stream: BinaryIO, name: str) -> BinaryIO:
    copied = 0
    try:
        file = tempfile.TemporaryFile(prefix="gpu-transcriber-", buffering=0)  # noqa: SIM115  # outlives us
    except OSError as error:
        raise _no_room(name, copied, error) from error
    try:
        while chunk := _read(stream, name):
            rest = memoryview(chunk)
            while rest:
                rest = rest[file.write(rest) :]
            copied += len(chunk)
    except OSError as error:
        file.close()
        raise _no_room(name, copied, error) from error
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return cast(BinaryIO, file)


def _read(stream: BinaryIO, name: str) -> bytes:
    try:
        return stream.read(CHUNK)
    except (OSError, ValueError) as error:
        raise RecordingUnreadable(f"{name} cannot be read to its end: {error}", name=name) from error


def _no_room(name: str, copied: int, error: OSError) -> DiskFull:
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:  # no folder would take a file of one word
        folder = Path(os.environ.get("TMPDIR", "/tmp"))
    reason = "there is no room" if error.errno in NO_ROOM else f"it cannot be written ({error.strerror})"
    return DiskFull(
        f"{name} cannot be copied to {folder}: {reason} after {copied / 2**20:.0f} MiB; "
        "set TMPDIR to a folder with room for the whole recording, or give a file instead of a pipe",
        path=folder,
    )


def _refuse_devices(mode: int, name: str) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        raise RecordingUnreadable(f"{name} is a device, not a recording: give a file or a pipe", name=name)
