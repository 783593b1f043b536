"""The built-in clip: twenty seconds of Swedish of this project's own making (samples/README.md), and what is said."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

SOUND = Path(__file__).with_name("clip.mp3")
SAID = Path(__file__).with_name("clip.txt")


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return re.findall(r"\w+", text.lower())


def accuracy(heard: str, said: str) -> float:
    """The share of what was said that was heard, in its order, less what was heard besides; 0 to 1."""
    spoken, written = words(said), words(heard)
    matched = sum(
        block.size for block in SequenceMatcher(None, spoken, written, autojunk=False).get_matching_blocks()
    )
    return matched / max(len(spoken), len(written), 1)
