"""Machines on which single roles are tried: a Debian 12, and one that says it is Ubuntu 22.04 and has its archives."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.ansible import jammy
from tests.ansible.archive import Package
from tests.ansible.playing import Played, play
from tests.support.machines import Machine, machine
from tests.support.needs import require

Play = Callable[..., Played]
_RELEASE = """NAME="Ubuntu"
PRETTY_NAME="Ubuntu 22.04.5 LTS"
VERSION_ID="22.04"
VERSION="22.04.5 LTS (Jammy Jellyfish)"
VERSION_CODENAME=jammy
UBUNTU_CODENAME=jammy
ID=ubuntu
ID_LIKE=debian
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Play]]:
    """A fresh Debian 12, and how a role is played on it."""
    require("machines")
    with machine() as fresh:
        fresh.run("sudo apt-get -q update && sudo apt-get -qy install python3-apt")
        yield fresh, partial(play, fresh, folder=tmp_path_factory.mktemp("play"))


@pytest.fixture(scope="session")
def ubuntu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Play]]:
    """A machine that says it is Ubuntu 22.04, with stand-ins for Ubuntu's archive and NVIDIA's repository."""
    require("machines")
    place = tmp_path_factory.mktemp("archives")
    with pretended(place) as fresh:
        yield fresh, partial(play, fresh, folder=tmp_path_factory.mktemp("play"), **repository(place))


@contextmanager
def pretended(place: Path, *others: Package) -> Iterator[Machine]:
    """Such a machine; `others` are packages of NVIDIA's that differ from the stand-ins."""
    jammy.lay(place, *others)
    jammy.keyring(place / "nvidia")
    with machine() as fresh:
        fresh.run("sudo apt-get -q update && sudo apt-get -qy install python3-apt")
        fresh.run("base64 -d | sudo tar -x -z -C /srv && sudo chmod -R a+rX /srv", stdin=_packed(place))
        fresh.put(f"deb [trusted=yes] file:{jammy.UBUNTU} ./\n", "/etc/apt/sources.list.d/ubuntu.list")
        fresh.run("sudo rm /etc/os-release /etc/debian_version")
        fresh.put(_RELEASE, "/etc/os-release")
        fresh.run("sudo apt-get -q --error-on=any update")
        yield fresh


def repository(place: Path) -> dict[str, Any]:
    """The arguments that name the test's NVIDIA repository."""
    (keyring,) = (place / "nvidia").glob("cuda-keyring_*.deb")
    return {
        "nvidia_repository_url": f"file://{jammy.NVIDIA}",
        "nvidia_repository_keyring_sha256": hashlib.sha256(keyring.read_bytes()).hexdigest(),
    }


def _packed(folder: Path) -> str:
    """A folder's contents as a tar in base64, which goes through any shell."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        tar.add(folder, arcname=".")
    return base64.b64encode(held.getvalue()).decode()
