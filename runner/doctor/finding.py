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
