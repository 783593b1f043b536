"""Reading early: the list, the reading, and what is said of a file that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.machine.preread import BLOCK, Range, blocks, fetch, read_list, write_list
from runner.machine.touched import forget, in_memory


def run(listed: Path) -> subprocess.CompletedProcess[str]:
    """As the unit of systemd does it."""
    return subprocess.run(
        [sys.executable, "-I", "-m", "runner.machine.preread", str(listed)], capture_output=True, text=True
    )


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    ranges = [Range(0, 10, "/a name with spaces"), Range(4096, 1, "/å\udcff"), Range(0, 1 << 40, "/b")]
    write_list(tmp_path / "list", ranges, "what a start touched")
    assert read_list(tmp_path / "list") == ranges
    assert (
        (tmp_path / "list")
        .read_text(errors="surrogateescape")
        .startswith("# what a start touched\n0\t10\t/a")
    )


def test_a_list_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    with pytest.raises(OSError, match="list"):
        write_list(tmp_path / "list", [], "what a start touched")
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_line_that_is_no_range_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0\t/a\n")
    with pytest.raises(ValueError, match="not enough values"):
        read_list(tmp_path / "list")


@given(st.lists(st.tuples(st.integers(0, 10 * BLOCK), st.integers(0, 5 * BLOCK), st.sampled_from("ab"))))
def test_blocks_are_the_same_bytes_in_the_same_order(parts: list[tuple[int, int, str]]) -> None:
    ranges = [Range(*part) for part in parts]
    made = list(blocks(ranges))
    assert all(0 < block.length <= BLOCK for block in made)
    remaining = iter(made)
    for part in ranges:
        done = part.offset
        while done < part.offset + part.length:
            block = next(remaining)
            assert (block.path, block.offset) == (part.path, done)
            done += block.length
        assert done == part.offset + part.length
    assert next(remaining, None) is None


def test_what_is_listed_is_in_memory_afterwards_and_the_rest_is_not(disk: Path) -> None:
    wanted, other = disk / "wanted", disk / "other"
    for path in (wanted, other):
        path.write_bytes(b"x" * (8 << 20))
    write_list(disk / "list", [Range(2 << 20, 3 << 20, str(wanted))], "")
    forget([wanted, other])
    done = run(disk / "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 MB of 1 files read in ")
    found = in_memory([wanted, other])
    assert {part.path for part in found} == {str(wanted)}
    assert found[0].offset <= 2 << 20
    assert found[-1].offset + found[-1].length >= 5 << 20


def test_a_file_that_is_gone_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"x" * 1_000_000)
    gone = str(tmp_path / "gone")
    write_list(tmp_path / "list", [Range(0, 10, gone), Range(0, 1_000_000, str(tmp_path / "here"))], "")
    done = run(tmp_path / "list")
    assert done.returncode == 1
    assert done.stderr == f"{gone} could not be read\n"
    assert done.stdout.startswith("1 MB of 2 files read")


def test_a_range_past_the_end_of_a_file_reads_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x" * 100)
    assert fetch([Range(50, 4 * BLOCK, str(tmp_path / "short"))]) == (50, [])


def test_it_starts_without_anything_that_is_installed(tmp_path: Path) -> None:
    write_list(tmp_path / "list", [], "")
    program = "import runpy, sys; sys.argv = ['x', sys.argv[1]]; "
    program += "sys.modules.update(dict.fromkeys(('torch', 'numpy', 'rich', 'invoke', 'pydantic')));"
    program += "runpy.run_module('runner.machine.preread', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
