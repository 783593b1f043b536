"""What became of each recording of a run: told at once, listed at the end, and summed up in an exit code."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from runner.errors import EngineFailed, TranscriberError
from runner.filing.results import Filed
from runner.inputs import Input
from runner.screen.console import Outcome, Screen
from runner.transcript import Fallback, Transcript

LANGUAGE_SURE = (
    0.8  # of the language tokens' probability: a small model takes accents for other languages below it
)
WORST_LAST = (0, 3, 4, 5, 1)  # exit codes of single recordings, by how much they matter

_log = logging.getLogger("runner.session")


def out_of_memory() -> EngineFailed:
    """What to say where this machine's memory did not suffice."""
    return EngineFailed(
        "this machine ran out of memory: close other programs, set GPU_TRANSCRIBER_BATCH_SIZE=1, or name a smaller "
        "model with --model"
    )


class Report:
    """Gathers outcomes, one a recording, and failures, of which a recording that is half done has one too."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.outcomes: list[Outcome] = []
        self.failures: list[TranscriberError] = []
        self._told: set[object] = set()

    def skipped(self, recording: Input, filed: Filed) -> None:
        """Note a recording that an earlier run has done."""
        audio, speech = (filed.metadata["durations"].get(name) for name in ("audio", "speech"))
        self.outcomes.append(Outcome(recording.name, "skipped", filed.folder.name, audio, speech))

    def fallbacks(self, fallbacks: Iterable[Fallback]) -> None:
        """Say, once each, where the engine does other than asked; the model's was said when it was chosen."""
        for fallback in fallbacks:
            if fallback.subject != "model" and fallback not in self._told:
                self._told.add(fallback)
                self.screen.warning(
                    f"{fallback.subject}: {fallback.used} instead of {fallback.wanted} ({fallback.reason})"
                )

    def filed(self, recording: Input, transcript: Transcript, folder: Path, work: float) -> Outcome:
        """Note a result, and say what the person should know about it besides its words."""
        state: Literal["done", "partial"] = "done" if transcript.complete else "partial"
        audio, speech = transcript.duration, transcript.speech_duration
        self.outcomes.append(Outcome(recording.name, state, folder.name, audio, speech, work))
        for warning in transcript.warnings:
            self.screen.warning(warning)
        self.fallbacks(transcript.fallbacks)
        detected, asked = transcript.detected_language, transcript.language_asked
        sure = (transcript.language_probability or 0.0) >= LANGUAGE_SURE
        if detected and sure and asked not in ("auto", detected):
            self.screen.warning(
                f"{recording.name} sounds like {detected} but was heard as {asked}: try --language {detected}"
            )
        if transcript.complete and not transcript.segments:
            self.screen.notice(f"{recording.name}: there is no speech in it, so the transcript is empty.")
        return self.outcomes[-1]

    def failed(self, name: str, error: BaseException) -> Outcome:
        """Note a recording of which there is no result."""
        failure = self.failure(name, error)
        self.outcomes.append(Outcome(name, "failed", str(failure)))
        return self.outcomes[-1]

    def failure(self, name: str, error: BaseException) -> TranscriberError:
        """Say what went wrong, in a sentence even where the fault is this program's."""
        if isinstance(error, MemoryError):
            error = out_of_memory()
        if not isinstance(error, TranscriberError):
            _log.debug("unexpected fault", exc_info=error)
            fault = f"{type(error).__name__}: {error}"
            error = TranscriberError(
                f"{name}: a fault of this program ({fault}): please report it with what it prints under "
                "GPU_TRANSCRIBER_LOG_LEVEL=debug"
            )
        self.failures.append(error)
        self.screen.error(str(error))
        return error

    def close(self, run: Path) -> None:
        """Show the table of several recordings, and where the results are."""
        if len(self.outcomes) > 1:
            self.screen.summary(self.outcomes)
        if self.has_results:
            self.screen.notice(f"Results are in {run}")

    @property
    def has_results(self) -> bool:
        """Whether this run has filed anything."""
        return any(outcome.state in ("done", "partial") for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """The worst failure's, 0 without any."""
        return max((failure.exit_code for failure in self.failures), key=WORST_LAST.index, default=0)
