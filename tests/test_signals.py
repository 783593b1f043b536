"""Ended early: what is finished is kept, the exit code says why, and the next run goes on from there."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.engine.models.chain import Checkpoint
from tests.support.command import running, transcribe
from tests.support.speech import speech_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(checkpoint: Checkpoint) -> dict[str, str]:
    """One window at a time, so that there are finished ones early on."""
    return {"GPU_TRANSCRIBER_MODEL": str(checkpoint.folder), "GPU_TRANSCRIBER_BATCH_SIZE": "1"}


@pytest.fixture(scope="module")
def long() -> Path:
    """More speech than one window holds."""
    return speech_file(40).path


# The command with the terminal on its standard input as the one that controls it, as a shell has it.
TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("runner", {}, "__main__")
"""


def heard(seconds: float) -> Any:
    """Recognise a record that says so many seconds, or more, have been heard."""
    return lambda line: json.loads(line).get("seconds", 0.0) >= seconds


def result(folder: Path) -> tuple[dict[str, Any], str]:
    """The metadata and the text of the only result in the only run."""
    (metadata,) = folder.glob("results/*/*/metadata.json")
    assert sorted(path.name for path in metadata.parent.parent.iterdir()) == [metadata.parent.name]
    return json.loads(metadata.read_text("utf-8")), (metadata.parent / "transcription.txt").read_text("utf-8")


def test_what_is_finished_when_a_person_interrupts_is_kept_and_resumed(
    tmp_path: Path, long: Path, environment: dict[str, str]
) -> None:
    with running(long, "--log-json", folder=tmp_path, environment=environment) as run:
        run.wait_for(heard(31))
        run.interrupt(signal.SIGINT)
        run.interrupt(signal.SIGINT)  # impatient
        done = run.end()
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["message"].startswith(
        "ended early by SIGINT: run again with"
    )
    metadata, text = result(tmp_path)
    assert metadata["complete"] is False
    assert 0 < metadata["durations"]["heard"] < metadata["durations"]["audio"]
    assert text == done.stdout != ""

    again = transcribe(long, "--resume", folder=tmp_path, environment=environment)
    assert again.returncode == 0, again.stderr
    metadata, whole = result(tmp_path)
    assert metadata["complete"] is True
    assert whole == again.stdout
    assert whole.startswith(text.rstrip()[:40])
    assert len(whole) > len(text)


def test_what_is_finished_when_the_system_ends_us_is_kept(
    tmp_path: Path, long: Path, environment: dict[str, str]
) -> None:
    with running(long, "--log-json", folder=tmp_path, environment=environment) as run:
        run.wait_for(heard(31))
        run.interrupt(signal.SIGTERM)
        done = run.end()
    assert done.returncode == 143, done.stderr
    metadata, text = result(tmp_path)
    assert metadata["complete"] is False
    assert text == done.stdout != ""


def test_what_is_finished_when_the_terminal_is_closed_is_kept(
    tmp_path: Path, long: Path, environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, "transcribe", str(long)],
        cwd=tmp_path,
        env={**os.environ, **environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while not re.search(rb"0:3\d of 0:4\d", shown):
        shown += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(timeout=300) == 129
    metadata, text = result(tmp_path)
    assert metadata["complete"] is False
    assert text


def test_a_signal_while_the_model_loads_leaves_nothing(
    tmp_path: Path, long: Path, environment: dict[str, str]
) -> None:
    with running(long, folder=tmp_path, environment=environment) as run:
        run.wait_for(lambda line: line.startswith("Loading "))
        run.interrupt(signal.SIGHUP)
        done = run.end()
    assert (done.returncode, done.stdout) == (129, "")
    assert done.stderr.splitlines()[-1] == "error: ended early by SIGHUP"
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_hub_does_not_answer_ends_the_wait(tmp_path: Path, long: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub:
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.getsockname()[1]}",
            "GPU_TRANSCRIBER_CACHE": str(tmp_path / "cache"),
            "GPU_TRANSCRIBER_HUB_TIMEOUT": "120",
        }
        with running(long, folder=tmp_path, environment=environment) as run:
            hub.settimeout(120)
            connection, _ = hub.accept()
            with connection:
                run.interrupt(signal.SIGTERM)
                done = run.end()
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr.splitlines()[-1] == "error: ended early by SIGTERM"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
