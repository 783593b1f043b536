"""The files that a cold start needs, read into memory early and in parallel, before anything asks for them.

A disk made from an image fetches each block from afar when it is first touched (Amazon's block storage does), and a
program touches them one after the other. Only the standard library here: this runs as a machine starts.

    python -m runner.machine.preread LIST

A list holds a range a line, `offset<TAB>length<TAB>path`, in the order in which they are to be read; # starts comments.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from runner.whole import replace_file

WORKERS = 32  # reads under way at a time: each waits for the network, not for the processor
BLOCK = 1 << 20  # bytes of one read


class Range(NamedTuple):
    """A part of a file, in bytes."""

    offset: int
    length: int
    path: str


def write_list(path: Path, ranges: Iterable[Range], comment: str) -> None:
    """Write a list, whole or not at all."""
    lines = (f"{part.offset}\t{part.length}\t{part.path}\n" for part in ranges)
    replace_file(path, f"# {comment}\n" + "".join(lines), 0o644)


def read_list(path: Path) -> list[Range]:
    """The ranges of a list; raises ValueError for a line that is none."""
    ranges = []
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if line and not line.startswith("#"):
            offset, length, name = line.split("\t", 2)
            ranges.append(Range(int(offset), int(length), name))
    return ranges


def blocks(ranges: Iterable[Range]) -> Iterator[Range]:
    """The same bytes in the same order, no more than BLOCK of them at a time."""
    for part in ranges:
        for offset in range(part.offset, part.offset + part.length, BLOCK):
            yield Range(offset, min(BLOCK, part.offset + part.length - offset), part.path)


def fetch(ranges: Sequence[Range], workers: int = WORKERS) -> tuple[int, list[str]]:
    """Read every range; returns the bytes read, and the files that could not be read."""
    buffers = threading.local()
    failed: dict[str, None] = {}

    def read(block: Range) -> int:
        if not hasattr(buffers, "bytes"):
            buffers.bytes = bytearray(BLOCK)
        try:
            file = os.open(block.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.preadv(file, [memoryview(buffers.bytes)[: block.length]], block.offset)
            finally:
                os.close(file)
        except OSError:
            failed[block.path] = None
            return 0

    with ThreadPoolExecutor(workers) as pool:
        done = sum(pool.map(read, blocks(ranges)))
    return done, list(failed)


def main(words: Sequence[str]) -> int:
    """Read what the list names, and say how much that was; 1 where a file of it is gone."""
    began = time.monotonic()
    ranges = read_list(Path(words[0]))
    done, failed = fetch(ranges)
    files = len({part.path for part in ranges})
    print(f"{done / 1e6:.0f} MB of {files} files read in {time.monotonic() - began:.1f} s")  # noqa: T201
    for path in failed:
        print(f"{path} could not be read", file=sys.stderr)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
