"""Signals that end a run early: raised where the work is, held back while a result is being written."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from runner.errors import Interrupted

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stop(KeyboardInterrupt):
    """A signal came; like KeyboardInterrupt no `except Exception` on the way swallows it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.signal = number


class Signals:
    """While entered, the first signal raises Stop in the main thread, or later where `held`.

    Further ones wait: the work is being brought to an end. The third ends the process at once, for a person
    whose disk does not answer. A signal that was being ignored (nohup, a job in the background) stays ignored.
    """

    def __init__(self) -> None:
        self._came: list[signal.Signals] = []
        self._holding = False
        self._raised = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what signal.signal gave us

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing interrupt what is inside; a signal that came meanwhile is raised at its end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        self.check()

    def check(self) -> None:
        """Raise Stop if a signal came and has not been raised yet."""
        if self._came and not self._raised:
            self._raised = True
            raise Stop(self._came[0])

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(signal.Signals(number))
        if len(self._came) >= 3:
            os._exit(Interrupted(self._came[0]).exit_code)
        if not self._holding:
            self.check()
