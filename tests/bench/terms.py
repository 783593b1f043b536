"""What is the same for every contestant: weights, device, threads, language."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Terms:
    """One set of weights in the three layouts that the contestants read; None where nobody here reads it."""

    checkpoint: Path  # transformers' layout
    model: str
    revision: str
    ctranslate2: Path | None = None  # a folder
    ggml: Path | None = None  # a file
    device: str = "cpu"
    threads: int = 1
    language: str = "sv"

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Terms:
        fields = json.loads(text)
        for name in ("checkpoint", "ctranslate2", "ggml"):
            fields[name] = Path(fields[name]) if fields[name] else None
        return cls(**fields)
