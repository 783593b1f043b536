"""The engine: recordings in, their transcripts out, with the windows of all in the same batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.engine.audio.recording import Recording
from runner.engine.lane import Report, Task
from runner.engine.loaded import Loaded
from runner.engine.models.chain import Checkpoint
from runner.engine.options import Options, Update
from runner.engine.schedule import Schedule
from runner.engine.transcription import Transcription


class Engine(Loaded):
    """A model on a device, ready for any number of recordings, one after another or together."""

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, *, device: str = "auto", precision: str = "auto", threads: int = 0
    ) -> Engine:
        """Load a checkpoint; raises UsageError for an unknown device, ModelInvalid for weights that do not fit."""
        return cls(checkpoint, device, precision, threads)

    def transcribe(self, recording: Recording, options: Options | None = None) -> Transcription:
        """Begin a recording; iterate over the result to have it done, or hand several to `run`."""
        return Transcription(self, recording, options or Options(), self.run)

    def run(self, transcriptions: Iterable[Transcription]) -> Iterator[tuple[Transcription, Update]]:
        """Hear recordings that were begun with the same options; one is taken when the one before it is read.

        What goes wrong with a recording as it is read ends that recording, and is its `failure` when its last
        update comes; the others go on.
        """
        schedule: Schedule | None = None
        try:
            for transcription in transcriptions:
                schedule = schedule or Schedule(self, transcription.options)
                for windows in transcription.listen():
                    schedule.add(*(Task(transcription, window) for window in windows))
                    if not transcription.outstanding:  # in silence the bar moves without the model
                        yield transcription, transcription.update()
                    while report := schedule.report(wait=not schedule.wants_more):
                        yield from self._take(schedule, report)
                yield from self._end(transcription)
            while schedule is not None and not schedule.is_idle:
                if report := schedule.report(wait=True):
                    yield from self._take(schedule, report)
        finally:
            if schedule is not None:
                schedule.close()

    def _take(self, schedule: Schedule, report: Report) -> Iterator[tuple[Transcription, Update]]:
        self.counts.update(report.counts)
        for task in report.finished:
            transcription = task.transcription
            new, rest = transcription.take(task.window, task.attempts.best)
            if rest is not None:
                schedule.add(Task(transcription, rest), first=True)
            schedule.done(task)
            yield transcription, transcription.update(new, schedule.seconds_begun(transcription))
            yield from self._end(transcription)
        if not report.finished:
            for transcription in schedule.transcriptions:
                yield transcription, transcription.update(begun=schedule.seconds_begun(transcription))

    def _end(self, transcription: Transcription) -> Iterator[tuple[Transcription, Update]]:
        if transcription.is_read and not transcription.outstanding and not transcription.is_over:
            transcription.end()
            yield transcription, transcription.update()
