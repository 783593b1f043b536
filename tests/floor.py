"""A second virtual environment with the oldest torch that the engine may meet: the one of the machine image."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import uv

ROOT = Path(__file__).resolve().parent.parent
TORCH = "2.7.1"
FOLDER = ROOT / ".venv.floor"
PYTHON = FOLDER / "bin" / "python"
NEEDED = 9_000_000_000  # bytes, while installing: 5 GB of it stays
BROUGHT = re.compile(r"(torch|triton|nvidia-|cuda-)")  # what another torch brings other versions of


def install() -> bool:
    """Make the environment, or bring it up to date; say what is about to be fetched."""
    free = shutil.disk_usage(ROOT).free
    if not PYTHON.exists() and free < NEEDED:
        print(f"The floor needs {NEEDED / 1e9:.0f} GB of disk and {free / 1e9:.1f} GB are free; free some.")
        return False
    if not PYTHON.exists():
        print(f"Making {FOLDER.name} with torch {TORCH} and its CUDA libraries: 5 GB, once.", flush=True)
        if not _uv("venv", "--quiet", "--clear", "--python", ">=3.10,<3.14", str(FOLDER)):
            return False
    constraints = FOLDER / "constraints.txt"
    constraints.write_text("".join([f"torch=={TORCH}\n", *other_pins()]))
    return _uv(
        "pip", "install", "--quiet", "--python", str(PYTHON),
        "--constraint", str(constraints), "--build-constraint", str(constraints), "--editable", ".[engine,test]",
    )  # fmt: skip


def other_pins() -> list[str]:
    """Return the lock's entries, hashes and all, of everything that does not come with torch."""
    entries = re.findall(r"^\w.*?\n(?:[ \t].*\n)*", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return [entry for entry in entries if not BROUGHT.match(entry)]


def _uv(*arguments: str) -> bool:
    run = subprocess.run([uv.find_uv_bin(), *arguments], cwd=ROOT, stdout=sys.stderr)
    return run.returncode == 0
