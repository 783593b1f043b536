"""Frames of any format, rate and layout → float32 at the outlet's rate."""

from __future__ import annotations

import math

from av import AudioFifo, AudioFrame, AudioResampler

from runner.engine.audio.outlet import MOST_CHANNELS, Outlet, Refused

RATES = range(1_000, 1_000_001)  # hertz: below it a small file would make endless sound
TOGETHER = 0.5  # seconds: a call for every few milliseconds costs twice the time


class Resampling:
    """Feeds an outlet; begins anew where the sound changes its kind, as in recordings joined end to end."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._setup: tuple[str, str, int] | None = None
        self._drop = 0  # samples still to be left out
        self._fifo = AudioFifo()
        self._resampler = AudioResampler()

    @property
    def seconds(self) -> float:
        """How far the recording has come, with what still waits here."""
        waiting = self._fifo.samples / self._setup[2] if self._setup else 0.0
        return self.outlet.seconds + waiting

    def take(self, frame: AudioFrame, *, silence_before: float = 0.0) -> None:
        """The next frame, after so many seconds of silence."""
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup != self._setup:
            self.finish()
            self._fifo = AudioFifo()
            self._resampler = AudioResampler(format="flt", layout=self._layout(frame), rate=self.outlet.rate)
            self._setup = setup
        if silence_before:
            self._be_silent(silence_before)
        frame.pts = None  # times are the reader's to keep
        self._fifo.write(frame)
        if self._drop:
            dropped = min(self._drop, frame.samples)
            self._fifo.read(dropped)
            self._drop -= dropped
        if self._fifo.samples >= TOGETHER * frame.sample_rate:
            self._drain()

    def finish(self) -> None:
        self._drain()
        self.outlet.put(self._resampler.resample(None))

    def _be_silent(self, seconds: float) -> None:
        """Silence before the next frame; at the very start it takes a little of it, to keep both rates in step."""
        self._drain()
        if self._setup and not self.outlet.position:
            rate = self._setup[2]
            before = round(seconds * rate)
            self._drop = -before % (rate // math.gcd(rate, self.outlet.rate))
            seconds = (before + self._drop) / rate
        self.outlet.silence(seconds)

    def _drain(self) -> None:
        joined = self._fifo.read(0, partial=True) if self._fifo.samples else None
        if joined is not None:
            self.outlet.put(self._resampler.resample(joined))

    def _layout(self, frame: AudioFrame) -> str:
        """Channels that leave here: a known set of more than two is mixed to mono, the rest the parent mixes."""
        count = frame.layout.nb_channels
        if not self.outlet.channels:
            if count > MOST_CHANNELS:
                detail = f"{count} channels, where {MOST_CHANNELS} are the most that are read"
                raise Refused("unreadable", detail)
            known = count > 2 and not frame.layout.name.endswith("channels")
            self.outlet.channels = 1 if known and not self.outlet.split else count
        return frame.layout.name if count == self.outlet.channels else layout_name(self.outlet.channels)


def layout_name(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
