"""Is a text to be believed, and if not, what to try next? Whisper's fall-back by temperature.

Source: openai/whisper, transcribe.py (decode_with_fallback): a text that repeats itself, or of which the model was
unsure, is drawn again with more chance, unless it was silence.
"""

from __future__ import annotations

from dataclasses import replace

from runner.engine.decode import Decoded
from runner.engine.repetition import compression_ratio
from runner.engine.tokens import Vocabulary

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MOST_COMPRESSION = 2.4
LEAST_LOG_PROBABILITY = -1.0
NO_SPEECH_PROBABILITY = 0.6


class Attempts:
    """The texts that one window became, one a temperature until one is good."""

    def __init__(self) -> None:
        self.made: list[Decoded] = []
        self.best: Decoded

    @property
    def temperature(self) -> float:
        return TEMPERATURES[len(self.made)]

    def accept(self, decoded: Decoded, vocabulary: Vocabulary) -> bool:
        """Take a text; True when it is good or the last that is tried, and `best` is the one to keep."""
        self.made.append(decoded)
        if is_good(decoded, vocabulary):
            self.best = decoded
            return True
        if len(self.made) < len(TEMPERATURES):
            return False
        self.best = cut(max(self.made, key=lambda one: (one.loop is None, one.average_log_probability)))
        return True


def cut(decoded: Decoded) -> Decoded:
    """The same without what it only repeats."""
    if decoded.loop is None:
        return decoded
    kept = slice(decoded.loop)
    return replace(
        decoded,
        tokens=decoded.tokens[kept],
        log_probabilities=decoded.log_probabilities[kept],
        times=decoded.times[: decoded.loop + 1],
    )


def is_silence(decoded: Decoded) -> bool:
    """Unsure of the words and sure that nobody spoke."""
    return (
        decoded.no_speech_probability > NO_SPEECH_PROBABILITY
        and decoded.average_log_probability < LEAST_LOG_PROBABILITY
    )


def is_good(decoded: Decoded, vocabulary: Vocabulary) -> bool:
    """Neither going round in circles nor unsure; silence needs no second try."""
    if is_silence(decoded):
        return True
    if decoded.loop is not None or decoded.average_log_probability < LEAST_LOG_PROBABILITY:
        return False
    return compression_ratio(vocabulary.text(decoded.tokens)) <= MOST_COMPRESSION
