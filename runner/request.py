"""What a person asked of one run of `transcribe`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.formats import parse_formats

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
            "channels": self.channels,
        }
