"""Which parts of which files lie in memory: what a program touched, if they were put out of it before it ran.

The system's call mincore(2) says that of every page of a file. It tells the truth to who owns the file or may write it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.machine.preread import Range

PAGE = mmap.PAGESIZE
LARGE = 256 << 10  # bytes of a file that is looked at while a program runs
_LOWEST_BIT = bytes(value & 1 for value in range(256))  # mincore's other bits say nothing
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


class Seen:
    """What was seen of files in memory, at any time that one looked: a system may put unused parts out of it again."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files = list(files)
        self._pages: dict[Path, int] = {}  # a byte a page, as one number

    def look(self, least: int = 0) -> None:
        """Look at the files that have so many bytes."""
        for path in self.files:
            size = path.stat().st_size
            if size >= least:
                self._pages[path] = self._pages.get(path, 0) | int.from_bytes(_pages(path, size), "little")

    @contextmanager
    def watching(self, seconds: float = 1.0, least: int = LARGE) -> Iterator[None]:
        """Look at large files as often as that while a program runs, and at all of them when it has ended."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(seconds):
                self.look(least)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
        self.look()

    def ranges(self) -> list[Range]:
        """The parts that were seen."""
        found = list[Range]()
        for path, pages in self._pages.items():
            size = path.stat().st_size
            found += ranges(str(path), pages.to_bytes(-(-size // PAGE), "little"), size)
        return found


def in_memory(files: Iterable[Path]) -> list[Range]:
    """The parts of files that lie in memory now."""
    seen = Seen(files)
    seen.look()
    return seen.ranges()


def whole(files: Iterable[Path]) -> list[Range]:
    """Every byte of files of which all is needed, as a model's."""
    return [Range(0, path.stat().st_size, str(path)) for path in files]


def _pages(path: Path, size: int) -> bytes:
    """A byte for each page of a file, 1 where it is in memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        pages = (ctypes.c_ubyte * (-(-size // PAGE)))()
        start = ctypes.c_char.from_buffer(mapped)
        try:
            asked = _LIBC.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), pages)
            if asked:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
        finally:
            del start  # a mapping that is pointed to cannot be closed
    return bytes(pages).translate(_LOWEST_BIT)


def ranges(path: str, pages: bytes, size: int) -> Iterator[Range]:
    """Pages that are in memory (1 of 0 and 1) as ranges of bytes; small gaps are closed."""
    begin = end = -1
    for run in re.finditer(rb"\x01+", pages):
        first, last = run.start() * PAGE, min(run.end() * PAGE, size)
        if begin >= 0 and first - end > GAP:
            yield Range(begin, end - begin, path)
            begin = -1
        if begin < 0:
            begin = first
        end = last
    if begin >= 0:
        yield Range(begin, end - begin, path)


def in_order(parts: Iterable[Range], model: Path) -> list[Range]:
    """In the order in which a start wants them: the model, which is the longest read, then libraries, then the rest."""

    def place(part: Range) -> tuple[int, str, int]:
        if Path(part.path).is_relative_to(model):
            return 0, part.path, part.offset
        return (1 if ".so" in Path(part.path).name else 2), part.path, part.offset

    return sorted(parts, key=place)
