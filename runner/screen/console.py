"""What a person sees of the work, on standard error, and how the transcript gets to standard output."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import IO, Literal, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.screen.pace import Pace

PLAIN_STEP = 0.1  # share of a recording between two plain lines
PLAIN_SECONDS = 30.0  # longest silence between two plain lines
RECORD_STEP, RECORD_SECONDS = 0.05, 1.0  # the same between two records for a program
PLAIN_WIDTH = 120  # characters, where no terminal says how wide it is

PREFIXES = {"warning": "warning: ", "error": "error: "}
STATES = {"partial": "ended early: ", "skipped": "done before: "}
COLOURS = {"info": "", "warning": "yellow", "error": "red", "log": "dim"}

_log = logging.getLogger("runner.session")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording: `result` is a folder's name or a sentence, durations are seconds if known."""

    name: str
    state: Literal["done", "partial", "skipped", "failed"]
    result: str
    audio: float | None = None
    speech: float | None = None
    work: float | None = None


class Screen:
    """Plain lines, for a file or a pipe; `quiet` leaves only errors."""

    def __init__(self, *, quiet: bool = False, pace: Pace | None = None) -> None:
        self.quiet = quiet
        self.pace = pace or Pace([None])
        self._files = 1
        self._title = ""
        self._fetched = 0.0  # share of the download at hand that has been shown
        self._shown_share = 0.0
        self._shown_at = 0.0  # seconds of work on the recording

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def notice(self, text: str) -> None:
        """Say something that is good to know."""
        if not self.quiet:
            self._say(text, "info")

    def warning(self, text: str) -> None:
        """Say something that the person may want to act upon."""
        if not self.quiet:
            self._say(text, "warning")

    def error(self, text: str) -> None:
        """Say what went wrong; never silenced."""
        self._say(text, "error")

    def log_line(self, line: str) -> None:
        """Write a line that the log made."""
        self._say(line, "log")

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        """Show that something without measurable progress is going on; it does not count as work on a recording."""
        self.notice(f"{text} …")
        yield
        self.pace.restart()

    def fetching(self, name: str, done: int, total: int) -> None:
        """Show how far a download is, in bytes."""
        share = done / total if total else 0.0
        if share - self._fetched >= PLAIN_STEP or share < self._fetched:
            self._fetched = share
            self.notice(f"{name}: {megabytes(done, total)}")

    def expect(self, sizes: Sequence[int | None]) -> None:
        """Prepare for recordings of these sizes in bytes."""
        self.pace = Pace(sizes)
        self._files = len(sizes)

    def begin(self, number: int, name: str) -> None:
        """Show that a recording, counted from 0, has its turn."""
        self.pace.begin(number)
        self._title = f"[{number + 1}/{self._files}] {name}" if self._files > 1 else name
        self._shown_share = self._shown_at = 0.0

    def advance(self, seconds: float, duration: float | None) -> None:
        """Show how much of the recording has been heard."""
        self.pace.advance(seconds, duration)
        if self._due(PLAIN_STEP, PLAIN_SECONDS):
            left = self._time_left()
            self.notice(f"{self._title}: {self._progress()}{left and f', {left}'}")

    def end(self, outcome: Outcome) -> None:
        """Show that the recording is over, one way or another."""
        self.pace.end()
        if outcome.state in ("done", "partial"):
            self.notice(f"{self._title or outcome.name}: {_ending(outcome)}")

    def aside(self) -> AbstractContextManager[object]:
        """Leave the terminal to standard output for a moment."""
        return nullcontext()

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        """Show the closing table."""
        if self.quiet:
            return
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column("recording", overflow="fold")
        for heading in ("audio", "speech", "time", "× real time"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("result", overflow="fold")
        for outcome in outcomes:
            speed = outcome.audio / outcome.work if outcome.audio is not None and outcome.work else None
            cells = [
                clock(outcome.audio),
                clock(outcome.speech),
                clock(outcome.work),
                f"{speed:.1f}" if speed else "",
            ]
            result = STATES.get(outcome.state, "") + outcome.result
            style = COLOURS["error" if outcome.state == "failed" else "info"]
            table.add_row(Text(outcome.name), *cells, Text(result, style))
        error_console().print(table)

    def close(self) -> None:
        """Leave the terminal as it was."""

    def _due(self, step: float, seconds: float) -> bool:
        """Whether progress should be told again: so much more is done, or so much time has passed."""
        share, elapsed = self.pace.share or 0.0, self.pace.elapsed
        due = share - self._shown_share >= step or elapsed - self._shown_at >= seconds
        if due:
            self._shown_share, self._shown_at = share, elapsed
        return due

    def _progress(self) -> str:
        pace = self.pace
        heard = clock(pace.seconds) + (f" of {clock(pace.duration)}" if pace.duration else "")
        speed = f", {pace.real_time_factor:.1f}× real time" if pace.seconds and pace.elapsed >= 0.1 else ""
        return heard + speed

    def _time_left(self) -> str:
        return f"{clock(self.pace.time_left)} left" if self.pace.time_left is not None else ""

    def _say(self, text: str, kind: str) -> None:
        error = StandardError()
        error.write(f"{PREFIXES.get(kind, '')}{text}\n")
        error.flush()


class JsonScreen(Screen):
    """Everything as records of the log, for a program that reads standard error."""

    def advance(self, seconds: float, duration: float | None) -> None:
        """Log how much of the recording has been heard."""
        self.pace.advance(seconds, duration)
        if self._due(RECORD_STEP, RECORD_SECONDS) and not self.quiet:
            pace = self.pace
            fields = {"seconds": seconds, "duration": duration, "time_left": pace.time_left}
            fields["real_time_factor"] = pace.real_time_factor
            fields = {key: value if value is None else round(value, 3) for key, value in fields.items()}
            _log.info("progress", extra={"fields": fields})

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        """Log what was skipped; every other recording has had its record."""
        for outcome in outcomes:
            if outcome.state == "skipped":
                self.notice(f"{outcome.name}: {STATES['skipped']}{outcome.result}")

    def error(self, text: str) -> None:
        """Log an error."""
        _log.error(text)

    def warning(self, text: str) -> None:
        """Log a warning."""
        if not self.quiet:
            _log.warning(text)

    def notice(self, text: str) -> None:
        """Log something that is good to know."""
        if not self.quiet:
            _log.info(text)


class StandardError(io.TextIOBase):
    """Standard error for those whose work goes on when nobody reads it any more: a pipe or a terminal that closed.

    It holds on to the stream of when it was made, since a live display puts itself in the place of sys.stderr.
    """

    def __init__(self) -> None:
        self._stream = sys.stderr

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of sys.stderr too, though typeshed has it settable
        return self._stream.encoding if self._stream is not None else "utf-8"

    def write(self, text: str, /) -> int:
        if self._stream is not None:
            with suppress(OSError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            with suppress(OSError):
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()


def error_console() -> Console:
    """Rich on standard error: colours only where it is a terminal and NO_COLOR is not set."""
    error = StandardError()
    return Console(
        file=cast(IO[str], error),
        force_terminal=error.isatty(),
        width=None if error.isatty() else PLAIN_WIDTH,
    )


class StandardOutput:
    """Where transcripts are printed; what cannot be printed any more does not stop the work."""

    def __init__(self) -> None:
        self._open = sys.stdout is not None
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # å where the terminal has no å

    def print(self, text: str) -> str | None:
        """Write the text and see it out; return why it could not be printed. A reader that left is no failure."""
        if not self._open or not text:
            return None
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError as error:
            self._open = False
            # What is still buffered must not be tried again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                return (
                    f"the transcript cannot be printed ({error.strerror}): read it in the folder of results"
                )
        return None


def megabytes(done: int, total: int) -> str:
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"


def _ending(outcome: Outcome) -> str:
    audio = clock(outcome.audio)
    speed = f", {outcome.audio / outcome.work:.1f}× real time" if outcome.audio and outcome.work else ""
    text = f"{audio} of audio ({clock(outcome.speech)} of speech) in {clock(outcome.work)}{speed}"
    return f"ended early after {text}" if outcome.state == "partial" else f"done, {text}"


def clock(seconds: float | None) -> str:
    """Seconds as people read them: 0:07, 12:30, 1:02:03; nothing for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
