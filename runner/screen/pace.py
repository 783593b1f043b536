"""How far a run is and how long it will take, told from what is done: plain arithmetic with a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


class Pace:
    """Progress through recordings whose lengths are known only one by one: their bytes stand in for seconds."""

    def __init__(self, sizes: Sequence[int | None], clock: Callable[[], float] = time.monotonic) -> None:
        known = [size for size in sizes if size]
        usual = sum(known) / len(known) if known else 1.0
        self._weights = [float(size) if size else usual for size in sizes]  # bytes
        self._clock = clock
        self._number = 0  # of the recording at hand, from 0
        self._done = 0.0  # bytes of recordings finished
        self._worked = 0.0  # seconds of work on recordings finished
        self._heard = 0.0  # seconds of sound in these
        self._began = clock()
        self.seconds = 0.0  # of the recording at hand, heard so far
        self.duration: float | None = None

    def begin(self, number: int) -> None:
        """Start on the recording of this number, counted from 0."""
        self._number, self._began = number, self._clock()
        self.seconds, self.duration = 0.0, None

    def restart(self) -> None:
        """Count the work on the recording at hand from now."""
        self._began = self._clock()

    def advance(self, seconds: float, duration: float | None) -> None:
        """Note that `seconds` of the recording, of `duration` where known, have been heard."""
        self.seconds, self.duration = seconds, duration

    def end(self) -> None:
        """Count the recording at hand as finished, heard or not."""
        self._done += self._weights[self._number]
        self._worked += self.elapsed
        self._heard += self.seconds
        self.seconds, self.duration = 0.0, None
        self._began = self._clock()

    @property
    def elapsed(self) -> float:
        """Seconds of work on the recording at hand."""
        return self._clock() - self._began

    @property
    def share(self) -> float | None:
        """How much of the recording at hand is done, 0 to 1; None where its length is unknown."""
        return min(1.0, self.seconds / self.duration) if self.duration else None

    @property
    def whole_share(self) -> float | None:
        """How much of all recordings is done, 0 to 1; None where the only one's length is unknown."""
        if len(self._weights) == 1:
            return self.share
        return min(1.0, (self._done + (self.share or 0.0) * self._weights[self._number]) / sum(self._weights))

    @property
    def time_left(self) -> float | None:
        """Seconds until everything is done if the rest goes as what is done; None before anything is."""
        share = self.whole_share
        return (self._worked + self.elapsed) * (1.0 - share) / share if share else None

    @property
    def real_time_factor(self) -> float:
        """Seconds of sound heard in a second of work; of all recordings, since they share the machine."""
        worked = self._worked + self.elapsed
        return (self._heard + self.seconds) / worked if worked > 0 else 0.0
