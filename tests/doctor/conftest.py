"""The doctor in situations that really are: other tools on PATH, other folders, no hub."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.doctor import Tool

NOWHERE = "http://127.0.0.1:1"  # a port on which nothing listens


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home, a cache and results of the test's own, and a hub that is not there."""
    for name in ("cache", "home"):
        (tmp_path / name).mkdir()
    for name in [name for name in os.environ if name.startswith(("AWS_", "HF_")) or "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GPU_TRANSCRIBER_OUTPUT", str(tmp_path / "results"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program of this name, which is this shell script, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put
