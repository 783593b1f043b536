"""Which parts of which files lie in memory: after they were put out of it, and after a program touched some."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runner.machine.preread import Range
from runner.machine.touched import GAP, PAGE, Seen, files_under, forget, in_memory, in_order, ranges

SIZE = 64 << 20


def test_a_file_that_was_forgotten_is_not_in_memory(disk: Path) -> None:
    (disk / "a").write_bytes(b"x" * SIZE)
    assert sum(part.length for part in in_memory([disk / "a"])) == SIZE
    forget([disk / "a"])
    assert in_memory([disk / "a"]) == []


def test_what_was_touched_of_a_file_is_found_and_not_the_whole(disk: Path) -> None:
    path = disk / "a"
    path.write_bytes(b"x" * SIZE)
    forget([path])
    with path.open("rb", buffering=0) as file:
        os.pread(file.fileno(), 1, SIZE // 2)
    found = in_memory([path])
    assert any(part.offset <= SIZE // 2 < part.offset + part.length for part in found)
    assert sum(part.length for part in found) < SIZE // 8


def test_the_last_page_ends_with_the_file(disk: Path) -> None:
    (disk / "a").write_bytes(b"x" * (PAGE + 1))
    assert in_memory([disk / "a"]) == [Range(0, PAGE + 1, str(disk / "a"))]


def test_files_are_found_once_and_links_and_empty_ones_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("a")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "sub" / "a")
    os.link(tmp_path / "sub" / "a", tmp_path / "second name")
    found = files_under([tmp_path, tmp_path / "sub" / "a", tmp_path / "nowhere"])
    assert len(found) == 1
    assert found[0].samefile(tmp_path / "sub" / "a")


def test_what_was_in_memory_while_a_program_ran_counts_though_it_is_gone_at_its_end(disk: Path) -> None:
    (disk / "a").write_bytes(b"x" * SIZE)
    seen = Seen([disk / "a"])
    seen.look()
    forget([disk / "a"])
    seen.look()
    assert seen.ranges() == [Range(0, SIZE, str(disk / "a"))]


def test_small_files_are_looked_at_when_the_program_has_ended(disk: Path) -> None:
    (disk / "a").write_bytes(b"x")
    seen = Seen([disk / "a"])
    with seen.watching():
        assert seen.ranges() == []
    assert seen.ranges() == [Range(0, 1, str(disk / "a"))]


@given(st.lists(st.sampled_from([0, 1]), max_size=200).map(bytes), st.integers(1, PAGE))
def test_ranges_hold_every_page_in_memory_and_close_small_gaps_alone(pages: bytes, last: int) -> None:
    size = max(0, (len(pages) - 1) * PAGE + last)
    found = list(ranges("f", pages, size))
    for number, page in enumerate(pages):
        inside = any(part.offset <= number * PAGE < part.offset + part.length for part in found)
        assert inside or not page & 1
    for part in found:
        assert part.offset + part.length <= size
        assert pages[part.offset // PAGE] & 1
        assert pages[(part.offset + part.length - 1) // PAGE] & 1
    for before, after in itertools.pairwise(found):
        assert after.offset - (before.offset + before.length) > GAP


def test_the_model_is_read_first_then_libraries_then_the_rest() -> None:
    parts = [Range(0, 1, path) for path in ("/v/a.py", "/v/liba.so.1", "/m/w.safetensors", "/v/b.so")]
    assert [part.path for part in in_order(parts, Path("/m"))] == [
        "/m/w.safetensors", "/v/b.so", "/v/liba.so.1", "/v/a.py",
    ]  # fmt: skip
