"""One recording on its way from its file to its result."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.filing.metadata import Summed
from runner.filing.results import Filed
from runner.inputs import Input

if TYPE_CHECKING:
    from runner.engine.audio.recording import Recording
    from runner.engine.options import Update
    from runner.engine.transcription import Transcription


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording that was opened, its sum, and what the engine makes of it."""

    opened: Recording
    summed: Summed
    transcription: Transcription


@dataclass(slots=True)
class Hearing:
    """A recording that has its turn, `number` counted from 0; `ended` is what ended it before its end.

    `alone` says that it is the only one of the run; `unfinished` is what an earlier run has of it.
    """

    number: int
    recording: Input
    unfinished: Filed | None
    alone: bool
    heard: Heard | None = None
    ended: BaseException | None = None
    update: Update | None = None  # the latest of its progress
    stack: ExitStack = field(default_factory=ExitStack)
    is_printed: bool = False
    is_delivered: bool = False  # filed, or its failure told
    began: float = field(default_factory=time.perf_counter)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.ended is not None or (self.heard is not None and self.heard.transcription.is_over)

    @property
    def work(self) -> float:
        """Seconds that it took: by the clock, or its share where it was heard together with others."""
        if self.alone or self.heard is None:
            return time.perf_counter() - self.began
        return sum(self.heard.transcription.seconds.values())

    def close(self) -> None:
        """End what reads the recording; a second time does nothing."""
        self.stack.close()
