"""A folder on a disk: memory that is a file system cannot be put out of memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tests-disk-", dir="/var/tmp") as folder:
        yield Path(folder)
