"""A machine baked by the real Packer with the real roles, for the processor and with the demonstration model.

Baking takes minutes, so the result is kept under a digest of all that went in, and every test boots its own copy of
it. Continuous integration (CI=true) bakes once a run, whatever is kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import packer
from tests.support.checkout import ROOT
from tests.support.machines.machine import Machine, make
from tests.support.machines.places import BENCH, locked
from tests.support.machines.roots import Root, base

BAKED = BENCH / "baked"
INGREDIENTS = (
    "packer",
    "ansible",
    "runner",
    "samples",
    "tests/image",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
VARIABLES = {"gpu": "false", "model_source": "demonstration", "git_sha": "0" * 40, "reboot_pause": "2s"}


@dataclass(frozen=True)
class Bake:
    """A build that succeeded: what the machine became, what Packer wrote and what it said."""

    folder: Path

    @property
    def root(self) -> Root:
        """The baked machine's layers: as an image, it has no identity until it is booted."""
        return Root((self.folder / "upper", *map(Path, (self.folder / "below").read_text().split())))

    @property
    def output(self) -> Path:
        """Where manifest.json, checks.json, junit.xml and inventory.json are."""
        return self.folder / "output"

    @property
    def log(self) -> str:
        return (self.folder / "packer.log").read_text()


def bake() -> Bake:
    """The baked machine of this checkout as it stands; baked now if there is none, or if CI=true."""
    folder = BAKED / _digest()
    with locked("baking.lock"):
        if not (folder / "below").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _bake(folder)
            _forget_older(folder)
    return Bake(folder)


def host_variables(machine: Machine, output: Path) -> dict[str, str]:
    """What Packer must be told to bake this machine, which is ours to wipe."""
    return {
        **VARIABLES,
        "disposable": "true",
        "host_address": machine.address,
        "host_user": machine.user,
        "host_private_key_file": str(machine.key),
        "output": str(output),
    }


def _bake(folder: Path) -> None:
    (folder / "output").mkdir(parents=True)
    print(f"Baking a machine with {packer.find()}: minutes", flush=True)
    below = base()
    machine = make(below)
    try:
        machine.boot()
        template = packer.template(folder, "null.host")
        variables = host_variables(machine, folder / "output")
        log = folder / "packer.log"
        with log.open("w") as file:
            code = packer.start("build", template, variables, "-timestamp-ui", log=file).wait(timeout=3600)
        if code != 0:
            raise BakeFailed(f"Packer ended with {code}\n{tail(log.read_text())}")
        machine.poweroff()
        (machine.folder / "upper").rename(folder / "upper")
        (folder / "below").write_text("\n".join(map(str, below.layers)))
    finally:
        machine.remove()


class BakeFailed(Exception):
    """A bake that should have succeeded; the message ends with what Packer said last."""


def tail(text: str, lines: int = 60) -> str:
    return "\n".join(text.splitlines()[-lines:])


def ingredients() -> Iterator[Path]:
    """The files of this checkout that make a baked machine what it is."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *INGREDIENTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for name in sorted(set(filter(None, listed.stdout.split("\0")))):
        if (path := ROOT / name).is_file():
            yield path


def _digest() -> str:
    if os.environ.get("CI") == "true":
        return f"run-{os.getpid()}"
    total = hashlib.sha256(f"{base().layers} {packer.find()}".encode())
    for path in ingredients():
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def _forget_older(newest: Path) -> None:
    """Keep no baked machine but the newest two and those that a machine still stands on: each takes 6 GB."""
    used = "".join(spec.read_text() for spec in BENCH.glob("machines/*/spec.json"))
    by_age = sorted(BAKED.iterdir(), key=lambda folder: folder.stat().st_mtime)
    for older in by_age[:-2]:
        if older != newest and str(older) not in used:
            shutil.rmtree(older, ignore_errors=True)
