"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: a `problem` stops a local transcription, a `note` does not; `mend` says what to do, where there is.

    `found` and `mend` are sentences or parts of one, fit to be shown to anyone: no credentials.
    """

    subject: str
    state: State
    found: str
    mend: str = ""


def in_gigabytes(size: int) -> str:
    """Bytes as 5.7 GB, 290 MB or 12 kB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size / unit:.0f} {name}"
    return f"{size / 1000:.0f} kB"
