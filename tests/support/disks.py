"""Small disks and read-only ones, mounted for a test: what root may do anywhere else, root may not do on these."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.needs import require


@contextmanager
def small_disk(path: Path, kibibytes: int) -> Iterator[Path]:
    """Mount an empty disk of this size on a new folder."""
    with _mounted(path, f"size={kibibytes}k"):
        yield path


@contextmanager
def read_only_disk(path: Path) -> Iterator[Path]:
    """Mount an empty disk that nobody may write to on a new folder."""
    with _mounted(path, "size=4k,ro"):
        yield path


@contextmanager
def _mounted(path: Path, options: str) -> Iterator[None]:
    require("linux", "root")
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True, timeout=60)
