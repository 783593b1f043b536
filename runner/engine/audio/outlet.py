"""What the decoder process says, and how: the cut of the sound that was asked for, on a pipe.

First one line of JSON, the header; then blocks of one second, each a `BLOCK` head (bytes, processor seconds used
so far) with that many bytes of interleaved little-endian float32; then a head of zero bytes and one more line of
JSON, the status. Where there is no sound to give, the status is all.
"""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the parent reads what is written here and does without PyAV
    from av import AudioFrame

BLOCK = struct.Struct("<Id")
SAMPLE = 4  # bytes of a float32
MOST_CHANNELS = 64


class Refused(Exception):
    """Why nothing can be read; `outcome` is what the parent chooses its sentence by."""

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class Outlet:
    """Sends what lies between samples `first` and `last` of the sound put in; `facts` go before the first block."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        rate: int,
        split: bool = False,
        first: int = 0,
        last: int | None = None,
        parent: int | None = None,
    ) -> None:
        self.rate = rate
        self.split = split  # keep the channels apart
        self.position = 0  # samples since the start of the recording
        self.channels = 0
        self.facts: dict[str, Any] = {}
        self.first = first
        self._last = last
        self._write = write
        self._pending = bytearray()
        self._begun = False
        self._parent = parent

    @property
    def full(self) -> bool:
        return self._last is not None and self.position >= self._last

    @property
    def seconds(self) -> float:
        return self.position / self.rate

    def put(self, frames: list[AudioFrame]) -> None:
        """Take what a resampler gives."""
        for frame in frames:
            sound = memoryview(frame.planes[0])  # may be longer than its samples
            self._put(sound[: frame.samples * self.channels * SAMPLE])

    def silence(self, seconds: float) -> None:
        samples = round(seconds * self.rate)
        while samples > 0 and not self.full:
            part = min(samples, self.rate)
            self._put(memoryview(bytes(part * self.channels * SAMPLE)))
            samples -= part

    def end(self, status: dict[str, Any]) -> None:
        if self._pending:
            self._send(len(self._pending))
        if self._begun:
            self._write(BLOCK.pack(0, time.process_time()))
        self._line(status)

    def _put(self, sound: memoryview) -> None:
        width = self.channels * SAMPLE
        samples = len(sound) // width
        start = max(0, self.first - self.position)
        stop = samples if self._last is None else min(samples, self._last - self.position)
        self.position += samples
        if start < stop:
            self._pending += sound[start * width : stop * width]
            while len(self._pending) >= self.rate * width:
                self._send(self.rate * width)
        elif self._parent not in (None, os.getppid()):  # where nothing is written, no broken pipe tells us
            raise BrokenPipeError

    def _send(self, size: int) -> None:
        if not self._begun:
            self._begun = True
            self._line({**self.facts, "channels": self.channels})
        self._write(BLOCK.pack(size, time.process_time()) + self._pending[:size])
        del self._pending[:size]

    def _line(self, value: dict[str, Any]) -> None:
        self._write(json.dumps(value).encode() + b"\n")
