"""Tokens of a window → segments with times in the recording."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engine.attempts import is_silence
from runner.engine.decode import Decoded
from runner.engine.repetition import compression_ratio
from runner.engine.tokens import Vocabulary
from runner.engine.windows import Window
from runner.engine.words import words
from runner.transcript import Segment

SHORTEST_REST = 0.5  # seconds: less is the breath after the last word


def segments(window: Window, decoded: Decoded, vocabulary: Vocabulary, language: str = "sv") -> list[Segment]:
    """The segments that the time stamps divide a window into; none where nobody spoke."""
    if is_silence(decoded):
        return []
    ratio = compression_ratio(vocabulary.text(decoded.tokens))
    return [
        Segment(
            start=begins,
            end=ends,
            text=text,
            channel=window.channel,
            words=words(window, decoded, run, vocabulary, language=language, within=(begins, ends)),
            average_log_probability=round(decoded.average_log_probability, 4),
            no_speech_probability=round(decoded.no_speech_probability, 4),
            compression_ratio=round(ratio, 3),
            temperature=decoded.temperature,
        )
        for start, end, run in divide(decoded.tokens, vocabulary, window.length)
        if (text := vocabulary.text(decoded.tokens[run.start : run.stop]).strip())
        for begins in [round(window.begins(start), 3)]
        for ends in [max(begins, round(window.ends(end), 3))]
    ]


def unfinished(window: Window, decoded: Decoded, vocabulary: Vocabulary) -> Window | None:
    """What is left of a window where the model opened another segment and wrote none: to be heard again from there.

    Source: openai/whisper, transcribe.py: two stamps at the end mean that speech goes on after the last of them.
    """
    *_, closing, opening = (0, 0, *decoded.tokens)
    if closing < vocabulary.first_stamp or opening < vocabulary.first_stamp:
        return None
    heard = vocabulary.seconds(opening)
    if heard < SHORTEST_REST or window.length - heard < SHORTEST_REST:
        return None
    return window.rest(heard)


def divide(
    tokens: tuple[int, ...], vocabulary: Vocabulary, length: float
) -> Iterator[tuple[float, float, range]]:
    """Runs of words between stamps: start and end in seconds from the start of the window, and places of tokens."""
    start, first = 0.0, 0
    for place, token in enumerate(tokens):
        if token < vocabulary.first_stamp:
            continue
        stamp = vocabulary.seconds(token)
        if first < place:
            yield start, stamp, range(first, place)
        start, first = stamp, place + 1
    if first < len(tokens):
        yield start, length, range(first, len(tokens))
