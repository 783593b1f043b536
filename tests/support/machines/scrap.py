"""What becomes of machines that nobody needs any more; call both functions while `locked`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.machines import groups, network
from tests.support.machines.places import MACHINES, Spec, keeper_of


def release(folder: Path) -> None:
    """Forget the machine, and take the bridge down after the last one."""
    groups.clear(folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    if not any(MACHINES.iterdir()):
        network.take_down()


def sweep() -> None:
    """Scrap what runs that are gone left behind."""
    for folder in MACHINES.glob("bench-*"):
        try:
            owner = Spec.read(folder).owner
        except (OSError, ValueError):  # its making was cut short
            release(folder)
            continue
        if owner is not None and not owner.alive and keeper_of(folder) is None:
            release(folder)
