"""The engine's packages on this machine, told without importing them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from runner.doctor.disk import uv_cache
from runner.doctor.finding import Finding
from runner.door.environment import LOCK, PROJECT
from runner.door.folders import nearest
from runner.door.install import ROOT, SIZES, missing
from runner.screen.tables import in_gigabytes

MODULES = (
    "av",
    "httpx2",
    "huggingface_hub",
    "numpy",
    "onnxruntime",
    "safetensors",
    "silero_vad",
    "soundfile",
    "tokenizers",
    "torch",
    "transformers",
)


def engine() -> Iterator[Finding]:
    """Whether the engine's packages are here, or what they would cost and whether there is room for them."""
    lacking = missing("engine")
    if not lacking and (damaged := [name for name in MODULES if importlib.util.find_spec(name) is None]):
        found = f"damaged: {', '.join(damaged)} cannot be found"
        yield Finding(
            "engine", "problem", found, f"Remove {sys.prefix} and run {ROOT}/invoke, which makes it anew."
        )
        return
    if not lacking:
        cuda = installed_cuda()
        packages = ", ".join(f"{name} {version(name)}" for name in ("transformers", "av", "onnxruntime"))
        build = f"built for CUDA {cuda}" if cuda else "built without CUDA"
        yield Finding("engine", "ok", f"torch {version('torch')} {build}, {packages}")
        return
    found = "not installed" if "torch" in lacking else f"lacks {', '.join(lacking)}"
    if not (ROOT / LOCK).is_file():
        yield Finding("engine", "problem", found, f"Run pip install '{PROJECT}[engine]'.")
    elif Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
        mend = f"Use {ROOT}/invoke, which installs it, or run pip install -e '{ROOT}[engine]'."
        yield Finding("engine", "problem", f"{found} in {sys.prefix}", mend)
    else:
        yield _before_installing(found)


def _before_installing(found: str) -> Finding:
    """What ./invoke will do, and whether the disks of .venv and of uv's cache have room for it."""
    size = SIZES["engine"].get(sys.platform, 0)
    cost = f"{found} yet: the first transcription does it, {in_gigabytes(size)} on disk"
    for folder in (ROOT / ".venv", uv_cache()):
        free = shutil.disk_usage(nearest(folder)).free
        if free < size:
            mend = f"Free {in_gigabytes(size - free)} more there; what takes space is listed below."
            return Finding("engine", "problem", f"{cost}, but {folder} has {in_gigabytes(free)} free", mend)
    return Finding("engine", "note", cost, "Nothing to mend; `./invoke transcribe` does it by itself.")


def needed_cuda() -> str | None:
    """The CUDA version of the installed PyTorch, empty where it has none; else the locked one's; None if unknown."""
    return installed_cuda() if importlib.util.find_spec("torch") else _locked_cuda()


def installed_cuda() -> str:
    """The CUDA version in torch/version.py, which is read, not imported; empty where it names none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        return ""
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda\b[^=]*=\s*'([^']+)'", text, re.MULTILINE)
    return found[1] if found else ""


def _locked_cuda() -> str | None:
    """The newest CUDA in the lock beside this package."""
    lock = ROOT / LOCK
    if not lock.is_file():
        return None
    found = re.findall(r"^cuda-toolkit==(\d+)\.(\d+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return ".".join(max(found, key=lambda pair: tuple(map(int, pair)))) if found else None
