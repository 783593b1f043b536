"""A local run keeps to itself: with the model in the cache it opens no connection, and needs no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engine.models.chain import Checkpoint
from runner.engine.models.demonstration import DEMONSTRATION
from runner.settings import load_settings
from tests.support.needs import needs
from tests.support.speech import speech_file

ROOT = Path(__file__).parent.parent
SPEAKING = "connect,sendto,sendmsg,sendmmsg"  # every way to name an address


def cut_off(folder: Path, *command: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run where no network is, not even loopback; returns with it the calls that named an internet address.

    The environment is a person's, not a build server's: there, some libraries hold back what they would send.
    """
    log, home = folder / "calls", folder / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    environment["GPU_TRANSCRIBER_CACHE"] = str(load_settings().cache)
    watched = [
        "unshare",
        "--net",
        "strace",
        "--follow-forks",
        f"--trace={SPEAKING}",
        f"--output={log}",
        *command,
    ]
    done = subprocess.run(watched, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    return done, re.findall(r".*AF_INET.*", log.read_text())


@pytest.mark.slow
@needs("linux", "root", "debian:strace")
def test_a_local_run_opens_no_connection_and_leaves_nothing_behind(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    clip = speech_file(seconds=5.0)
    command = [sys.executable, "-m", "runner", "transcribe", f"--model={DEMONSTRATION}"]
    done, calls = cut_off(tmp_path, *command, f"--output={tmp_path / 'results'}", str(clip.path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert calls == []
    # An identifier in the home folder is how telemetry begins, before the first connection.
    assert list((tmp_path / "home").rglob("*")) == []


@needs("linux", "root", "debian:strace")
def test_a_connection_would_have_been_seen(tmp_path: Path) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done, calls = cut_off(tmp_path, sys.executable, "-c", code)
    assert "Network is unreachable" in done.stderr
    assert len(calls) == 1
