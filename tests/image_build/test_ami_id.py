"""ami_id.txt: one line a region, the newest image of each."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runner.errors import OutputNotWritable
from runner.image import ami_id


def test_a_new_image_takes_the_line_of_its_region_alone(tmp_path: Path) -> None:
    path = tmp_path / "ami_id.txt"
    ami_id.write({"eu-north-1": "ami-1", "eu-west-1": "ami-2"}, path)
    ami_id.write({"eu-north-1": "ami-3"}, path)

    assert path.read_text() == "eu-north-1 ami-3\neu-west-1 ami-2\n"
    assert ami_id.read(path) == {"eu-north-1": "ami-3", "eu-west-1": "ami-2"}


def test_a_removed_image_is_forgotten_and_an_empty_file_goes(tmp_path: Path) -> None:
    path = tmp_path / "ami_id.txt"
    ami_id.write({"eu-north-1": "ami-1", "eu-west-1": "ami-2"}, path)

    ami_id.forget("ami-1", path)
    assert ami_id.read(path) == {"eu-west-1": "ami-2"}
    ami_id.forget("ami-9", path)
    ami_id.forget("ami-2", path)
    assert not path.exists()
    assert ami_id.read(path) == {}


def test_an_image_is_not_forgotten_by_losing_the_others_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ami_id.txt"
    ami_id.write({"eu-north-1": "ami-1", "eu-west-1": "ami-2"}, path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputNotWritable, match=r"No space left on device.: take ami-1 out of it by hand"):
        ami_id.forget("ami-1", path)

    assert ami_id.read(path) == {"eu-north-1": "ami-1", "eu-west-1": "ami-2"}
    assert os.listdir(tmp_path) == ["ami_id.txt"]


def test_a_file_that_cannot_be_written_names_the_image_so_that_it_is_not_lost(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match="ami-1"):
        ami_id.write({"eu-north-1": "ami-1"}, tmp_path / "nowhere" / "ami_id.txt")
