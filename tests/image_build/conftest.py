"""What the tests of a build stand on: AWS on this machine, and a file of images of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.image import ami_id
from tests.cloud.conftest import account, aws

__all__ = ["account", "aws"]


@pytest.fixture(autouse=True)
def ami_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ami_id.txt that is not the checkout's."""
    path = tmp_path / "ami_id.txt"
    monkeypatch.setattr(ami_id, "FILE", path)
    return path
