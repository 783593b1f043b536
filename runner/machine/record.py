"""The record of a finished machine, .setup_complete: every version and digest, found on the machine itself.

    python -m runner.machine.record --home /opt/transcribe --asked '{"gpu": true, …}'

`--asked` is what the bake was told: gpu, disposable, take_over, git_sha, model, style and demonstration. Prints JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runner.engine.models import store
from runner.errors import CannotStart, TranscriberError
from runner.machine import identity

SCHEMA = 1
NVCC = Path("/usr/local/cuda/bin/nvcc")
_CUDNN = ("libcudnn9-cuda-11", "libcudnn9-cuda-12", "libcudnn8")


def describe(home: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The record without the time at which it is written; raises CannotStart where a part of it is not there."""
    release = platform.freedesktop_os_release()
    installed = _json(home / "venv" / "installed.json")
    warmth = _json(home / "cache" / "warm.json")["identity"]
    gpu = bool(asked["gpu"])
    return {
        "schema": SCHEMA,
        "gpu": gpu,
        "disposable": bool(asked["disposable"]),
        "take_over": bool(asked["take_over"]),
        "platform": {"id": release["ID"], "version": release["VERSION_ID"]},
        "git_sha": str(asked["git_sha"]),
        "kernel": os.uname().release,
        "driver": _driver() if gpu else None,
        "cuda": _cuda() if gpu else None,
        "cudnn": _cudnn() if gpu else None,
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "project": version("gpu-transcriber"),
        "wheel_sha256": installed["wheel_sha256"],
        "lock_sha256": installed["lock_sha256"],
        "venv_sha256": venv_sha256(home / "venv"),
        "model": _model(home, str(asked["model"]), str(asked["style"])),
        "demonstration": bool(asked["demonstration"]),
        "cache": {"gpu": warmth["gpu"], "driver": warmth["driver"]},
    }


def venv_sha256(venv: Path) -> str:
    """One sum over the RECORD of every package, which holds the sum of every file of it.

    The same as: cd venv/lib/python3.*/site-packages && LC_ALL=C sha256sum -- *.dist-info/RECORD | sha256sum
    """
    (packages,) = venv.glob("lib/python3.*/site-packages")
    whole = hashlib.sha256()
    for record in sorted(packages.glob("*.dist-info/RECORD"), key=lambda path: os.fsencode(path.parent.name)):
        whole.update(f"{store.sha256(record)}  {record.relative_to(packages)}\n".encode())
    return whole.hexdigest()


def _model(cache: Path, model: str, style: str) -> dict[str, Any]:
    """The model and the sums of its files as they are, not as they were once recorded."""
    record = store.read_record(cache, model, style)
    if record is None:
        raise CannotStart(
            f"{store.record_path(cache, model, style)} cannot be read (no record of {model} is there): "
            "the role that writes it did not finish."
        )
    folder = store.folder_of(cache, record)
    files = {path.name: store.sha256(path) for path in sorted(folder.iterdir())}
    return {
        "id": record.id,
        "revision": record.revision,
        "style": style,
        "folder": str(folder),
        "files": files,
    }


def _driver() -> dict[str, str] | None:
    """NVIDIA's kernel module as it is installed; None where there is none."""
    found = _says("modinfo", "-F", "version", "nvidia") or identity.driver()
    if not found:
        return None
    licence = _says("modinfo", "-F", "license", "nvidia") or ""
    return {"version": found, "flavour": "open" if "GPL" in licence else "proprietary"}


def _cuda() -> str | None:
    """The toolkit's version, such as 11.8; None where there is none."""
    said = _says(str(NVCC) if NVCC.exists() else "nvcc", "--version") or ""
    found = re.search(r"release (\d+\.\d+)", said)
    return found[1] if found else None


def _cudnn() -> str | None:
    for package in _CUDNN:
        if found := _says("dpkg-query", "--show", "--showformat", "${Version}", package):
            return found.split("-")[0]
    return None


def _says(*command: str) -> str | None:
    """What a command prints; None where there is no such command or it fails."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"{path} cannot be read ({error}): the role that writes it did not finish."
        ) from error
    return dict(content)


def main(words: Sequence[str] | None = None) -> int:
    """Print the record; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runner.machine.record", description="Describe a machine."
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--asked", type=json.loads, required=True)
    asked = parser.parse_args(words)
    try:
        print(json.dumps(describe(asked.home, asked.asked), indent=2))  # noqa: T201
    except TranscriberError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
