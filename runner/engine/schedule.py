"""Windows of any number of recordings, heard and written together: the encoder and the decoder take turns."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice

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

ENCODED_TOGETHER = 4  # windows: more gain nothing on a processor and take memory
HEARD_SHARE, WRITTEN_SHARE, TYPICAL_STEPS = 0.4, 0.5, 100  # of the work on a window, as it was on a processor
STEPS_TOGETHER = 8  # decoder steps between two reports of progress


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


class Schedule:
    """Takes windows that wait and gives what they became, as they are done."""

    def __init__(self, engine: Loaded, options: Options) -> None:
        self.engine, self.options = engine, options
        self.waiting: deque[Task] = deque()  # for the encoder, or for a slot
        self.writing: list[Task] = []
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
        )
        self.batch: Batch[Task] | None = None  # made when there is work, given up where it does not fit

    def _batch(self) -> Batch[Task]:
        engine, options = self.engine, self.options
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

    @property
    def wants_more(self) -> bool:
        """Whether windows should be brought before it works on."""
        return len(self.waiting) < min(ENCODED_TOGETHER, self.slots)

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.writing

    @property
    def transcriptions(self) -> set[Transcription]:
        """Those of which windows are being written."""
        return {task.transcription for task in self.writing}

    def begun(self) -> Counter[Transcription]:
        """Seconds of each recording in windows on their way, by how far they are: for a bar that moves."""
        seconds: Counter[Transcription] = Counter()
        for slot in self.batch.slots if self.batch else []:
            share = HEARD_SHARE + WRITTEN_SHARE * min(1.0, slot.steps / TYPICAL_STEPS)
            seconds[slot.job.owner.transcription] += slot.job.owner.window.length * share  # type: ignore[assignment]
        return seconds

    def work(self) -> list[tuple[Task, Decoded]]:
        """A round of hearing or some steps of writing; gives the windows that it finished."""
        try:
            batch = self.batch = self.batch or self._batch()
            ready = self._ready()
            if ready and batch.free >= len(ready):
                for task in ready:
                    self.waiting.remove(task)
                done = self._begin(batch, ready)
            else:
                done = self._write(batch)
        except (RuntimeError, MemoryError) as fault:
            self._go_on_smaller(fault)
            return []
        finished = []
        for task, decoded in done:
            self.writing.remove(task)
            if task.attempts.accept(decoded, self.engine.vocabulary):
                finished.append((task, task.attempts.best))
            else:
                self.waiting.appendleft(task)
        return finished

    def _ready(self) -> list[Task]:
        """The next windows to begin; where a text depends on the one before it, the first of each channel."""
        most = min(ENCODED_TOGETHER, self.slots)
        if not self.options.previous_text:
            return list(islice(self.waiting, most))
        busy = {task.line for task in self.writing}
        ready: list[Task] = []
        for task in self.waiting:
            if task.line not in busy and len(ready) < most:
                ready.append(task)
            busy.add(task.line)
        return ready

    def _begin(self, batch: Batch[Task], tasks: list[Task]) -> list[tuple[Task, Decoded]]:
        self.writing += tasks
        for transcription in {task.transcription for task in tasks}:
            transcription.batch_size = self.slots
            transcription.fallbacks += [one for one in self.fallbacks if one not in transcription.fallbacks]
        new = [task for task in tasks if task.heard is None]
        if new:
            self._hear(new)
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
        engine.counts["windows"] += len(tasks)
        for task, one in zip(tasks, heard, strict=True):
            task.heard = one
        for transcription in {task.transcription for task in tasks if task.transcription.language == "auto"}:
            own = [number for number, task in enumerate(tasks) if task.transcription is transcription]
            shares = detect_language(engine.network.decoder, engine.vocabulary, heard[own])
            transcription.language = max(shares, key=shares.__getitem__)

    def _write(self, batch: Batch[Task]) -> list[tuple[Task, Decoded]]:
        with self._timed("decoder", self.writing):
            for _ in range(STEPS_TOGETHER):
                self.engine.counts["steps"] += 1
                self.engine.counts["tokens"] += len(batch.slots)
                self.engine.counts["rows"] += len(batch.slots) * batch.beams
                if done := batch.step():
                    return done
        return []

    def _go_on_smaller(self, fault: Exception) -> None:
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
        self.waiting.extendleft(reversed(self.writing))
        for task in self.waiting:
            task.heard = None  # it lies where the engine is no more, or where memory is short
        self.writing.clear()
        self.batch = None

    @contextmanager
    def _timed(self, stage: str, tasks: Sequence[Task]) -> Iterator[None]:
        """Add the time of the block to the recordings that it served, by their windows; a GPU is waited for."""
        shares = Counter(task.transcription for task in tasks)
        began = time.perf_counter()
        yield
        if self.engine.device.type == "cuda":
            torch.cuda.synchronize(self.engine.device)
        seconds = (time.perf_counter() - began) / max(1, shares.total())
        for transcription, windows in shares.items():
            transcription.seconds[stage] += seconds * windows


def out_of_memory(fault: Exception) -> bool:
    return isinstance(fault, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(fault)
