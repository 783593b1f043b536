"""Words that the model was unsure of, in brackets for people who read: Jag bor i [Uppsala?]."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from runner.transcript import Segment, Word

_SPOKEN = re.compile(r"\w(?:.*\w)?", re.DOTALL)  # from the first letter to the last


def mark_unsure(segment: Segment, below: float) -> Segment:
    """The segment with each run of words of less confidence in one bracket; as it is where it has no words."""
    if "".join(word.text for word in segment.words) != segment.text:
        return segment
    words = tuple(_marked(segment.words, below))
    return replace(segment, words=words, text="".join(word.text for word in words))


def _marked(words: tuple[Word, ...], below: float) -> Iterator[Word]:
    for unsure, run in groupby(words, key=lambda word: word.confidence < below):
        some = list(run)
        if unsure:
            some[0] = replace(some[0], text=_opened(some[0].text))
            some[-1] = replace(some[-1], text=_closed(some[-1].text))
        yield from some


def _opened(text: str) -> str:
    """The word with a bracket before its first letter: punctuation stays outside."""
    spoken = _SPOKEN.search(text)
    at = spoken.start() if spoken else len(text) - len(text.lstrip())
    return f"{text[:at]}[{text[at:]}"


def _closed(text: str) -> str:
    """The word with a bracket after its last letter."""
    spoken = _SPOKEN.search(text)
    at = spoken.end() if spoken else len(text.rstrip())
    return f"{text[:at]}?]{text[at:]}"
