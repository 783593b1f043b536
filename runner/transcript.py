"""The transcript: what the engine makes and everything else only shows, files or sends."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; times in seconds from the start of the recording, confidence 0 to 1.

    The texts of a segment's words, joined, are its text: each has its punctuation and the space before it.
    """

    start: float
    end: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of speech as the model divided it; times in seconds from the start of the recording.

    `channel` counts from 1 and is None where the channels were mixed to one.
    """

    start: float
    end: float
    text: str
    channel: int | None = None
    words: tuple[Word, ...] = ()
    average_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Fallback:
    """One step away from what was asked: `subject` is model, device, batch, precision or audio."""

    subject: str
    wanted: str
    used: str
    reason: str


@dataclass(frozen=True, slots=True)
class Model:
    """Which weights spoke: hub id or folder, the exact revision, and where the files came from."""

    id: str
    revision: str
    source: str  # cache, hub, folder or demonstration
    style: str = "standard"  # which of its styles, by the name of its revision on the hub


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that is known when a recording has been heard; durations in seconds, memory in bytes.

    `timings` holds the seconds of each stage: load, decode, vad, features, encoder, decoder, total.
    `complete` is False when the work was ended early and only the finished windows are here.
    """

    segments: tuple[Segment, ...]
    language: str
    duration: float
    model: Model
    speech_duration: float = 0.0
    language_asked: str = "sv"
    detected_language: str | None = None
    language_probability: float | None = None
    channels: int = 1
    device: str = "cpu"
    precision: str = "float32"
    batch_size: int = 1
    peak_memory: int = 0
    timings: dict[str, float] = field(default_factory=dict)
    fallbacks: tuple[Fallback, ...] = ()
    warnings: tuple[str, ...] = ()
    complete: bool = True

    @property
    def text(self) -> str:
        """The words alone, one segment after another."""
        return " ".join(segment.text.strip() for segment in self.segments if segment.text.strip())
