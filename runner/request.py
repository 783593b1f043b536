"""What a person asked of one run of `transcribe`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.formats import SUBTITLES, parse_formats

if TYPE_CHECKING:
    from runner.settings import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """What to transcribe and how; times in seconds, `channels` is mix or split."""

    files: tuple[str, ...]
    settings: Settings
    start: float = 0.0
    end: float | None = None
    timestamps: bool = False
    channels: str = "mix"
    quiet: bool = False
    resume: bool = False

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats to write; raises UsageError."""
        return parse_formats(self.settings.formats)

    @property
    def words(self) -> bool:
        """Whether each word's time and confidence are worked out: asked for, or needed by subtitles or by marks."""
        settings = self.settings
        return settings.words or settings.mark_unsure or not set(SUBTITLES).isdisjoint(self.formats)

    @property
    def unsure_below(self) -> float | None:
        """The confidence below which words are marked; None where none are."""
        return self.settings.unsure_below if self.settings.mark_unsure else None

    def options(self) -> dict[str, Any]:
        """What was asked, as metadata.json records it."""
        settings = self.settings
        return {
            "model": settings.model,
            "language": settings.language,
            "style": settings.style,
            "device": settings.device,
            "precision": settings.precision,
            "batch_size": settings.batch_size,
            "beam": settings.beam,
            "where": settings.where,
            "formats": list(self.formats),
            "start": self.start,
            "end": self.end,
            "timestamps": self.timestamps,
            "words": self.words,
            "unsure_below": self.unsure_below,
            "channels": self.channels,
        }
