"""Packer is found by name or path, and no other program of that name is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.door.packer import Packer, find_packer
from runner.errors import CannotStart


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_packer_is_told_by_its_version(tmp_path: Path) -> None:
    path = program(tmp_path / "packer", "echo 'Packer v1.14.2'")

    assert find_packer(path) == Packer(path, "1.14.2")


def test_it_is_kept_from_asking_its_maker_for_news(tmp_path: Path) -> None:
    path = program(tmp_path / "packer", 'echo "Packer v1.14.${CHECKPOINT_DISABLE}"')

    assert find_packer(path).version == "1.14.1"


@pytest.mark.parametrize("script", ["echo 'skipping line: 1'", "exit 1", "printf '\\377'", "exec sleep 60"])
def test_another_program_of_the_name_is_no_packer(script: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="is not HashiCorp's Packer"):
        find_packer(program(tmp_path / "packer", script), patience=2.0)


def test_without_packer_it_is_told_where_to_get_it() -> None:
    with pytest.raises(CannotStart, match=r"Packer is not installed .*GPU_TRANSCRIBER_PACKER"):
        find_packer("no-such-packer")
