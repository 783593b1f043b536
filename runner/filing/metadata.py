"""What is filed beside a transcript: where it came from and how it was made. metadata.schema.json describes it."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, BinaryIO

from runner import __version__
from runner.errors import RecordingUnreadable
from runner.filing.results import METADATA, Filed, transcription_file
from runner.formats import plain
from runner.inputs import Input, printable
from runner.transcript import Transcript

# A result serves a later run if these are as they were: the same words in the same shape would come out.
DECISIVE = (
    "model", "language", "style", "beam", "prompt", "hotwords", "previous_text", "channels", "start", "end",
    "timestamps", "unsure_below",
)  # fmt: skip
# Options that older versions did not have, and what they did.
ONCE = {"prompt": "", "hotwords": "", "previous_text": False}
_BLOCK = 1 << 20  # bytes


class Summed(io.RawIOBase):
    """A stream that sums what is read from it: its size and SHA-256, known once it has been read to its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sum = hashlib.sha256()
        self._size = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._sum.update(block)
        self._size += len(block)
        self._ended = self._ended or not block
        return len(block)

    @property
    def size(self) -> int | None:
        """Bytes in all; None before the end."""
        return self._size if self._ended else None

    @property
    def sha256(self) -> str | None:
        """The sum of all bytes in hexadecimal; None before the end."""
        return self._sum.hexdigest() if self._ended else None


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for every recording of a run: what was asked, and the seconds that getting ready took."""

    options: Mapping[str, Any]
    timings: Mapping[str, float]


def read_through(recording: Input) -> Summed:
    """Read a file to its end for its size and sum, a block at a time; raises RecordingUnreadable."""
    assert recording.path is not None
    try:
        with recording.path.open("rb") as file:
            summed = Summed(file)
            while summed.read(_BLOCK):
                pass
    except OSError as error:
        raise RecordingUnreadable(
            f"{recording.name} cannot be read: {error.strerror}", name=recording.name
        ) from error
    return summed


def describe(
    transcript: Transcript, recording: Input, summed: Summed, run: Run, *, audio: float | None, work: float
) -> str:
    """Return metadata.json; `audio` is the recording's length where known and `work` the time it took, in seconds."""
    heard = (
        transcript.duration if transcript.complete else heard_until(transcript, float(run.options["start"]))
    )
    content = {
        "version": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "complete": transcript.complete,
        "source": {
            "name": recording.name,
            "path": None if recording.path is None else printable(os.path.abspath(recording.path)),
            "size_bytes": summed.size,
            "sha256": summed.sha256,
        },
        "model": asdict(transcript.model),
        "language": {
            "asked": transcript.language_asked,
            "used": transcript.language,
            "detected": transcript.detected_language,
            "probability": transcript.language_probability,
        },
        "channels": transcript.channels,
        "durations": {
            "audio": transcript.duration if transcript.complete or audio is None else audio,
            "heard": heard,
            "speech": transcript.speech_duration,
        },
        "timings": {**run.timings, **_others(transcript.timings, run.timings), "total": work},
        "real_time_factor": heard / work if work > 0 else 0.0,
        "peak_memory_bytes": transcript.peak_memory,
        "device": transcript.device,
        "precision": transcript.precision,
        "batch_size": transcript.batch_size,
        "fallbacks": [asdict(fallback) for fallback in transcript.fallbacks],
        "warnings": list(transcript.warnings),
        "options": dict(run.options),
    }
    return json.dumps(plain(content), ensure_ascii=False, indent=2) + "\n"


def _others(timings: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    return {stage: seconds for stage, seconds in timings.items() if stage not in known}


def heard_until(transcript: Transcript, start: float) -> float:
    """Seconds from the start of what was asked for to the end of the last finished segment."""
    return max((segment.end - start for segment in transcript.segments), default=0.0)


def is_of(filed: Filed, summed: Summed, options: Mapping[str, Any]) -> bool:
    """Whether an earlier result is of these bytes under the same decisive options."""
    source, asked = filed.metadata["source"], filed.metadata["options"]
    return (
        summed.sha256 is not None
        and source.get("sha256") == summed.sha256
        and all(asked.get(name, ONCE.get(name)) == plain(options[name]) for name in DECISIVE)
    )


def is_finished(filed: Filed, options: Mapping[str, Any]) -> bool:
    """Whether an earlier result is complete and there in every format now asked for, with words where they are."""
    files = (METADATA, *map(transcription_file, options["formats"]))
    # Before there were words, their option was not there.
    has_words = filed.metadata["options"].get("words") is True
    complete = filed.metadata.get("complete") is True and (has_words or not options["words"])
    return complete and all((filed.folder / file).is_file() for file in files)
