"""One lane of windows: heard by the encoder and written in the slots of a batch, in turns."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

from runner.engine import device as devices
from runner.engine.attempts import Attempts
from runner.engine.context import Context
from runner.engine.decode import MOST_TOKENS, Batch, Decoded, Job, detect_language
from runner.engine.graphs import CudaCapture
from runner.engine.loaded import Loaded
from runner.engine.options import Options
from runner.engine.transcription import Transcription
from runner.engine.windows import Window
from runner.errors import EngineFailed
from runner.transcript import Fallback

HEARD_SHARE, WRITTEN_SHARE, TYPICAL_STEPS = 0.4, 0.5, 100  # of the work on a window, as it was on a processor
STEPS_TOGETHER = 8  # decoder steps between two reports


@dataclass(eq=False, slots=True)
class Task:
    """A window of a recording on its way to text."""

    transcription: Transcription
    window: Window
    attempts: Attempts = field(default_factory=Attempts)
    heard: Tensor | None = None  # (T, W), once the encoder has been there

    @property
    def line(self) -> tuple[Transcription, int | None]:
        """The channel of a recording in which one window comes after another."""
        return self.transcription, self.window.channel

    @property
    def seed(self) -> int:
        """Where in the recording it is: the same dice wherever else it runs."""
        return round(self.window.start * 1000) * 10 + (self.window.channel or 0)


@dataclass(eq=False, slots=True)
class Report:
    """What a lane did in one round."""

    lane: int
    finished: list[Task] = field(default_factory=list)  # with the text to keep in their attempts
    begun: Counter[Transcription] = field(
        default_factory=Counter
    )  # seconds on their way, by how far they are
    seconds: dict[tuple[Transcription, str], float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)
    failure: Exception | None = None  # nothing is left to try


class Lane:
    """A batch and the windows in it; a round hears windows that are new, or takes some steps with those it has."""

    def __init__(self, engine: Loaded, options: Options, number: int, lanes: int) -> None:
        self.engine, self.options, self.number = engine, options, number
        self.fallbacks: list[Fallback] = []
        # A language takes one token, whichever it is.
        fixed = len(engine.vocabulary.prompt(next(iter(engine.vocabulary.languages)), options.timestamps))
        self.longest_prompt = fixed + Context(engine.vocabulary, options).most
        self.slots = devices.choose_batch(
            options.batch_size,
            engine.network.dimensions,
            engine.device,
            engine.precision,
            options.beam * (self.longest_prompt + MOST_TOKENS),
            lanes,
        )
        self.share = 1.0  # of the cores
        self.tasks: list[Task] = []  # begun and not finished
        self.batch: Batch[Task] | None = None  # made when there is work, given up where it does not fit
        self.report = Report(number)

    @property
    def free(self) -> int:
        return self.slots - len(self.tasks)

    def round(self, new: Sequence[Task]) -> tuple[Report, list[Task]]:
        """Begin these windows, or go on writing where there are none; gives back those that are to be begun again."""
        self.report = report = Report(self.number)
        self.tasks += new
        try:
            self.batch = self.batch or self._batch()
            done = self._begin(self.batch, new) if new else self._write(self.batch)
        except (RuntimeError, MemoryError) as fault:
            return report, self._go_on_smaller(fault)
        again: list[Task] = []
        for task, decoded in done:
            self.tasks.remove(task)
            good = task.attempts.accept(decoded, self.engine.vocabulary)
            (report.finished if good else again).append(task)
        for slot in self.batch.slots:
            share = HEARD_SHARE + WRITTEN_SHARE * min(1.0, slot.steps / TYPICAL_STEPS)
            report.begun[slot.job.owner.transcription] += slot.job.owner.window.length * share  # type: ignore[assignment]
        return report, again

    def _batch(self) -> Batch[Task]:
        engine, options = self.engine, self.options
        if engine.device.type == "cuda":
            torch.cuda.set_device(engine.device)  # each thread has its own
        return Batch(
            engine.network.decoder,
            engine.network.dimensions,
            engine.vocabulary,
            slots=self.slots,
            beams=options.beam,
            timestamps=options.timestamps,
            words=options.words,
            prompt=self.longest_prompt,
            capture=CudaCapture() if engine.network.decoder.vocabulary.weight.is_cuda else None,
        )

    def _begin(self, batch: Batch[Task], tasks: Sequence[Task]) -> list[tuple[Task, Decoded]]:
        unheard = [task for task in tasks if task.heard is None]
        if unheard:
            self._hear(unheard)
        with self._timed("decoder", tasks):
            jobs = [
                Job(
                    task,
                    task.heard,
                    tuple(task.transcription.prompt(task.window.channel)),
                    task.attempts.temperature,
                    task.seed,
                    task.window.length,
                )
                for task in tasks
                if task.heard is not None
            ]
            # Prompts of one length go in together: all of them, but where each has another text before it.
            lengths = groupby(sorted(jobs, key=lambda job: len(job.prompt)), lambda job: len(job.prompt))
            return [done for _, some in lengths for done in batch.admit(list(some))]

    def _hear(self, tasks: list[Task]) -> None:
        engine = self.engine
        with self._timed("features", tasks):
            features = engine.log_mel([task.window.samples for task in tasks]).to(engine.precision)
        with self._timed("encoder", tasks), torch.inference_mode():
            heard = engine.network.encoder(features)
        self.report.counts["windows"] += len(tasks)
        for task, one in zip(tasks, heard, strict=True):
            task.heard = one
        for transcription in {task.transcription for task in tasks if task.transcription.language == "auto"}:
            own = [number for number, task in enumerate(tasks) if task.transcription is transcription]
            shares = detect_language(engine.network.decoder, engine.vocabulary, heard[own])
            transcription.language = max(shares, key=shares.__getitem__)

    def _write(self, batch: Batch[Task]) -> list[tuple[Task, Decoded]]:
        counts = self.report.counts
        with self._timed("decoder", self.tasks):
            for _ in range(STEPS_TOGETHER):
                counts["steps"] += 1
                counts["tokens"] += len(batch.slots)
                counts["rows"] += len(batch.slots) * batch.beams
                if done := batch.step():
                    return done
        return []

    def _go_on_smaller(self, fault: Exception) -> list[Task]:
        """With fewer windows at once, or on the processor where the GPU fails; raises EngineFailed."""
        engine = self.engine
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        if out_of_memory(fault) and self.slots > 1:
            half = (self.slots + 1) // 2
            self.fallbacks.append(Fallback("batch", str(self.slots), str(half), reason))
            self.slots = half
        elif engine.device.type == "cuda":
            engine.fall_back_to_cpu(reason)
            self.slots = min(self.slots, devices.MOST_BATCH_CPU)
        else:
            raise EngineFailed(
                f"the engine failed on the processor ({reason}); try --precision float32 and a smaller "
                "GPU_TRANSCRIBER_BATCH_SIZE"
            ) from fault
        again, self.tasks, self.batch = self.tasks, [], None
        return again

    @contextmanager
    def _timed(self, stage: str, tasks: Sequence[Task]) -> Iterator[None]:
        """Add the time of the block to the recordings that it served, by their windows; a GPU is waited for.

        A second with half of the cores counts as half: what all lanes spent adds up to the time that passed.
        """
        shares = Counter(task.transcription for task in tasks)
        began = time.perf_counter()
        yield
        if self.engine.device.type == "cuda":
            torch.cuda.synchronize(self.engine.device)
        seconds = (time.perf_counter() - began) * self.share / max(1, shares.total())
        for transcription, windows in shares.items():
            self.report.seconds[transcription, stage] += seconds * windows


def out_of_memory(fault: Exception) -> bool:
    return isinstance(fault, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(fault)
