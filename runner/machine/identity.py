"""What a warm-up holds for: the GPU, its driver, and the versions of what ran. Only the standard library here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

PROC = Path("/proc/driver/nvidia")


@dataclass(frozen=True, slots=True)
class Identity:
    """A machine as its caches know it; `gpu` and `driver` are None without a GPU, `program` sums up our own package."""

    gpu: str | None
    driver: str | None
    torch: str
    project: str
    program: str
    model: str
    revision: str
    style: str

    @property
    def key(self) -> str:
        """A folder's name for what is compiled for this GPU and driver."""
        return _slug(f"{self.gpu}-{self.driver}") if self.gpu else "cpu"


def gpu(proc: Path = PROC) -> str | None:
    """The name of the first NVIDIA GPU that the driver has; None without one."""
    for information in sorted(proc.glob("gpus/*/information")):
        if found := re.search(r"^Model:\s*(.+?)\s*$", information.read_text(), re.MULTILINE):
            return found[1]
    return None


def driver(proc: Path = PROC) -> str | None:
    """The version of NVIDIA's kernel module that is loaded; None where none is."""
    try:
        found = re.search(r"NVRM version:.*?\s(\d+\.\d[\d.]*)\s", (proc / "version").read_text())
    except OSError:
        return None
    return found[1] if found else None


def identify(model: str, revision: str, style: str) -> Identity:
    """This machine, with the model that it is warmed with."""
    return Identity(
        gpu(),
        driver(),
        _version("torch"),
        _version("gpu-transcriber"),
        _record_of("gpu-transcriber"),
        model,
        revision,
        style,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _record_of(package: str) -> str:
    """A sum over the package's own list of files and their sums: two wheels of one version differ in it."""
    import hashlib

    return hashlib.sha256((distribution(package).read_text("RECORD") or "").encode()).hexdigest()[:16]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
