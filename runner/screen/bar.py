"""The live bar: what a person at a terminal sees while recordings are heard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.status import Status
from rich.table import Column
from rich.text import Text

from runner.screen.console import (
    COLOURS,
    PREFIXES,
    JsonScreen,
    Outcome,
    Screen,
    StandardError,
    error_console,
    megabytes,
)
from runner.screen.pace import Pace


def open_screen(*, quiet: bool, log_json: bool) -> Screen:
    """JSON lines if asked for; else the live bar where a terminal can draw it, and plain lines elsewhere."""
    if log_json:
        return JsonScreen(quiet=quiet)
    terminal = StandardError().isatty() and os.environ.get("TERM") != "dumb"
    return LiveScreen(quiet=quiet) if terminal else Screen(quiet=quiet)


class LiveScreen(Screen):
    """A bar on a terminal, with lines above it; a second bar for the whole where there are several recordings."""

    def __init__(self, *, quiet: bool = False, pace: Pace | None = None) -> None:
        super().__init__(quiet=quiet, pace=pace)
        self._console: Console = error_console()
        self._bars: Progress | None = None
        self._recording: TaskID | None = None
        self._whole: TaskID | None = None
        self._status: Status | None = None
        self._number = 0

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        """Show a spinner while something without measurable progress is going on."""
        if self.quiet:
            yield
            return
        with self.aside(), self._console.status(Text(f"{text} …")) as self._status:
            yield
        self._status = None
        self.pace.restart()

    def fetching(self, name: str, done: int, total: int) -> None:
        """Show how far a download is beside the spinner."""
        if self._status is not None:
            self._status.update(Text(f"{name}: {megabytes(done, total)} …"))

    def begin(self, number: int, name: str) -> None:
        """Put up the bar."""
        super().begin(number, name)
        if self.quiet:
            return
        if self._bars is None:
            self._bars = _bars(self._console)
            self._recording = self._bars.add_task(name, total=None, detail="")
            if self._files > 1:
                self._whole = self._bars.add_task("", total=1.0, detail="")
        assert self._recording is not None
        self._bars.reset(self._recording, description=name, total=None, detail="", start=True)
        self._number = number
        self._draw_whole()
        self._bars.start()

    def advance(self, seconds: float, duration: float | None) -> None:
        """Move the bars."""
        self.pace.advance(seconds, duration)
        if self._bars is None or self._recording is None:
            return
        detail = self._progress()
        if self._files == 1 and (left := self._time_left()):
            detail += f", {left}"
        self._bars.update(self._recording, completed=seconds, total=duration, detail=detail)
        self._draw_whole()

    def end(self, outcome: Outcome) -> None:
        """Take down the bar and leave a line."""
        if self._bars is not None:
            self._bars.stop()
        super().end(outcome)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bars down for a moment."""
        showing = self._bars is not None and self._bars.live.is_started
        if self._bars is not None and showing:
            self._bars.stop()
        yield
        if self._bars is not None and showing:
            self._bars.start()

    def close(self) -> None:
        """Take down the bars."""
        if self._bars is not None:
            self._bars.stop()

    def _draw_whole(self) -> None:
        if self._bars is not None and self._whole is not None:
            self._bars.update(
                self._whole,
                completed=self.pace.whole_share or 0.0,
                description=f"{self._number + 1} of {self._files} recordings",
                detail=self._time_left(),
            )

    def _say(self, text: str, kind: str) -> None:
        self._console.print(Text(PREFIXES.get(kind, "") + text, COLOURS[kind]), soft_wrap=True)


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,  # standard output belongs to the transcript
        redirect_stderr=False,
    )
