"""Which parts of which files lie in memory: what a program touched, if they were put out of it before it ran.

The system's call mincore(2) says that of every page of a file. It tells the truth to who owns the file or may write it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.machine.preread import Range

PAGE = mmap.PAGESIZE
_LIBC = ctypes.CDLL(None, use_errno=True)
GAP = 64 << 10  # bytes between two parts that are read as one: less than a disk reads ahead


def files_under(places: Iterable[Path]) -> list[Path]:
    """All regular files in these places, each once, whatever names it has; a place may be a file itself."""
    found: dict[tuple[int, int], Path] = {}
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and (place == path or not path.is_symlink()):
                about = path.stat()
                if about.st_size:
                    found.setdefault((about.st_dev, about.st_ino), path.resolve())
    return list(found.values())


def forget(files: Iterable[Path]) -> None:
    """Put files out of memory, as if they had never been read; what a running program has mapped stays."""
    os.sync()  # what is not on the disk yet cannot be put out of memory
    for path in files:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)


def in_memory(files: Iterable[Path]) -> list[Range]:
    """The parts of files that lie in memory."""
    return [part for path in files for part in _of_file(path)]


def _of_file(path: Path) -> Iterator[Range]:
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        pages = (ctypes.c_ubyte * (-(-size // PAGE)))()
        start = ctypes.c_char.from_buffer(mapped)
        try:
            asked = _LIBC.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), pages)
            if asked:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
        finally:
            del start  # a mapping that is pointed to cannot be closed
    yield from ranges(str(path), bytes(pages), size)


def ranges(path: str, pages: bytes, size: int) -> Iterator[Range]:
    """Pages that are in memory (lowest bit 1) as ranges of bytes; small gaps are closed."""
    begin = end = -1
    for number, page in enumerate(pages):
        if not page & 1:
            continue
        if begin >= 0 and number * PAGE - end > GAP:
            yield Range(begin, min(end, size) - begin, path)
            begin = -1
        if begin < 0:
            begin = number * PAGE
        end = (number + 1) * PAGE
    if begin >= 0:
        yield Range(begin, min(end, size) - begin, path)


def in_order(parts: Iterable[Range], model: Path) -> list[Range]:
    """In the order in which a start wants them: the model, which is the longest read, then libraries, then the rest."""

    def place(part: Range) -> tuple[int, str, int]:
        if Path(part.path).is_relative_to(model):
            return 0, part.path, part.offset
        return (1 if ".so" in Path(part.path).name else 2), part.path, part.offset

    return sorted(parts, key=place)
