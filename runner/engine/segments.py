"""Tokens of a window → segments with times in the recording."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engine.decode import Decoded, compression_ratio
from runner.engine.features import SAMPLE_RATE
from runner.engine.tokens import Vocabulary
from runner.engine.windows import Window
from runner.transcript import Segment

# openai/whisper's thresholds: unsure of the words and sure of silence means that nobody spoke.
NO_SPEECH_PROBABILITY = 0.6
LEAST_LOG_PROBABILITY = -1.0

SHORTEST_REST = 0.5  # seconds: less is the breath after the last word


def segments(window: Window, decoded: Decoded, vocabulary: Vocabulary) -> list[Segment]:
    """The segments that the time stamps divide a window into; none where nobody spoke."""
    if (
        decoded.no_speech_probability > NO_SPEECH_PROBABILITY
        and decoded.average_log_probability < LEAST_LOG_PROBABILITY
    ):
        return []
    length = window.end - window.start
    ratio = compression_ratio(vocabulary.text(decoded.tokens))
    return [
        Segment(
            start=round(window.start + min(start, length), 3),
            end=round(window.start + min(max(start, end), length), 3),
            text=text,
            channel=window.channel,
            average_log_probability=round(decoded.average_log_probability, 4),
            no_speech_probability=round(decoded.no_speech_probability, 4),
            compression_ratio=round(ratio, 3),
        )
        for start, end, tokens in divide(decoded.tokens, vocabulary, length)
        if (text := vocabulary.text(tokens).strip())
    ]


def unfinished(window: Window, decoded: Decoded, vocabulary: Vocabulary) -> Window | None:
    """What is left of a window where the model opened another segment and wrote none: to be heard again from there.

    Source: openai/whisper, transcribe.py: two stamps at the end mean that speech goes on after the last of them.
    """
    *_, closing, opening = (0, 0, *decoded.tokens)
    if closing < vocabulary.first_stamp or opening < vocabulary.first_stamp:
        return None
    heard = vocabulary.seconds(opening)
    if heard < SHORTEST_REST or window.end - window.start - heard < SHORTEST_REST:
        return None
    rest = window.samples[round(heard * SAMPLE_RATE) :]
    return Window(window.start + heard, window.end, rest, window.channel)


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
