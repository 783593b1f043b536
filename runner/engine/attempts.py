"""Is a text to be believed, and if not, what to try next? Whisper's fall-back by temperature.

Source: openai/whisper, transcribe.py (decode_with_fallback): a text that repeats itself, or of which the model was
unsure, is drawn again with more chance, unless it was silence.

Unlike there, a text in a loop is as sure as its part that stays (a model is sure of whatever it repeats), and only
the first text tells of silence (one drawn by chance is always unsure).
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
        if is_good(decoded, vocabulary) or (len(self.made) == 1 and is_silence(decoded)):
            self.best = decoded
            return True
        if len(self.made) < len(TEMPERATURES):
            return False
        best = max(
            self.made, key=lambda one: (is_sure(one), one.loop is None, log_probability_without_loop(one))
        )
        self.best = cut(best, vocabulary)
        return True


def cut(decoded: Decoded, vocabulary: Vocabulary) -> Decoded:
    """The same without what it only repeats, and without the beginning of a word that is cut in two."""
    if decoded.loop is None:
        return decoded
    whole = decoded.loop
    while whole and goes_on_with_a_word(decoded.tokens[whole], vocabulary):
        whole -= 1
    stays = whole or decoded.loop
    return replace(
        decoded,
        tokens=decoded.tokens[:stays],
        log_probabilities=decoded.log_probabilities[:stays],
        times=decoded.times[: stays + 1],
    )


def goes_on_with_a_word(token: int, vocabulary: Vocabulary) -> bool:
    """Whether letters, or part of one, come first in a token: those that begin a word begin with a space."""
    first = vocabulary.text([token])[:1]
    return first.isalnum() or first == "\ufffd"


def log_probability_without_loop(decoded: Decoded) -> float:
    """The mean over what stays of a text; that of all of it where nothing is cut."""
    if decoded.loop is None:
        return decoded.average_log_probability
    stays = decoded.log_probabilities[: decoded.loop]
    return sum(stays) / len(stays)


def is_sure(decoded: Decoded) -> bool:
    return log_probability_without_loop(decoded) >= LEAST_LOG_PROBABILITY


def is_silence(decoded: Decoded) -> bool:
    """Unsure of the words and sure that nobody spoke."""
    return decoded.no_speech_probability > NO_SPEECH_PROBABILITY and not is_sure(decoded)


def is_good(decoded: Decoded, vocabulary: Vocabulary) -> bool:
    """Neither going round in circles nor unsure."""
    if decoded.loop is not None or not is_sure(decoded):
        return False
    return compression_ratio(vocabulary.text(decoded.tokens)) <= MOST_COMPRESSION
