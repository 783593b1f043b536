"""The locks of the image's virtual environment: `python -m runner.image.locks cpu|cu118` writes ansible/locks/*.txt.

One file for each flavour of torch and each Python of the image's systems. What requirements.lock pins stays at that
version, so that a machine runs what the tests ran; torch, what comes with it, and transformers are the image's own,
from ansible/group_vars/all/versions.yml. No address of an index is recorded: cu118 is known to uv by that name.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runner.door.environment import LOCK
from runner.door.install import ROOT
from runner.errors import CannotStart, TranscriberError

FOLDER = ROOT / "ansible" / "locks"
VERSIONS = ROOT / "ansible" / "group_vars" / "all" / "versions.yml"
CPU = "cpu"  # the package index's own torch, which has CUDA 12 in it and does without
PLATFORM = "x86_64-manylinux_2_35"  # glibc of Ubuntu 22.04, the older of the two systems
_OF_TORCH = re.compile(r"(torch|triton|nvidia-|cuda-)")  # what another torch brings other versions of
# uv's words; a proxy or index that lets nobody in is told by its status: (403 Forbidden).
_UNREACHED = re.compile(r"error sending request|Failed to fetch|Could not connect|\((401|403|407) [A-Z]")


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: the flavour of torch, and the Python that it is for."""

    flavour: str
    python: str
    torch: str
    transformers: str

    @property
    def path(self) -> Path:
        """Where the role python_env takes it from."""
        return lock_path(self.flavour, self.python)


def lock_path(flavour: str, python: str) -> Path:
    """The file that locks a flavour of torch for a Python."""
    return FOLDER / f"{flavour}-{python}.txt"


def locks(flavour: str) -> list[Lock]:
    """The locks of a flavour, one for each Python in versions.yml; raises CannotStart for a flavour not there."""
    versions: Mapping[str, Any] = yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))
    known = (CPU, str(versions["torch_build"]["gpu"]))
    if flavour not in known:
        raise CannotStart(
            f"There is no flavour {flavour!r} of torch; {VERSIONS.name} has {' and '.join(known)}."
        )
    return [
        Lock(flavour, python, str(versions["torch_version"]), str(versions["transformers_version"][python]))
        for python in sorted(set(versions["python_version"].values()))
    ]


def write(lock: Lock, target: Path) -> None:
    """Make one lock at `target`; what it pins already and still fits stays. Raises CannotStart."""
    import uv

    flavour = [] if lock.flavour == CPU else ["--torch-backend", lock.flavour]
    with tempfile.NamedTemporaryFile("w", prefix="pins-", suffix=".txt") as pins:
        pins.writelines(f"{pin}\n" for pin in constraints(lock))
        pins.flush()
        run = subprocess.run(
            [
                uv.find_uv_bin(), "pip", "compile", "--quiet", "pyproject.toml", "--extra", "engine",
                "--constraint", pins.name, "--python-version", lock.python, "--python-platform", PLATFORM,
                "--only-binary", ":all:", "--generate-hashes", "--no-header", "--no-annotate",
                "--output-file", str(target), *flavour,
            ],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    if run.returncode:
        raise CannotStart(_why(lock, run.stderr))
    sys.stderr.write(run.stderr)


def constraints(lock: Lock) -> Iterator[str]:
    """What the lock may hold of each package: the project's own pins, and the image's of torch and transformers."""
    pins = re.findall(r"^(\w[^\n\\]*?) *\\?$", (ROOT / LOCK).read_text(encoding="utf-8"), re.MULTILINE)
    yield from (pin for pin in pins if not _OF_TORCH.match(pin) and not pin.startswith("transformers=="))
    yield f"torch=={lock.torch}"
    yield f"transformers=={lock.transformers}"


def _why(lock: Lock, stderr: str) -> str:
    """Why uv made no lock, and what to do."""
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    cause = said[-1].removeprefix("cause: ") if said else "uv said nothing"
    if _UNREACHED.search(stderr):
        where = "the package index" if lock.flavour == CPU else "PyTorch's own index of wheels"
        return (
            f"The lock {lock.path.name} cannot be made here, for it takes {where}, which does not answer ({cause}): "
            f"run `python -m runner.image.locks {lock.flavour}` on a machine that reaches it, and commit the file."
        )
    return f"uv finds no versions for {lock.path.name} that go together:\n{stderr.rstrip()}"


def main(words: Sequence[str] | None = None) -> int:
    """Write the locks of the flavour that is named; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runner.image.locks", description=__doc__)
    parser.add_argument("flavour", help="cpu, or the build of torch for GPUs that versions.yml names (cu118)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to, if not ansible/locks")
    asked = parser.parse_args(words)
    try:
        asked.folder.mkdir(parents=True, exist_ok=True)
        for lock in locks(asked.flavour):
            write(lock, asked.folder / lock.path.name)
            sys.stderr.write(f"{asked.folder / lock.path.name}: made\n")
    except TranscriberError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
