"""Tokens of a segment → its words, with times in the recording and how sure the model was of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.engine.decode import Decoded
from runner.engine.tokens import Vocabulary
from runner.engine.windows import Window
from runner.transcript import Word

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # languages that are written without spaces
OPENING = "\"'“”„«»¿¡([{-–—"  # alone after a space they belong to the next word


def words(
    window: Window,
    decoded: Decoded,
    run: range,
    vocabulary: Vocabulary,
    *,
    language: str,
    within: tuple[float, float],
) -> tuple[Word, ...]:
    """The words of the tokens `run`, whose texts joined are that of the segment; none where nothing was aligned.

    Times lie within the segment's own, in seconds of the recording. A word's punctuation counts neither for its times
    nor for its confidence.
    """
    if not decoded.times:
        return ()
    found: list[Word] = []
    for group in spelt(decoded.tokens, run, vocabulary, spaced=language not in UNSPACED):
        letters = [at for at in group if is_spoken(vocabulary.text(decoded.tokens[at : at + 1]))] or group
        start, end = (
            min(max(seconds, within[0]), within[1])
            for seconds in window.spoken(decoded.times[letters[0]], decoded.times[letters[-1] + 1])
        )
        sure = sum(decoded.log_probabilities[at] for at in letters) / len(letters)
        text = vocabulary.text([decoded.tokens[at] for at in group])
        found.append(Word(round(start, 3), round(end, 3), text, round(math.exp(min(0.0, sure)), 4)))
    return stripped(found)


def spelt(tokens: Sequence[int], run: range, vocabulary: Vocabulary, *, spaced: bool) -> list[list[int]]:
    """Places of tokens, word by word; what has no letter or digit joins the word before or after it.

    Source: openai/whisper, tokenizer.py and timing.py: a token with a space before it begins a word; a language
    without spaces is divided wherever a character is whole.
    """
    groups: list[list[int]] = []
    whole = True
    for at in run:
        begins = vocabulary.text(tokens[at : at + 1]).startswith(" ") or (not spaced and whole)
        if begins or not groups:
            groups.append([])
        groups[-1].append(at)
        whole = "\ufffd" not in vocabulary.text([tokens[place] for place in groups[-1]])
    joined: list[list[int]] = []
    opening: list[int] = []
    for group in groups:
        text = vocabulary.text([tokens[at] for at in group])
        if is_spoken(text):
            joined.append(opening + group)
            opening = []
        elif (text.startswith(" ") and text.strip() and not text.strip().strip(OPENING)) or not joined:
            opening += group
        else:
            joined[-1] += opening + group
            opening = []
    if opening:
        joined[-1:] = [[*joined[-1], *opening]] if joined else [opening]
    return joined


def is_spoken(text: str) -> bool:
    """Whether there is a letter or a digit in it, or part of one."""
    return any(character.isalnum() or character == "\ufffd" for character in text)


def stripped(words: list[Word]) -> tuple[Word, ...]:
    """The same without space before the first and after the last."""
    last = len(words) - 1
    return tuple(
        Word(word.start, word.end, text.rstrip() if number == last else text, word.confidence)
        for number, word in enumerate(words)
        for text in [word.text.lstrip() if number == 0 else word.text]
    )
