"""Packer as a program: new enough or not, with which plugins, and asked once."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from runner.door.packer import Packer
from runner.errors import CannotStart
from runner.image.packer import Installed, installed_plugins, satisfies


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


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            "echo 'no such folder' >&2; exit 1",
            r"cannot say which plugins it has \(no such folder\): make .* work",
        ),
        ("exit 2", r"cannot say which plugins it has \(it gave no reason\)"),
        ("exec sleep 60", r"did not say in 0 s which plugins it has: run .* plugins installed"),
    ],
)
def test_a_packer_that_cannot_list_its_plugins_is_told(
    script: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sleep" in script:
        monkeypatch.setattr("runner.image.packer.PATIENCE", 0.2)
    path = program(tmp_path / "packer", script)

    with pytest.raises(CannotStart, match=sentence):
        installed_plugins(Packer(str(path), "1.16.0"))


def test_packer_and_its_plugins_are_asked_once_by_however_many(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    path = program(tmp_path / "packer", f"echo $1 >> {asked}; sleep 0.2; echo Packer v1.16.0")
    installed = Installed(str(path))
    threads = [Thread(target=ask) for ask in (installed.packer, installed.plugins, installed.packer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert installed.packer() == Packer(str(path), "1.16.0")
    assert asked.read_text().split() == ["version", "plugins"]


def test_a_packer_that_is_none_is_asked_once_too(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    installed = Installed(str(program(tmp_path / "packer", f"echo $1 >> {asked}; exit 1")))
    for ask in (installed.packer, installed.plugins):
        with pytest.raises(CannotStart, match="is not HashiCorp's Packer"):
            ask()

    assert asked.read_text().split() == ["version"]
