"""The parent's side of a contestant: started, asked, stopped while others have their turn, ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from runner.errors import EngineFailed
from tests.bench.contestants import Entry
from tests.bench.terms import Terms

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One contestant's process; a context manager that leaves nothing running."""

    def __init__(self, entry: Entry, terms: Terms) -> None:
        self.entry = entry
        self.log = tempfile.TemporaryFile(prefix="bench-")  # noqa: SIM115 - closed by __exit__
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.child", entry.name, terms.to_json()],
            cwd=ROOT,
            env=_environment(terms),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent, which ends its children
        )

    @property
    def pid(self) -> int:
        return self.child.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer; raises EngineFailed where the process ends without one."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self.child.stdin, flush=True)
            line = self.child.stdout.readline()
        if not line:
            raise EngineFailed(f"{self.entry.name} broke down: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineFailed(f"{self.entry.name} cannot go on: {answer['error']}")
        return answer

    def hear(self, paths: Sequence[Path], most: float | None = None) -> dict[str, Any]:
        return self.ask(do="transcribe", paths=[str(path.absolute()) for path in paths], most=most)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let the process run, and only for so long: an idle contestant must take nothing from the others."""
        os.kill(self.pid, signal.SIGCONT)
        yield
        os.kill(self.pid, signal.SIGSTOP)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.log.close()

    def _last_words(self) -> str:
        code = self.child.wait()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {code} and said nothing"


def _environment(terms: Terms) -> dict[str, str]:
    """The person's own, with the same threads for everybody, idle ones asleep, and no way to the hub."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(terms.threads),
        "OMP_WAIT_POLICY": "passive",  # what CTranslate2 does by itself; torch's would spin
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if terms.device == "cuda":  # CTranslate2 looks for CUDA's libraries on the system; torch brought them
        brought = Path(sysconfig.get_path("purelib")).glob("nvidia/*/lib")
        paths = [os.environ.get("LD_LIBRARY_PATH", ""), *map(str, sorted(brought))]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, paths))
    return environment
