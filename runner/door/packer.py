"""Packer, found by its name or path and told from other programs of that name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from runner.errors import CannotStart

QUIET = {"CHECKPOINT_DISABLE": "1"}  # Packer would ask its maker for news
PATIENCE = 8.0  # seconds for its answer


@dataclass(frozen=True, slots=True)
class Packer:
    """A Packer that runs here."""

    path: str
    version: str


def find_packer(named: str, patience: float = PATIENCE) -> Packer:
    """The Packer of that name or path; raises CannotStart where it is none: some systems have another of the name."""
    path = shutil.which(named)
    if path is None:
        raise CannotStart(
            f"Packer is not installed ({named}): install it from developer.hashicorp.com/packer, or name one in "
            "GPU_TRANSCRIBER_PACKER."
        )
    try:
        done = subprocess.run(
            [path, "version"],
            capture_output=True,
            text=True,
            timeout=patience,
            env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL,
        )
        said = re.search(r"Packer v?(\d\S*)", done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):  # ValueError: it speaks no text
        said = None
    if said is None:
        raise CannotStart(
            f"{path} is not HashiCorp's Packer, or does not run: name another in GPU_TRANSCRIBER_PACKER."
        )
    return Packer(path, said[1])
