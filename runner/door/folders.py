"""Folders that may not be there yet."""

from __future__ import annotations

import os
from pathlib import Path


def nearest(folder: Path) -> Path:
    """`folder`, or the first above it that exists."""
    place = folder.absolute()
    return next(path for path in (place, *place.parents) if os.path.lexists(path))
