"""A stream of sound → windows of at most 30 s for the model, cut where nobody speaks.

Stretches of speech are packed into one window while they fit, so that the encoder, which always hears 30 s, is well
used. Windows never overlap; a stretch longer than a window is cut where speech is least likely. Silence between
windows is never decoded, since Whisper invents text on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.engine.features import SAMPLE_RATE, WINDOW_SECONDS
from runner.engine.vad import FRAME, SpeechDetector

SPEECH = 0.5  # probability at which a stretch of speech begins
SILENCE = 0.35  # below which it may end


def frames(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE / FRAME)


LONGEST = frames(WINDOW_SECONDS)
SHORTEST_SPEECH = frames(0.13)
SHORTEST_SILENCE = frames(0.2)
LONGEST_SILENCE = frames(3.0)  # inside a window; longer ones end it
PADDING = frames(0.25)  # kept around speech, so that soft beginnings and endings are heard
CUT_FROM = frames(20.0)  # a stretch without silence is cut after this


@dataclass(frozen=True, slots=True)
class Window:
    """Up to 30 s of one channel; `start` and `end` in seconds from the start of the recording."""

    start: float
    end: float
    samples: NDArray[np.float32]
    channel: int | None = None


class Windower:
    """Finds the windows of one channel as its sound comes in.

    All positions are frames of 32 ms from the beginning of the stream.
    """

    def __init__(self, detector: SpeechDetector, *, offset: float = 0.0, channel: int | None = None) -> None:
        self.detector = detector
        self.offset = offset  # seconds of the recording before this stream begins
        self.channel = channel
        self.samples = np.zeros(0, np.float32)  # what may still be needed, from frame `first`
        self.probabilities: list[float] = []  # one for each whole frame of it that was judged
        self.first = 0
        self.received = 0  # samples
        self.last_end = 0  # where the last window ended
        self.window: tuple[int, int] | None = None  # finished stretches packed so far
        self.stretch: int | None = None  # where the present stretch began
        self.silent_since: int | None = None
        self.speech_seconds = 0.0

    @property
    def position(self) -> int:
        return self.first + len(self.probabilities)

    @property
    def settled(self) -> float:
        """Seconds of the stream before which nothing waits to be given."""
        return self.first * FRAME / SAMPLE_RATE

    def push(self, samples: NDArray[np.float32]) -> Iterator[Window]:
        """Take the next samples (N,); give the windows that they complete."""
        judged = len(self.probabilities) * FRAME
        self.samples = np.concatenate([self.samples, samples])
        self.received += len(samples)
        whole = (len(self.samples) - judged) // FRAME * FRAME
        for probability in self.detector(self.samples[judged : judged + whole]).tolist():
            self.probabilities.append(probability)
            yield from self._advance(probability)
        self._forget()

    def finish(self) -> Iterator[Window]:
        """The sound is over; give what is left."""
        padding = -len(self.samples) % FRAME
        yield from self.push(np.zeros(padding, np.float32))
        self.received -= padding
        if self.stretch is not None:
            yield from self._end_stretch(self.position if self.silent_since is None else self.silent_since)
        yield from self._emit()

    def _advance(self, probability: float) -> Iterator[Window]:
        now = self.position  # the frame after the one just judged
        if self.stretch is None:
            if probability >= SPEECH:
                self.stretch, self.silent_since = now - 1, None
            elif self.window and now - self.window[1] > LONGEST_SILENCE:
                yield from self._emit()
            return
        if probability >= SPEECH:
            self.silent_since = None
        elif probability < SILENCE:
            self.silent_since = now - 1 if self.silent_since is None else self.silent_since
            if now - self.silent_since >= SHORTEST_SILENCE:
                yield from self._end_stretch(self.silent_since)
                return
        if self.window and now + 2 * PADDING - self.window[0] > LONGEST:
            yield from self._emit(before=self.stretch)
        if now + 2 * PADDING - self.stretch > LONGEST:
            cut = self._quietest(self.stretch + CUT_FROM, now)
            self.window = (self.stretch, cut)
            self.stretch = cut
            yield from self._emit(before=cut)

    def _end_stretch(self, end: int) -> Iterator[Window]:
        assert self.stretch is not None
        if end - self.stretch >= SHORTEST_SPEECH:
            self.window = (self.window[0] if self.window else self.stretch, end)
        self.stretch = self.silent_since = None
        yield from ()

    def _emit(self, before: int | None = None) -> Iterator[Window]:
        """Give the packed window, padded into the silence around it but not past the next stretch, `before`."""
        if self.window is None:
            return
        start, end = self.window
        self.window = None
        start = max(start - PADDING, self.last_end)
        room = self.position - end if before is None else (before - end) // 2
        end += min(PADDING, room)
        self.last_end = end
        begins, ends = start * FRAME, min(end * FRAME, self.received)  # samples of the stream
        samples = self.samples[begins - self.first * FRAME : ends - self.first * FRAME].copy()
        yield Window(
            self.offset + begins / SAMPLE_RATE, self.offset + ends / SAMPLE_RATE, samples, self.channel
        )

    def _quietest(self, start: int, end: int) -> int:
        return start + int(np.argmin(self.probabilities[start - self.first : end - self.first]))

    def _forget(self) -> None:
        """Let go of the sound that no window can need any more."""
        open_starts = [start for start in (self.window and self.window[0], self.stretch) if start is not None]
        needed = max(min([*open_starts, self.position]) - PADDING, self.last_end)
        drop = needed - self.first
        if drop > 0:
            self.samples = self.samples[drop * FRAME :]
            del self.probabilities[:drop]
            self.first = needed
