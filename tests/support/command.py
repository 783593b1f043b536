"""The command as a person runs it: a process of its own, in a folder of its own, hearing with the tests' model."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Done = subprocess.CompletedProcess[str]
PATIENCE = 300  # seconds that a run may take on a slow machine


def transcribe(
    *words: str | Path, folder: Path, stdin: bytes | None = None, environment: dict[str, str] | None = None
) -> Done:
    """Run `transcribe` with these words in the folder, and return what it printed and its exit code."""
    done = subprocess.run(
        _command(words),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=PATIENCE,
    )
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Running:
    """A run under way; `said` is what it has written to standard error so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def wait_for(self, wanted: Callable[[str], bool]) -> None:
        """Wait until a line that is wanted has been said; a run that ends without it fails the test."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended or any(map(wanted, self.said)), PATIENCE), (
                self.said
            )
            assert any(map(wanted, self.said)), self.said

    def interrupt(self, number: int) -> None:
        """Send a signal to the run and what it started, as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self) -> Done:
        """Wait for the end and return what was printed."""
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join()
        return Done(self.process.args, code, out, "".join(self.said))

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self.said.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def running(*words: str | Path, folder: Path, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Start `transcribe` in a process group of its own; what is left of it at the end is killed."""
    with subprocess.Popen(
        _command(words),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def _command(words: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "runner", "transcribe", *map(str, words)]
