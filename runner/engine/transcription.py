"""One recording being heard: its windows on their way out, its segments on their way in, in order."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from runner.engine import device as devices
from runner.engine.audio.recording import Recording
from runner.engine.context import Context
from runner.engine.decode import Decoded
from runner.engine.features import SAMPLE_RATE
from runner.engine.loaded import Loaded
from runner.engine.options import Options, Update
from runner.engine.segments import segments, unfinished
from runner.engine.vad import SpeechDetector
from runner.engine.windows import Window, Windower
from runner.transcript import Fallback, Segment, Transcript

LISTENED_TOGETHER = 8 * SAMPLE_RATE  # samples a call of the voice-activity model


class Transcription(Iterator[Update]):
    """One recording being heard: an iterator of updates, and the transcript of what is finished at any moment."""

    def __init__(
        self,
        engine: Loaded,
        recording: Recording,
        options: Options,
        run: Callable[[Iterable[Transcription]], Iterator[tuple[Transcription, Update]]],
    ) -> None:
        self.engine = engine
        self.recording = recording
        self.options = options
        self.language = options.language
        self.segments: list[Segment] = []
        self.outstanding: list[Window] = []  # given out and not back
        self.languages: dict[str, float] = defaultdict(float)  # summed probabilities over windows
        self.windows = 0
        self.heard = 0.0  # seconds of the recording that came in
        self.settled = 0.0  # of which no sound waits for a window any more
        self.done = 0.0  # and that are finished
        self.spoken = 0.0
        self.seconds: dict[str, float] = defaultdict(float)
        self.fallbacks: list[Fallback] = []
        self.is_read = False  # to its end
        self.is_over = False  # and all of it written
        self.failure: Exception | None = None  # why it ended early
        self.is_told = False  # and that it was raised
        self.batch_size = 1  # until its first window is begun
        self.context = Context(engine.vocabulary, options)
        if options.language != "auto":
            self.prompt()  # an unknown language is told at once
        self._updates = (update for _, update in run([self]))

    def __next__(self) -> Update:
        """The next update; raises what ended the recording early when all that was heard before it is written."""
        for update in self._updates:
            return update
        if self.failure is not None and not self.is_told:
            self.is_told = True
            raise self.failure
        raise StopIteration

    def prompt(self, channel: int | None = None) -> list[int]:
        """What stands before the text of the next window of a channel."""
        return self.engine.vocabulary.prompt(
            self.language, self.options.timestamps, self.context.before(channel)
        )

    def listen(self) -> Iterator[list[Window]]:
        """The windows in which somebody speaks, as the sound comes in; an empty list where nobody does."""
        try:
            yield from self._listen()
        except Exception as failure:  # noqa: BLE001 (it is for who asked for this recording)
            self.failure = failure
        self.is_read = True

    def _listen(self) -> Iterator[list[Window]]:
        split = self.recording.channels > 1
        windowers = [
            Windower(
                SpeechDetector(self.engine.detector),
                offset=self.recording.start,
                channel=number + 1 if split else None,
            )
            for number in range(self.recording.channels)
        ]
        try:
            for block in join(self.recording.blocks(), LISTENED_TOGETHER):
                self.heard += block.shape[1] / SAMPLE_RATE
                began = time.perf_counter()
                new = [
                    window
                    for windower, samples in zip(windowers, block, strict=True)
                    for window in windower.push(samples)
                ]
                self.seconds["vad"] += time.perf_counter() - began
                self.outstanding += new
                self.settled = min(windower.settled for windower in windowers)
                yield new
        except Exception as failure:  # noqa: BLE001 (what came before it is heard to its end)
            self.failure = failure
        began = time.perf_counter()
        new = [window for windower in windowers for window in windower.finish()]
        self.seconds["vad"] += time.perf_counter() - began
        self.outstanding += new
        self.settled = self.heard
        yield new

    def take(self, window: Window, decoded: Decoded) -> tuple[list[Segment], Window | None]:
        """What a window became: its segments, and what is left of it to be heard again."""
        vocabulary = self.engine.vocabulary
        new = segments(window, decoded, vocabulary, self.language)
        rest = unfinished(window, decoded, vocabulary)
        self.context.take(window.channel, decoded)
        self.outstanding.remove(window)
        if rest is not None:
            self.outstanding.append(rest)
        self.segments += new
        self.spoken += window.length - (rest.length if rest else 0.0)
        self.windows += 1
        for language, share in decoded.language_probabilities.items():
            self.languages[language] += share
        return new, rest

    def end(self) -> None:
        """Every window is written."""
        self.is_over = True

    @property
    def complete(self) -> bool:
        """Whether the whole of the recording is in the transcript."""
        return self.is_over and self.failure is None

    def update(self, new: Sequence[Segment] = (), begun: float = 0.0) -> Update:
        """Progress up to the first window that is not finished, and so many seconds more that are begun."""
        starts = [window.start - self.recording.start for window in self.outstanding]
        self.done = max(self.done, min(min(starts, default=self.settled) + begun, self.heard))
        return Update(self.done, self.recording.duration, tuple(new))

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
            precision=engine.arithmetic,
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


def join(blocks: Iterator[NDArray[np.float32]], samples: int) -> Iterator[NDArray[np.float32]]:
    """Blocks (channels, n) joined until each holds at least so many samples; the last may be shorter."""
    some: list[NDArray[np.float32]] = []
    fault: Exception | None = None
    try:
        for block in blocks:
            some.append(block)
            if sum(part.shape[1] for part in some) >= samples:
                yield np.concatenate(some, axis=1)
                some = []
    except Exception as failure:  # noqa: BLE001 (raised when what came before it is given)
        fault = failure
    if some:
        yield np.concatenate(some, axis=1)
    if fault is not None:
        raise fault
