from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runner.whole import replace_file


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    replace_file(path, "en\n")
    replace_file(path, "två\n")
    assert path.read_text(encoding="utf-8") == "två\n"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_the_mode_is_what_was_asked_or_that_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "any", "")
        replace_file(tmp_path / "open", "", 0o644)
        replace_file(tmp_path / "closed", "", 0o600)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"any": 0o640, "open": 0o644, "closed": 0o600}


def test_what_cannot_be_written_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("en\n")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\ud800 is no byte of a name")
    assert path.read_text() == "en\n"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_a_folder_in_its_place_is_an_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "note.txt").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "note.txt", "en\n")
    assert os.listdir(tmp_path) == ["note.txt"]


def test_a_name_of_any_bytes_is_written_as_it_was(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.txt")
    replace_file(tmp_path / "list", f"{name}\n")
    assert (tmp_path / "list").read_bytes() == b"\xff.txt\n"


def test_another_draft_that_a_killed_program_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".note.txt.draft").mkdir()
    replace_file(tmp_path / "note.txt", "en\n")
    assert (tmp_path / "note.txt").read_text() == "en\n"
