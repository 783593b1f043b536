"""From what was heard to what the person has: the text printed, the result filed, the outcome told."""

from __future__ import annotations

from pathlib import Path

from runner.errors import CannotStart, OutputError
from runner.filing.metadata import Run, describe
from runner.filing.results import METADATA, RunFolder, transcription_file
from runner.filing.resume import is_worth_more
from runner.formats import render
from runner.hearing import Heard, Hearing
from runner.inputs import Input
from runner.interruption import Signals, Stop
from runner.local import ThisMachine
from runner.report import Report
from runner.request import Request
from runner.screen.console import Outcome, Screen, StandardOutput
from runner.transcript import Transcript


class Delivery:
    """Delivers the recordings of one run, each as soon as it is over and those before it are delivered."""

    def __init__(
        self,
        request: Request,
        run: RunFolder,
        machine: ThisMachine,
        screen: Screen,
        signals: Signals,
        report: Report,
        *,
        several: bool,
    ) -> None:
        self.request = request
        self.run = run
        self.machine = machine
        self.screen = screen
        self.signals = signals
        self.report = report
        self.several = several  # recordings, so that each needs its name above its text
        self.stdout = StandardOutput()
        self._printed = False

    def deliver(self, hearing: Hearing) -> Outcome:
        """Print and file what there is of a recording; what goes wrong with it is told, and does not stop the others.

        Raises Stop if a signal came, when what there is of the recording is safe.
        """
        hearing.close()
        name, ended = hearing.recording.name, hearing.ended
        try:
            if hearing.heard is not None:
                if ended is None:
                    ended = hearing.heard.transcription.failure
                return self._deliver(hearing, hearing.heard, ended)
            assert ended is not None
            raise ended
        except CannotStart:
            raise
        except Exception as error:  # noqa: BLE001 (it is told)
            with self.signals.held():
                hearing.is_delivered = True
                return self.report.failed(name, error)

    def _deliver(self, hearing: Hearing, heard: Heard, ended: BaseException | None) -> Outcome:
        recording, transcript, work = hearing.recording, heard.transcription.transcript, hearing.work
        if ended is not None and not transcript.segments:
            raise ended
        try:
            if not hearing.is_printed:
                self._print(recording, transcript)
                hearing.is_printed = True
        except Stop as stop:
            if ended is not None and not isinstance(ended, Stop):
                self.report.failure(recording.name, ended)
            ended = stop
        try:
            with self.signals.held():
                folder = self._file(hearing, heard, transcript, work)
                hearing.is_delivered = True
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
        if self.several:
            text = ("\n" if self._printed else "") + f"== {recording.name} ==\n{text}"
        self._printed = True
        with self.screen.aside():
            problem = self.stdout.print(text)
        if problem:
            self.report.failure("standard output", OutputError(problem, path=Path("-")))

    def _file(self, hearing: Hearing, heard: Heard, transcript: Transcript, work: float) -> Path:
        """Put the transcript in every format asked for and its metadata where they belong; gives the folder."""
        request, unfinished = self.request, hearing.unfinished
        made = Run(request.options(), self.machine.timings)
        files = {transcription_file(name): self._rendered(transcript, name) for name in request.formats}
        files[METADATA] = describe(
            transcript, hearing.recording, heard.summed, made, audio=heard.opened.duration, work=work
        )
        if unfinished and is_worth_more(unfinished, transcript, request.start):
            return unfinished.folder
        old = unfinished.folder if unfinished else None
        return self.run.file(_folder_for(hearing.recording), files, replacing=old)

    def _rendered(self, transcript: Transcript, name: str) -> str:
        request = self.request
        return render(transcript, name, timestamps=request.timestamps, unsure_below=request.unsure_below)


def _folder_for(recording: Input) -> str:
    return "standard input" if recording.path is None else recording.path.stem
