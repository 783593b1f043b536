"""Slices of the one lock, installed when they are first needed: the engine, and what the tests need."""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

from runner.door.environment import LOCK, PROJECT, bring_up_to_date, notice
from runner.errors import CannotStart, DiskFull, EngineMissing

ROOT = Path(__file__).resolve().parents[2]

# Bytes on disk by system, measured. On Linux torch brings CUDA's libraries.
SIZES = {
    "engine": {"linux": 5_900_000_000, "darwin": 950_000_000},
    "test": {"linux": 110_000_000, "darwin": 110_000_000},
    "bench": {"linux": 160_000_000, "darwin": 60_000_000},
    "image": {"linux": 260_000_000, "darwin": 260_000_000},
}


def ensure_engine() -> None:
    """Install what turns audio into text here, unless it is; raises EngineMissing, DiskFull, CannotStart."""
    if missing("engine") and sys.platform == "darwin" and platform.machine() == "x86_64":
        raise EngineMissing(
            "The engine needs Linux or a Mac with an Apple processor: torch is not built for Intel's."
        )
    install("engine")


def missing(extra: str) -> list[str]:
    """Name the packages of one extra in pyproject.toml that are not installed."""
    of_extra = re.compile(rf"([\w.-]+)[^;]*; extra == ['\"]{re.escape(extra)}['\"]")
    needed = [found[1] for line in requires(PROJECT) or [] if (found := of_extra.fullmatch(line))]
    if not needed:
        raise ValueError(f"{PROJECT} has no extra {extra!r}")
    return [name for name in needed if not _is_installed(name)]


def install(*extras: str) -> None:
    """Install those of the extras that are not complete, from the lock, into the checkout's own .venv.

    Says how much disk it takes. Raises EngineMissing where there is no such .venv, DiskFull, CannotStart.
    """
    wanted = [extra for extra in extras if missing(extra)]
    if not wanted:
        return
    listed = ",".join(wanted)
    if not (ROOT / LOCK).is_file():
        raise EngineMissing(f"Parts are not installed: run pip install '{PROJECT}[{listed}]' and try again.")
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        raise EngineMissing(
            f"Parts are not installed in {sys.prefix}: run pip install -e '{ROOT}[{listed}]', or use {ROOT}/invoke."
        )
    size = sum(SIZES[extra].get(sys.platform, 0) for extra in wanted)
    notice(f"installing the {' and the '.join(wanted)} packages, once: {size / 1e9:.1f} GB on disk")
    _check_space(size)
    bring_up_to_date(ROOT, wanted)
    importlib.invalidate_caches()


def compile_lock(target: Path = ROOT / LOCK) -> None:
    """Write the lock of all extras for every system and Python; what `target` pins already and still fits stays.

    Raises CannotStart where uv finds no versions that go together, or cannot reach the package index.
    """
    import uv

    options = ["--universal", "--all-extras", "--python-version", "3.10", "--generate-hashes", "--no-header"]
    compiler = [uv.find_uv_bin(), "pip", "compile", "--quiet", "pyproject.toml", "--output-file", str(target)]
    if subprocess.run([*compiler, *options], cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
        raise CannotStart("The lock could not be made, for the reason above.")


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _check_space(size: int) -> None:
    """Raise DiskFull if the packages do not fit; uv keeps a copy in its cache, which costs nothing on the same disk."""
    import uv

    found = subprocess.run([uv.find_uv_bin(), "cache", "dir"], stdout=subprocess.PIPE, text=True, check=True)
    cache = Path(found.stdout.strip())
    cache.mkdir(parents=True, exist_ok=True)
    for folder in (ROOT / ".venv", cache):
        free = shutil.disk_usage(folder).free
        if free < size:
            raise DiskFull(
                f"{folder} has {free / 1e9:.1f} GB free where {size / 1e9:.1f} GB are needed; free some and try again.",
                path=folder,
            )
