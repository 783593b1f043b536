"""A stream of sound → windows of at most 30 s for the model, cut where nobody speaks.

Stretches of speech are packed into one window while they fit, with what is silent between them cut down to a breath,
so that the encoder, which always hears 30 s, is well used. Windows never overlap; a stretch longer than a window is
cut where speech is least likely. Silence is never decoded, since Whisper invents text on it.
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
LONGEST_SILENCE = frames(10.0)  # a longer one ends the window, so that it need not wait for what comes after
PADDING = frames(0.25)  # kept around speech, so that soft beginnings and endings are heard
BREATH = 2 * PADDING  # what is left of a silence inside a window
CUT_FROM = frames(20.0)  # a stretch without silence is cut after this


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound of a window without a cut: seconds in the recording, and where in the window it begins."""

    start: float
    end: float
    offset: float


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """Up to 30 s of one channel, put together from pieces of the recording."""

    pieces: tuple[Piece, ...]
    samples: NDArray[np.float32]
    channel: int | None = None

    @property
    def start(self) -> float:
        """Seconds from the start of the recording."""
        return self.pieces[0].start

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.pieces[-1].end

    @property
    def length(self) -> float:
        """Seconds of sound in it."""
        return len(self.samples) / SAMPLE_RATE

    def begins(self, seconds: float) -> float:
        """When in the recording something begins that begins here in the window; not in the breath before a cut."""
        return self._when(seconds, PADDING * FRAME / SAMPLE_RATE)

    def ends(self, seconds: float) -> float:
        """When in the recording something ends that ends here in the window; not in the breath after a cut."""
        return self._when(seconds, -PADDING * FRAME / SAMPLE_RATE)

    def spoken(self, begins: float, ends: float) -> tuple[float, float]:
        """When in the recording a word begins and ends that does so here: on the side of a cut where most of it is."""
        piece = max(
            self.pieces,
            key=lambda piece: min(ends, piece.offset + piece.end - piece.start) - max(begins, piece.offset),
        )
        moved = piece.start - piece.offset
        return (
            min(max(begins + moved, piece.start), piece.end),
            min(max(ends + moved, piece.start), piece.end),
        )

    def _when(self, seconds: float, lean: float) -> float:
        seconds = min(max(seconds, 0.0), self.length)
        piece = next((p for p in reversed(self.pieces) if p.offset < seconds + lean), self.pieces[0])
        return min(max(piece.start + seconds - piece.offset, piece.start), piece.end)

    def rest(self, seconds: float) -> Window:
        """What comes after so many seconds of the window."""
        pieces = [
            Piece(
                piece.start + max(0.0, seconds - piece.offset),
                piece.end,
                max(0.0, piece.offset - seconds),
            )
            for piece in self.pieces
            if piece.offset + piece.end - piece.start > seconds
        ]
        return Window(tuple(pieces), self.samples[round(seconds * SAMPLE_RATE) :], self.channel)


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
        self.pieces: list[tuple[int, int]] = []  # finished stretches packed so far
        self.stretch: int | None = None  # where the present stretch began
        self.silent_since: int | None = None

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
            self._end_stretch(self.position if self.silent_since is None else self.silent_since)
        yield from self._emit()

    def _advance(self, probability: float) -> Iterator[Window]:
        now = self.position  # the frame after the one just judged
        if self.stretch is None:
            if probability >= SPEECH:
                self.stretch, self.silent_since = now - 1, None
            elif self.pieces and now - self.pieces[-1][1] > LONGEST_SILENCE:
                yield from self._emit()
            return
        if probability >= SPEECH:
            self.silent_since = None
        elif probability < SILENCE:
            self.silent_since = now - 1 if self.silent_since is None else self.silent_since
            if now - self.silent_since >= SHORTEST_SILENCE:
                self._end_stretch(self.silent_since)
                return
        if self.pieces and packed(joined(self.pieces, (self.stretch, now))) > LONGEST:
            yield from self._emit(before=self.stretch)
        if packed([(self.stretch, now)]) > LONGEST:
            cut = self._quietest(self.stretch + CUT_FROM, now)
            self.pieces = [(self.stretch, cut)]
            self.stretch = cut
            yield from self._emit(before=cut)

    def _end_stretch(self, end: int) -> None:
        assert self.stretch is not None
        if end - self.stretch >= SHORTEST_SPEECH:
            self.pieces = joined(self.pieces, (self.stretch, end))
        self.stretch = self.silent_since = None

    def _emit(self, before: int | None = None) -> Iterator[Window]:
        """Give the packed window, padded into the silence around it but not past the next stretch, `before`."""
        if not self.pieces:
            return
        room = self.position - self.pieces[-1][1] if before is None else (before - self.pieces[-1][1]) // 2
        pieces, sound, offset = [], [], 0
        for start, end in self.pieces:
            padded = max(start - PADDING, self.last_end)
            self.last_end = end + (min(PADDING, room) if (start, end) == self.pieces[-1] else PADDING)
            begins, ends = padded * FRAME, min(self.last_end * FRAME, self.received)  # samples of the stream
            sound.append(self.samples[begins - self.first * FRAME : ends - self.first * FRAME])
            pieces.append(
                Piece(
                    self.offset + begins / SAMPLE_RATE,
                    self.offset + ends / SAMPLE_RATE,
                    offset / SAMPLE_RATE,
                )
            )
            offset += ends - begins
        self.pieces = []
        yield Window(tuple(pieces), np.concatenate(sound), self.channel)

    def _quietest(self, start: int, end: int) -> int:
        return start + int(np.argmin(self.probabilities[start - self.first : end - self.first]))

    def _forget(self) -> None:
        """Let go of the sound that no window can need any more."""
        open_starts = [start for start, _ in self.pieces[:1]]
        open_starts += [] if self.stretch is None else [self.stretch]
        needed = max(min([*open_starts, self.position]) - PADDING, self.last_end)
        drop = needed - self.first
        if drop > 0:
            self.samples = self.samples[drop * FRAME :]
            del self.probabilities[:drop]
            self.first = needed


def joined(pieces: list[tuple[int, int]], stretch: tuple[int, int]) -> list[tuple[int, int]]:
    """Pieces with one more stretch, which is of one piece with the last if hardly a breath lies between them."""
    if pieces and stretch[0] - pieces[-1][1] <= BREATH:
        return [*pieces[:-1], (pieces[-1][0], stretch[1])]
    return [*pieces, stretch]


def packed(pieces: list[tuple[int, int]]) -> int:
    """Frames of a window of these pieces."""
    return sum(end - start + 2 * PADDING for start, end in pieces)
