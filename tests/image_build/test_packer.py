"""Packer as a program: found or not, new enough or not, with which plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.image.packer import Packer, find_packer, installed_plugins, satisfies


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "wanted", "met"),
    [
        ("1.16.0", ">= 1.11", True),
        ("1.6.6", ">= 1.11", False),
        ("1.8.3", ">= 1.8.0, < 2", True),
        ("2.0.0", ">= 1.8.0, < 2", False),
        ("1.8.3", "~> 1.8", True),
        ("1.9.0", "~> 1.8.1", False),
        ("1.8.1", "= 1.8.1", True),
        ("1.8.1", "!= 1.8.1", False),
        ("0.1", "", True),
    ],
)
def test_versions_are_held_against_constraints_as_packer_writes_them(
    version: str, wanted: str, met: bool
) -> None:
    assert satisfies(version, wanted) is met


def test_packer_is_told_by_its_version(tmp_path: Path) -> None:
    path = program(tmp_path / "packer", "echo 'Packer v1.14.2'")

    assert find_packer(str(path)) == Packer(str(path), "1.14.2")


@pytest.mark.parametrize("script", ["echo 'skipping line: 1'", "exit 1"])
def test_another_program_of_the_name_is_no_packer(script: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="is not HashiCorp's Packer"):
        find_packer(str(program(tmp_path / "packer", script)))


def test_without_packer_it_is_told_where_to_get_it() -> None:
    with pytest.raises(CannotStart, match=r"Packer is not installed .*GPU_TRANSCRIBER_PACKER"):
        find_packer("no-such-packer")


def test_installed_plugins_are_known_by_source_and_version(tmp_path: Path) -> None:
    folder = "/root/.config/packer/plugins/github.com/hashicorp"
    files = (
        "amazon/packer-plugin-amazon_v1.8.3_x5.0_linux_amd64",
        "ansible/packer-plugin-ansible_v1.1.7_x5.0_linux_amd64",
    )
    listed = "\n".join(f"{folder}/{file}" for file in files)
    path = program(tmp_path / "packer", f"cat <<'END'\n{listed}\nEND")

    assert installed_plugins(Packer(str(path), "1.16.0")) == {
        "github.com/hashicorp/amazon": ["1.8.3"],
        "github.com/hashicorp/ansible": ["1.1.7"],
    }
