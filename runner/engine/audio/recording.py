"""A recording → blocks of sound at 16 kHz, decoded in a child process that a hostile file cannot get out of.

The child gets an open file and never a name, an environment without secrets, and limits (decoder.py). What it
answers is believed no more than the file: lengths are bounded, and a child that falls silent is ended.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from runner.engine.audio.child import Child
from runner.engine.audio.outlet import MOST_CHANNELS
from runner.engine.audio.source import open_source
from runner.errors import (
    EngineMissing,
    RecordingEmpty,
    RecordingError,
    RecordingUnreadable,
    TranscriberError,
    UsageError,
)

SAMPLE_RATE = 16_000
SECOND_TRY = (b"RIFF", b"RF64", b"fLaC", b"ID3")  # what libsndfile may read though libav did not
MOST_SECONDS = 1e6  # of processor time: as good as no limit
QUIET = 1e-7  # mean square: -70 dB
CANCELLED = 0.01  # of the channels' power left in their mean: -20 dB


def open_recording(
    source: Path | BinaryIO,
    *,
    name: str,
    start: float = 0.0,
    end: float | None = None,
    split_channels: bool = False,
    cpu_seconds: float = 600.0,
    memory_mib: int = 2048,
) -> Recording:
    """Start decoding what lies between `start` and `end` (seconds); returns when its first sound is there.

    A stream that cannot be gone back in is copied to a temporary file first. Raises UsageError, RecordingMissing,
    RecordingEmpty, RecordingUnreadable, DecodingLimit, DiskFull, EngineMissing.
    """
    if not (math.isfinite(start) and start >= 0):
        raise UsageError(f"the start must be zero or more seconds, and {start:g} is not")
    if end is not None and not end > start:
        raise UsageError(f"the end ({end:g} seconds) must come after the start ({start:g} seconds)")
    if find_spec("av") is None:
        raise EngineMissing(
            "the package av, which reads recordings, is not installed: install gpu-transcriber[engine]"
        )
    with open_source(source, name=name) as file:
        request = {
            "reader": "libav",
            "rate": SAMPLE_RATE,
            "first": round(start * SAMPLE_RATE),
            "last": round(end * SAMPLE_RATE) if end is not None and math.isfinite(end) else None,
            "split": split_channels,
            "parent": os.getpid(),
            "cpu_seconds": min(cpu_seconds, MOST_SECONDS),
            "memory_mib": memory_mib,
        }
        try:
            return Recording(Child(file, request, name=name), name=name, start=start, end=end)
        except RecordingUnreadable as failure:
            if not os.pread(file.fileno(), 4, 0).startswith(SECOND_TRY) or find_spec("soundfile") is None:
                raise
            request["reader"] = "libsndfile"
            try:
                return Recording(Child(file, request, name=name), name=name, start=start, end=end)
            except RecordingError:
                raise failure from None


class Recording:
    """Sound as it is decoded; a context manager that ends the child process when it is left.

    `duration` is what the container claims of the part asked for (seconds; None if it does not say), `channels` 1 or
    the number kept apart, `container` and `codec` FFmpeg's names, `warnings` what was wrong with it so far,
    `seconds_decoded` the child's processor time.
    """

    def __init__(self, child: Child, *, name: str, start: float, end: float | None) -> None:
        self.name = name
        self.start = start
        self.warnings: list[str] = []
        self._child = child
        try:
            header = child.line()
            if "outcome" in header:
                raise _nothing(header, child, start)
            self._kept = min(max(int(header["channels"]), 1), MOST_CHANNELS)
            self.container = str(header["container"])
            self.codec = str(header["codec"])
            self.channels = self._kept if child.request["split"] else 1
            if (tracks := int(header["tracks"])) > 1:
                self.warnings.append(f"{name} has {tracks} audio tracks: only the main one is heard")
            self.duration = _part(header["duration"], start, end)
        except (KeyError, TypeError, ValueError) as error:
            raise child.broken() from error
        finally:
            if not hasattr(self, "duration"):
                self.close()

    @property
    def seconds_decoded(self) -> float:
        return self._child.seconds

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks of one second, the last may be shorter: float32 (channels, samples) in [-1, 1]; once only."""
        try:
            while data := self._child.block():
                interleaved = np.frombuffer(data, dtype="<f4").reshape(-1, self._kept)  # (samples, channels)
                sound = np.array(interleaved.T, dtype=np.float32, order="C")  # (channels, samples)
                if not np.abs(sound).max() <= 1.0:  # louder than there is, or no number
                    sound = np.clip(np.nan_to_num(sound, nan=0.0), -1.0, 1.0)
                yield self._mix(sound) if self._kept > self.channels else sound
            self._note(self._child.line())
        except (KeyError, TypeError, ValueError) as error:
            raise self._child.broken() from error
        finally:
            self.close()

    def close(self) -> None:
        """End the child, whatever it is doing; a second time does nothing."""
        self._child.end()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_child"):
            self.close()

    def _mix(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean of the channels; where they are each other's opposites and leave nothing, the loudest."""
        mixed: NDArray[np.float32] = sound.mean(axis=0, keepdims=True)  # (1, samples)
        power = np.square(sound).mean(axis=1)
        if power.max() > QUIET and np.square(mixed).mean() < CANCELLED * power.mean():
            warning = f"the channels of {self.name} cancel each other out when mixed: where they do, one alone is heard"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return sound[[power.argmax()]]
        return mixed

    def _note(self, status: dict[str, Any]) -> None:
        """Put what was wrong into `warnings`."""
        if status["outcome"] == "memory":
            raise self._child.out_of_memory()
        faults = []
        read, damaged, filled = (float(status.get(key) or 0) for key in ("read", "damaged", "filled"))
        expected = float(status.get("expected") or 0)
        if status["outcome"] != "read":
            faults.append("it cannot be read further")
        if expected - read > 1.0:
            faults.append(f"it should be {expected:.1f} seconds long")
        if damaged:
            faults.append(f"{damaged:.0f} packets were passed over")
        if filled >= 1.0:
            faults.append(f"holes of {filled:.1f} seconds were taken as silence")
        if faults:
            self.warnings.append(
                f"{self.name} ends early or is damaged: {', '.join(faults)}, {read:.1f} seconds were read"
            )


def _part(duration: object, start: float, end: float | None) -> float | None:
    """Seconds that remain of a recording between `start` and `end`."""
    if not isinstance(duration, (int, float)) or not 0 < duration < math.inf:
        return None if end is None else end - start
    return max(0.0, min(duration, math.inf if end is None else end) - start)


def _nothing(status: dict[str, Any], child: Child, start: float) -> TranscriberError:
    """Why there is no sound at all."""
    name = child.name
    outcome, detail = status["outcome"], "".join(c for c in str(status.get("detail", "")) if c.isprintable())
    if outcome == "memory":
        return child.out_of_memory()
    if outcome == "soundless":
        return RecordingEmpty(
            f"{name} is a video without sound" if detail else f"{name} has no sound in it", name=name
        )
    if outcome == "playlist":
        return RecordingUnreadable(
            f"{name} is a playlist, which only names recordings: give the recordings themselves", name=name
        )
    if outcome == "read" and status["read"]:
        return RecordingEmpty(
            f"{name} is {status['read']:.1f} seconds long: there is nothing after {start:g} seconds",
            name=name,
        )
    if outcome == "read" and not status["damaged"]:
        return RecordingEmpty(f"{name} has no sound in it: its audio track is empty", name=name)
    return RecordingUnreadable(
        f"{name} is not a recording, or is damaged beyond reading{f' ({detail})' if detail else ''}",
        name=name,
    )
