"""The engine: a recording in, its transcript out, a batch of windows at a time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.engine import device as devices
from runner.engine.audio.recording import Recording
from runner.engine.decode import Decoded, decode, detect_language
from runner.engine.features import SAMPLE_RATE, LogMel
from runner.engine.models.chain import Checkpoint
from runner.engine.segments import segments, unfinished
from runner.engine.tokens import Vocabulary
from runner.engine.vad import SpeechDetector, load_session
from runner.engine.weights import load_network
from runner.engine.windows import Window, Windower
from runner.errors import EngineFailed
from runner.transcript import Fallback, Segment, Transcript

ENCODED_TOGETHER = 4  # windows: more gain nothing on a processor and take memory
LISTENED_TOGETHER = 8 * SAMPLE_RATE  # samples a call of the voice-activity model


@dataclass(frozen=True, slots=True)
class Options:
    """How to hear one recording; language `auto` is detected, batch size 0 is chosen by the engine."""

    language: str = "sv"
    timestamps: bool = True
    batch_size: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """Progress: seconds of the recording heard so far, of `duration` if known, and the segments new since the last."""

    seconds: float
    duration: float | None
    segments: tuple[Segment, ...] = ()


class Engine:
    """A model on a device, ready for any number of recordings, one after another."""

    def __init__(self, checkpoint: Checkpoint, device: str, precision: str, threads: int) -> None:
        began = time.perf_counter()
        self.checkpoint = checkpoint
        self.device, fallbacks = devices.choose_device(device)
        self.fallbacks = [*checkpoint.fallbacks, *fallbacks]
        self.wanted_precision = precision
        self.precision = devices.choose_precision(precision, self.device)
        devices.prepare(self.device, self.precision, threads)
        self.vocabulary = Vocabulary.load(checkpoint.folder)
        self.detector = load_session()
        self._load_network()
        self.load_seconds = time.perf_counter() - began

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, *, device: str = "auto", precision: str = "auto", threads: int = 0
    ) -> Engine:
        """Load a checkpoint; raises UsageError for an unknown device, ModelInvalid for weights that do not fit."""
        return cls(checkpoint, device, precision, threads)

    def _load_network(self) -> None:
        self.network = load_network(self.checkpoint.folder, self.device, self.precision)
        self.log_mel = LogMel(self.network.dimensions.mels, self.device)

    def transcribe(self, recording: Recording, options: Options | None = None) -> Transcription:
        """Begin a recording; iterate over the result to have it done."""
        return Transcription(self, recording, options or Options())

    def fall_back_to_cpu(self, reason: str) -> None:
        """Go on without the GPU after it failed; every later transcript says so."""
        self.fallbacks.append(Fallback("device", str(self.device), "cpu", reason))
        self.device = torch.device("cpu")
        self.precision = devices.choose_precision(self.wanted_precision, self.device)
        self._load_network()

    def hear(self, windows: Sequence[Window], seconds: dict[str, float]) -> Tensor:
        """Windows → what the encoder made of them, (B, T, W)."""
        with timed(seconds, "features", self.device):
            features = self.log_mel([window.samples for window in windows]).to(self.precision)
        with timed(seconds, "encoder", self.device), torch.inference_mode():
            heard: Tensor = self.network.encoder(features)
        return heard


class Transcription(Iterator[Update]):
    """One recording being heard: an iterator of updates, and the transcript of what is finished at any moment."""

    def __init__(self, engine: Engine, recording: Recording, options: Options) -> None:
        self.engine = engine
        self.recording = recording
        self.options = options
        self.language = options.language
        self.segments: list[Segment] = []
        self.waiting: list[Window] = []
        self.languages: dict[str, float] = defaultdict(float)  # summed probabilities over windows
        self.windows = 0
        self.heard = 0.0  # seconds of the recording that came in
        self.done = 0.0  # and that are finished
        self.spoken = 0.0
        self.seconds: dict[str, float] = defaultdict(float)
        self.fallbacks: list[Fallback] = []
        self.complete = False
        network, device, precision = engine.network, engine.device, engine.precision
        self.batch_size = devices.choose_batch(options.batch_size, network.dimensions, device, precision)
        if options.language != "auto":
            engine.vocabulary.prompt(
                options.language, options.timestamps
            )  # an unknown language is told at once
        self.updates = self._run()

    def __next__(self) -> Update:
        return next(self.updates)

    @property
    def transcript(self) -> Transcript:
        """All that is finished so far; `complete` is True once the iterator is exhausted."""
        detected, share = self._detected()
        engine = self.engine
        timings = {"load": engine.load_seconds, "decode": self.recording.seconds_decoded, **self.seconds}
        return Transcript(
            segments=tuple(sorted(self.segments, key=lambda segment: (segment.start, segment.channel or 0))),
            language=self.language,
            duration=self.heard,
            model=engine.checkpoint.model,
            speech_duration=self.spoken,
            language_asked=self.options.language,
            detected_language=detected,
            language_probability=share,
            channels=self.recording.channels,
            device=str(engine.device),
            precision=str(engine.precision).removeprefix("torch."),
            batch_size=self.batch_size,
            peak_memory=devices.peak_memory(engine.device),
            timings={stage: round(seconds, 3) for stage, seconds in timings.items()},
            fallbacks=(*engine.fallbacks, *self.fallbacks),
            warnings=tuple(self.recording.warnings),
            complete=self.complete,
        )

    def _detected(self) -> tuple[str | None, float | None]:
        if not self.windows:
            return None, None
        language = max(self.languages, key=self.languages.__getitem__)
        return language, round(self.languages[language] / self.windows, 4)

    def _run(self) -> Generator[Update]:
        split = self.recording.channels > 1
        windowers = [
            Windower(
                SpeechDetector(self.engine.detector),
                offset=self.recording.start,
                channel=number + 1 if split else None,
            )
            for number in range(self.recording.channels)
        ]
        for block in join(self.recording.blocks(), LISTENED_TOGETHER):
            self.heard += block.shape[1] / SAMPLE_RATE
            with timed(self.seconds, "vad"):
                for windower, samples in zip(windowers, block, strict=True):
                    self.waiting += windower.push(samples)
            while len(self.waiting) >= self.batch_size:
                yield from self._batch(self._take())
            if not self.waiting:  # in silence the bar moves without the model
                yield self._update(min(windower.settled for windower in windowers))
        with timed(self.seconds, "vad"):
            for windower in windowers:
                self.waiting += windower.finish()
        while self.waiting:
            yield from self._batch(self._take())
        self.complete = True
        yield self._update(self.heard)

    def _take(self) -> list[Window]:
        """The next windows to be heard together, as many as the batch may hold."""
        batch, self.waiting = self.waiting[: self.batch_size], self.waiting[self.batch_size :]
        return batch

    def _update(self, seconds: float, new: Sequence[Segment] = ()) -> Update:
        self.done = max(self.done, seconds)
        return Update(self.done, self.recording.duration, tuple(new))

    def _batch(self, windows: list[Window]) -> Generator[Update]:
        """Hear and write some windows, with a smaller batch or on the processor where the device fails."""
        try:
            decoded = yield from self._decode(windows)
        except (RuntimeError, MemoryError) as fault:
            yield from self._batch_again(windows, fault)
            return
        new = [
            segment
            for window, result in zip(windows, decoded, strict=True)
            for segment in segments(window, result, self.engine.vocabulary)
        ]
        rests = [unfinished(*pair, self.engine.vocabulary) for pair in zip(windows, decoded, strict=True)]
        self.waiting = [rest for rest in rests if rest] + self.waiting
        self.segments += new
        self.spoken += sum(window.end - window.start for window in windows)
        self.spoken -= sum(rest.end - rest.start for rest in rests if rest)  # counted when it is heard again
        self.windows += len(windows)
        for result in decoded:
            for language, share in result.language_probabilities.items():
                self.languages[language] += share
        yield self._update(self._end(windows), new)

    def _batch_again(self, windows: list[Window], fault: Exception) -> Generator[Update]:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        if out_of_memory(fault) and len(windows) > 1:
            half = (len(windows) + 1) // 2
            self.fallbacks.append(Fallback("batch", str(len(windows)), str(half), reason))
            self.batch_size = half
            parts = [windows[:half], windows[half:]]
        elif self.engine.device.type == "cuda":
            self.engine.fall_back_to_cpu(reason)
            self.batch_size = min(self.batch_size, devices.MOST_BATCH_CPU)
            parts = [windows[i : i + self.batch_size] for i in range(0, len(windows), self.batch_size)]
        else:
            raise EngineFailed(
                f"the engine failed on the processor ({reason}); try --precision float32 and a smaller "
                "GPU_TRANSCRIBER_BATCH_SIZE"
            ) from fault
        for part in parts:
            yield from self._batch(part)

    def _decode(self, windows: list[Window]) -> Generator[Update, None, list[Decoded]]:
        engine, begun = self.engine, self.done
        heard = []
        for first in range(0, len(windows), ENCODED_TOGETHER):
            some = windows[first : first + ENCODED_TOGETHER]
            heard.append(engine.hear(some, self.seconds))
            # Encoding is about half of the work: the bar moves while it goes on.
            yield self._update((begun + self._end(some)) / 2)
        decoder, together = engine.network.decoder, torch.cat(heard)
        with timed(self.seconds, "decoder", engine.device):
            if self.language == "auto":
                shares = detect_language(decoder, engine.vocabulary, together)
                self.language = max(shares, key=shares.__getitem__)
            return decode(
                decoder, engine.vocabulary, together, self.language, timestamps=self.options.timestamps
            )

    def _end(self, windows: Sequence[Window]) -> float:
        """Seconds of this stream before the end of the last of some windows."""
        return max(window.end for window in windows) - self.recording.start


def out_of_memory(fault: Exception) -> bool:
    return isinstance(fault, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(fault)


def join(blocks: Iterator[NDArray[np.float32]], samples: int) -> Iterator[NDArray[np.float32]]:
    """Blocks (channels, n) joined until each holds at least so many samples; the last may be shorter."""
    some: list[NDArray[np.float32]] = []
    for block in blocks:
        some.append(block)
        if sum(part.shape[1] for part in some) >= samples:
            yield np.concatenate(some, axis=1)
            some = []
    if some:
        yield np.concatenate(some, axis=1)


@contextmanager
def timed(seconds: dict[str, float], stage: str, device: torch.device | None = None) -> Iterator[None]:
    """Add the time of the block to its stage; a GPU is waited for, since it works on its own clock."""
    began = time.perf_counter()
    yield
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds[stage] += time.perf_counter() - began
