"""One run from what the person named to results on the disk: the story of `transcribe`, told from top to bottom."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.models.registry import check_style
from runner.errors import CannotStart, Interrupted, OutputError, RecordingError, TranscriberError, UsageError
from runner.filing.metadata import Run, Summed, describe
from runner.filing.results import METADATA, Filed, RunFolder, is_run_folder, transcription_file
from runner.filing.resume import Earlier, find_earlier, is_worth_more
from runner.formats import SUBTITLES, parse_formats, render
from runner.inputs import Input, find_inputs
from runner.interruption import Signals, Stop
from runner.local import ThisMachine
from runner.report import Report, out_of_memory
from runner.screen import log
from runner.screen.bar import open_screen
from runner.screen.console import Outcome, Screen, StandardOutput
from runner.transcript import Transcript

if TYPE_CHECKING:
    from runner.engine.audio.recording import Recording
    from runner.settings import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """What to transcribe and how; times in seconds, `channels` is mix or split."""

    files: tuple[str, ...]
    settings: Settings
    start: float = 0.0
    end: float | None = None
    timestamps: bool = False
    channels: str = "mix"
    quiet: bool = False
    resume: bool = False

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats to write; raises UsageError."""
        return parse_formats(self.settings.formats)

    @property
    def words(self) -> bool:
        """Whether each word's time and confidence are worked out: asked for, or needed by subtitles or by marks."""
        settings = self.settings
        return settings.words or settings.mark_unsure or not set(SUBTITLES).isdisjoint(self.formats)

    @property
    def unsure_below(self) -> float | None:
        """The confidence below which words are marked; None where none are."""
        return self.settings.unsure_below if self.settings.mark_unsure else None

    def options(self) -> dict[str, Any]:
        """What was asked, as metadata.json records it."""
        settings = self.settings
        return {
            "model": settings.model,
            "language": settings.language,
            "style": settings.style,
            "device": settings.device,
            "precision": settings.precision,
            "batch_size": settings.batch_size,
            "beam": settings.beam,
            "where": settings.where,
            "formats": list(self.formats),
            "start": self.start,
            "end": self.end,
            "timestamps": self.timestamps,
            "words": self.words,
            "unsure_below": self.unsure_below,
            "channels": self.channels,
        }


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
        self.stdout = StandardOutput()
        self._several = False
        self._printed = False

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
        self._several = len(recordings) > 1
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
        waiting = [one for one in recordings if earlier is None or one not in earlier.finished]
        if not waiting:
            return
        self.screen.expect([one.size for one in waiting])
        self.machine.install()
        for number, recording in enumerate(waiting):
            unfinished = earlier.unfinished.get(recording) if earlier else None
            with log.context(file=recording.name, run=run.path.name):
                self.screen.begin(number, recording.name)
                self.screen.end(self._hear_one(recording, run, unfinished))
                self.signals.check()

    def _hear_one(self, recording: Input, run: RunFolder, unfinished: Filed | None) -> Outcome:
        """Hear a recording and file it; what goes wrong with it is told, and does not stop the others."""
        request = self.request
        split = request.channels == "split"
        try:
            with self.machine.opened(recording, request.start, request.end, split) as (opened, summed):
                self.report.fallbacks(self.machine.ready().fallbacks)
                return self._hear(recording, opened, summed, run, unfinished)
        except CannotStart:
            raise
        except Exception as error:
            if not self.machine.is_ready and not isinstance(error, RecordingError):
                raise  # without an engine no recording can be heard
            return self.report.failed(recording.name, error)

    def _hear(
        self, recording: Input, opened: Recording, summed: Summed, run: RunFolder, unfinished: Filed | None
    ) -> Outcome:
        """Hear a recording to its end, or to where a signal or a failure ended it: print and file what there is."""
        began = time.perf_counter()
        transcription = self.machine.transcribe(opened, words=self.request.words)
        ended: BaseException | None = None
        try:
            for update in transcription:
                self.screen.advance(update.seconds, update.duration)
        except (Stop, Exception) as early:  # noqa: BLE001 (raised or told when the finished windows are filed)
            ended = early
        transcript, work = transcription.transcript, time.perf_counter() - began
        if ended is not None and not transcript.segments:
            raise ended
        try:
            self._print(recording, transcript)
        except Stop as stop:
            ended = stop
        try:
            with self.signals.held():
                files = self._files(recording, transcript, summed, audio=opened.duration, work=work)
                if unfinished and is_worth_more(unfinished, transcript, self.request.start):
                    folder = unfinished.folder
                else:
                    old = unfinished.folder if unfinished else None
                    folder = run.file(_folder_for(recording), files, replacing=old)
                outcome = self.report.filed(recording, transcript, folder, work)
        except OutputError as error:
            if isinstance(ended, Stop):
                self.report.failed(recording.name, error)
                raise ended from error  # a disk that is full does not make the signal undone
            raise
        if isinstance(ended, Stop):
            self.screen.end(outcome)
            raise ended
        if ended is not None:
            self.report.failure(recording.name, ended)
        return outcome

    def _print(self, recording: Input, transcript: Transcript) -> None:
        text = self._rendered(transcript, "txt")
        if self._several:
            text = ("\n" if self._printed else "") + f"== {recording.name} ==\n{text}"
        self._printed = True
        with self.screen.aside():
            problem = self.stdout.print(text)
        if problem:
            self.report.failure("standard output", OutputError(problem, path=Path("-")))

    def _files(
        self, recording: Input, transcript: Transcript, summed: Summed, *, audio: float | None, work: float
    ) -> dict[str, str]:
        """The files of a result: the transcript in every format asked for, and its metadata."""
        files = {transcription_file(name): self._rendered(transcript, name) for name in self.request.formats}
        made = Run(self.request.options(), self.machine.timings)
        return {**files, METADATA: describe(transcript, recording, summed, made, audio=audio, work=work)}

    def _rendered(self, transcript: Transcript, name: str) -> str:
        request = self.request
        return render(transcript, name, timestamps=request.timestamps, unsure_below=request.unsure_below)


def _folder_for(recording: Input) -> str:
    return "standard input" if recording.path is None else recording.path.stem
