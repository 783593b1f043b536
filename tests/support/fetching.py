"""Fetching a model from the stand-in hub, here or in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runner.engine.models import hub as client
from runner.engine.models import store
from runner.engine.models.registry import STANDARD
from tests.support.hub import Hub
from tests.support.whisper import checkpoint_files

MODEL = "org/whisper"
BLOCK = 1 << 16  # bytes that the client receives at once

_FETCH = """
import sys
from pathlib import Path
from runner.engine.models import hub
record = hub.download(sys.argv[1], cache=Path(sys.argv[2]), timeout=20.0, notice=print)
print("revision", record.revision)
"""


def fetch(cache: Path, model: str = MODEL, timeout: float = 20.0, style: str = STANDARD) -> store.Record:
    """Download into this cache."""
    return client.download(model, cache=cache, timeout=timeout, notice=print, style=style)


def fetch_published(hub: Hub, cache: Path, seed: int) -> store.Record:
    """Publish a checkpoint and download it."""
    hub.publish(MODEL, checkpoint_files(seed=seed))
    return fetch(cache)


def content(cache: Path, record: store.Record) -> dict[str, bytes]:
    """The files of what was downloaded."""
    return {path.name: path.read_bytes() for path in store.folder_of(cache, record).iterdir()}


def child(cache: Path, **environment: str) -> subprocess.Popen[str]:
    """A process that downloads, and prints the revision."""
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, MODEL, str(cache)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
