"""What another program said, made fit for a sentence of ours."""

from __future__ import annotations

LONGEST = 300  # characters of a reason; some programs answer with a page


def quoted(text: str, longest: int = LONGEST) -> str:
    """The text on one line, with an ellipsis where it is cut."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}…"
