"""One run from what the person named to results on the disk: the story of `transcribe`, told from top to bottom."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from runner.delivery import Delivery
from runner.engine.models.registry import check_style
from runner.errors import CannotStart, Interrupted, RecordingError, TranscriberError, UsageError
from runner.filing.results import RunFolder, is_run_folder
from runner.filing.resume import Earlier, find_earlier
from runner.hearing import Heard, Hearing
from runner.inputs import Input, find_inputs
from runner.interruption import Signals, Stop
from runner.local import ThisMachine
from runner.report import Report, out_of_memory
from runner.request import Request
from runner.screen import log
from runner.screen.bar import open_screen
from runner.screen.console import Screen

if TYPE_CHECKING:
    from runner.engine.transcription import Transcription


def transcribe(request: Request) -> int:
    """Transcribe every recording asked for, print and file each as soon as it is done, and return the exit code."""
    settings = request.settings
    screen = open_screen(quiet=request.quiet, log_json=settings.log_json)
    signals = Signals()
    session = Session(request, screen, signals)
    with screen, signals:
        try:
            level = "error" if request.quiet else settings.log_level
            if settings.log_json and level == "warning":
                level = "info"  # what a person would see as progress and notices
            log.configure(level, as_json=settings.log_json, write=screen.log_line)
            return session.run()
        except Stop as stop:
            interrupted = Interrupted(stop.signal)
            hint = ": run again with --resume to go on from there" if session.report.has_results else ""
            screen.error(f"{interrupted}{hint}")
            return interrupted.exit_code
        except (TranscriberError, MemoryError) as error:
            told = out_of_memory() if isinstance(error, MemoryError) else error
            screen.error(str(told))
            return told.exit_code


class Session:
    """One run of one request."""

    def __init__(self, request: Request, screen: Screen, signals: Signals) -> None:
        self.request = request
        self.screen = screen
        self.signals = signals
        self.report = Report(screen)
        self.machine = ThisMachine(request.settings, screen)
        self._in_flight: list[Hearing] = []  # in the order in which they were asked for

    def run(self) -> int:
        """Settle what to hear and where the results go, hear it, and return the exit code."""
        self._settle_where()
        check_style(self.request.settings.model, self.request.settings.style)
        request, output = self.request, self.request.settings.output
        if request.end is not None and request.end <= request.start:
            raise UsageError(f"--end {request.end:g} is not after --start {request.start:g}")
        recordings, problems = find_inputs(request.files, leave_out=partial(is_run_folder, output=output))
        for problem in problems:
            self.report.failed(problem.name, problem)
        if recordings:
            reason = "" if request.settings.where == "local" else ", since no other is set up"
            self.screen.notice(f"Transcribing on this machine{reason}.")
            earlier = self._find_earlier(recordings) if request.resume else None
            now = datetime.now().astimezone()
            run = RunFolder.resume(earlier.run.path) if earlier else RunFolder.create(output, now)
            try:
                self._hear_all(recordings, run, earlier)
            finally:
                run.discard_if_empty()
                self.report.close(run.path)
        return self.report.exit_code

    def _settle_where(self) -> None:
        where = self.request.settings.where
        if where not in ("auto", "local"):
            raise UsageError(
                f"--where {where} is coming and not there yet: run on this machine with --where local"
            )

    def _find_earlier(self, recordings: list[Input]) -> Earlier | None:
        request = self.request
        earlier = find_earlier(recordings, request.settings.output, request.options())
        if earlier is None:
            self.screen.notice("No earlier run has done any of this: starting anew.")
            return None
        done = f"{len(earlier.finished)} of {len(recordings)}"
        self.screen.notice(f"Going on in {earlier.run.path}, where {done} are done already.")
        for recording, filed in earlier.finished.items():
            self.report.skipped(recording, filed)
        return earlier

    def _hear_all(self, recordings: list[Input], run: RunFolder, earlier: Earlier | None) -> None:
        """Hear what is not done yet, all in the same batches, and deliver each recording in its turn."""
        waiting = [one for one in recordings if earlier is None or one not in earlier.finished]
        if not waiting:
            return
        self.screen.expect([one.size for one in waiting])
        self.machine.install()
        delivery = Delivery(
            self.request,
            run,
            self.machine,
            self.screen,
            self.signals,
            self.report,
            several=len(recordings) > 1,
        )
        unfinished = earlier.unfinished if earlier else {}
        hearings = deque(
            Hearing(number, recording, unfinished.get(recording), alone=len(waiting) == 1)
            for number, recording in enumerate(waiting)
        )
        try:
            while hearings:
                self._hear(self._open(hearings), delivery)
        except Stop as stop:
            self._deliver_what_there_is(delivery, stop)
            raise
        finally:
            for hearing in self._in_flight:
                hearing.close()

    def _open(self, hearings: deque[Hearing]) -> Iterator[Transcription]:
        """Open recordings as the engine has room for more; what cannot be opened is told in its turn.

        A stream, which may be long in coming, is waited for when all before it is done.
        """
        request = self.request
        while hearings and not (self._in_flight and hearings[0].recording.size is None):
            hearing = hearings.popleft()
            recording = hearing.recording
            self._in_flight.append(hearing)
            if len(self._in_flight) == 1:
                self._show_first()
            try:
                with log.context(file=recording.name):
                    opened, summed = hearing.stack.enter_context(
                        self.machine.opened(
                            recording, request.start, request.end, request.channels == "split"
                        )
                    )
                    self.report.fallbacks(self.machine.ready().fallbacks)
                hearing.began = time.perf_counter()
                hearing.heard = Heard(opened, summed, self.machine.transcribe(opened, words=request.words))
            except CannotStart:
                raise
            except Exception as error:
                if not self.machine.is_ready and not isinstance(error, RecordingError):
                    raise  # without an engine no recording can be heard
                hearing.ended = error
            else:
                yield hearing.heard.transcription

    def _hear(self, opening: Iterator[Transcription], delivery: Delivery) -> None:
        """Hear recordings until all of these are heard or the engine fails."""
        try:
            first = next(opening, None)
        finally:  # those that cannot be read are told even where there is no engine
            self._deliver_those_over(delivery)
        if first is None:
            return
        try:
            for transcription, update in self.machine.run(chain([first], opening)):
                for hearing in self._in_flight:
                    if hearing.heard is not None and hearing.heard.transcription is transcription:
                        hearing.update = update
                        if transcription.is_read:
                            hearing.close()
                self._deliver_those_over(delivery)
                self._show_progress()
        except CannotStart as failure:
            self._deliver_what_there_is(delivery, failure)
            raise
        except Exception as failure:  # noqa: BLE001 (told of each recording that it ended)
            for hearing in self._in_flight:
                if not hearing.is_over:
                    hearing.ended = failure
        self._deliver_those_over(delivery)

    def _deliver_those_over(self, delivery: Delivery) -> None:
        """Deliver the recordings that are over and have none before them that is not."""
        while self._in_flight and self._in_flight[0].is_over:
            hearing = self._in_flight[0]
            with log.context(file=hearing.recording.name, run=delivery.run.path.name):
                self.screen.end(delivery.deliver(hearing))
            self._in_flight.remove(hearing)
            self.signals.check()
            self._show_first()

    def _deliver_what_there_is(self, delivery: Delivery, end: Stop | CannotStart) -> None:
        """The run is over before its end: keep the finished windows of every recording."""
        while self._in_flight:
            hearing = self._in_flight[0]
            if not hearing.is_over:
                hearing.ended = end
            if not hearing.is_delivered:  # as the signal came
                self._show_first()
                with suppress(Stop, CannotStart), log.context(file=hearing.recording.name):
                    self.screen.end(delivery.deliver(hearing))
            self._in_flight.remove(hearing)

    def _show_first(self) -> None:
        if self._in_flight:
            self.screen.begin(self._in_flight[0].number, self._in_flight[0].recording.name)
            self._show_progress()

    def _show_progress(self) -> None:
        if self._in_flight and (update := self._in_flight[0].update):
            with log.context(file=self._in_flight[0].recording.name):
                self.screen.advance(update.seconds, update.duration)
