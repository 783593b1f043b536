"""The engine: recordings in, their transcripts out, with the windows of all in the same batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.engine.audio.recording import Recording
from runner.engine.loaded import Loaded
from runner.engine.models.chain import Checkpoint
from runner.engine.options import Options, Update
from runner.engine.schedule import Schedule, Task
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
        for transcription in transcriptions:
            schedule = schedule or Schedule(self, transcription.options)
            for windows in transcription.listen():
                schedule.waiting.extend(Task(transcription, window) for window in windows)
                if not transcription.outstanding:  # in silence the bar moves without the model
                    yield transcription, transcription.update()
                while not schedule.wants_more:
                    yield from self._work(schedule)
            yield from self._end(transcription)
        while schedule is not None and not schedule.is_idle:
            yield from self._work(schedule)

    def _work(self, schedule: Schedule) -> Iterator[tuple[Transcription, Update]]:
        finished, begun = schedule.work(), schedule.begun()
        for task, decoded in finished:
            new, rest = task.transcription.take(task.window, decoded)
            if rest is not None:
                schedule.waiting.appendleft(Task(task.transcription, rest))
            yield task.transcription, task.transcription.update(new, begun[task.transcription])
            yield from self._end(task.transcription)
        if not finished:
            for transcription in schedule.transcriptions:
                yield transcription, transcription.update(begun=begun[transcription])

    def _end(self, transcription: Transcription) -> Iterator[tuple[Transcription, Update]]:
        if transcription.is_read and not transcription.outstanding and not transcription.is_over:
            transcription.end()
            yield transcription, transcription.update()
