"""Tokens of a window → segments with times in the recording."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engine.attempts import is_silence
from runner.engine.decode import Decoded
from runner.engine.repetition import compression_ratio
from runner.engine.tokens import Vocabulary
from runner.engine.windows import Window
from runner.transcript import Segment

SHORTEST_REST = 0.5  # seconds: less is the breath after the last word


def segments(window: Window, decoded: Decoded, vocabulary: Vocabulary) -> list[Segment]:
    """The segments that the time stamps divide a window into; none where nobody spoke."""
    if is_silence(decoded):
        return []
    ratio = compression_ratio(vocabulary.text(decoded.tokens))
    return [
        Segment(
            start=round(begins, 3),
            end=round(max(begins, window.ends(end)), 3),
            text=text,
            channel=window.channel,
            average_log_probability=round(decoded.average_log_probability, 4),
            no_speech_probability=round(decoded.no_speech_probability, 4),
            compression_ratio=round(ratio, 3),
            temperature=decoded.temperature,
        )
        for start, end, tokens in divide(decoded.tokens, vocabulary, window.length)
        if (text := vocabulary.text(tokens).strip())
        for begins in [window.begins(start)]
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
) -> Iterator[tuple[float, float, list[int]]]:
    """Runs of words between stamps: (start, end, tokens), in seconds from the start of the window."""
    start, words = 0.0, list[int]()
    for token in tokens:
        if token < vocabulary.first_stamp:
            words.append(token)
            continue
        stamp = vocabulary.seconds(token)
        if words:
            yield start, stamp, words
        start, words = stamp, []
    if words:
        yield start, length, words
