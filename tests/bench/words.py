"""What was heard beside what was said: words wrong, left out, put in."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import jiwer

LONG_INSERTION = 3  # words in a row that nobody said: no slip but an invention


@dataclass(frozen=True, slots=True)
class Errors:
    """Counts of words; `hallucinated` are those inserted three or more in a row, or where nothing was said."""

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    hallucinated: int = 0
    characters: int = 0
    character_errors: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def count(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate; where nothing was said every word is an error of its own."""
        return self.count / max(1, self.words)

    @property
    def character_rate(self) -> float:
        return self.character_errors / max(1, self.characters)


def plain(text: str) -> str:
    """Lower case, without punctuation."""
    kept = re.sub(r"[^\w\s]|_", " ", unicodedata.normalize("NFKC", text).lower())
    return " ".join(kept.split())


def as_published(text: str) -> str:
    """As KBLab normalised for the rates that it published: numbers spelt out, and hyphens close up.

    Source: github.com/kb-labb/subtitles_preprocessing, scripts/evaluate/eval_fleurs.py.
    """
    from num2words import num2words

    spelt = re.sub(r"\d+", lambda found: str(num2words(int(found[0]), lang="sv")), text.lower())
    kept = spelt.translate(str.maketrans("", "", string.punctuation))
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def errors(said: str, heard: str, normalise: Callable[[str], str] = plain) -> Errors:
    """Compare one recording."""
    said, heard = normalise(said), normalise(heard)
    if not said:
        extra = len(heard.split())
        return Errors(insertions=extra, hallucinated=extra, character_errors=len(heard))
    words = jiwer.process_words(said, heard)
    characters = jiwer.process_characters(said, heard)
    inserted = [
        chunk.hyp_end_idx - chunk.hyp_start_idx for chunk in words.alignments[0] if chunk.type == "insert"
    ]
    return Errors(
        words=len(said.split()),
        substitutions=words.substitutions,
        deletions=words.deletions,
        insertions=words.insertions,
        hallucinated=sum(run for run in inserted if run >= LONG_INSERTION),
        characters=len(said),
        character_errors=characters.substitutions + characters.deletions + characters.insertions,
    )
