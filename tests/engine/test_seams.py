"""Nothing is lost or doubled where windows are cut: every sentence of a long recording comes out once.

The model errs by itself, so the sentences are first heard with a second of silence between them. In the long
recording words may be spelt another way, but nothing may be missing, or come twice, that is longer than a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.options import Options
from runner.engine.vad import SpeechDetector, load_session
from runner.engine.windows import Window, Windower
from tests.support.hearing import hear_together
from tests.support.needs import needs
from tests.support.noises import Sound
from tests.support.speech import SENTENCES, speak

if TYPE_CHECKING:
    from runner.engine.transcriber import Engine

SAMPLE_RATE = 16_000
GREEDY = Options(beam=1)
GROUPS = tuple(
    tuple(SENTENCES[n] for n in group) for group in ((0, 1, 4, 8), (10, 12, 13, 14), (15, 16, 24, 31))
)
LONGEST_WORD = 10  # letters in a row that a word spelt another way may add or leave out


def joined(sentences: Sequence[str], pause: float) -> Sound:
    quiet = np.zeros(round(pause * SAMPLE_RATE), np.float32)
    return np.concatenate([part for text in sentences for part in (speak(text), quiet)])


def in_order(first: int) -> list[int]:
    """All groups of sentences, another first."""
    return [(first + number) % len(GROUPS) for number in range(len(GROUPS))]


def sentences(order: Sequence[int]) -> list[str]:
    return [text for number in order for text in GROUPS[number]]


def windows_of(sound: Sound) -> list[Window]:
    windower = Windower(SpeechDetector(load_session()))
    return [*windower.push(sound), *windower.finish()]


def letters(text: str) -> str:
    return re.sub(r"\W", "", text.lower())


def differences(expected: str, heard: str) -> list[tuple[str, str]]:
    """What stands in one text and in the other at places where they differ."""
    ours, theirs = letters(expected), letters(heard)
    matcher = SequenceMatcher(a=ours, b=theirs, autojunk=False)
    return [(ours[i:j], theirs[k:m]) for kind, i, j, k, m in matcher.get_opcodes() if kind != "equal"]


def assert_same_but_for_spelling(found: Sequence[tuple[str, str]]) -> None:
    for expected, heard in found:
        assert len(expected) - len(heard) <= LONGEST_WORD, f"lost: {expected}"
        assert len(heard) - len(expected) <= LONGEST_WORD, f"doubled: {heard}"


@pytest.fixture(scope="module")
def apart(engine: Engine) -> list[str]:
    """The text of each group, heard with a second between its sentences."""
    return [one.text for one in hear_together(engine, [joined(group, 1.0) for group in GROUPS], GREEDY)]


@needs("speech")
def test_apart_the_sentences_are_heard_well(apart: list[str]) -> None:
    for group, text in zip(GROUPS, apart, strict=True):
        assert SequenceMatcher(a=letters(" ".join(group)), b=letters(text), autojunk=False).ratio() > 0.8


@needs("speech")
def test_speech_that_hardly_pauses_comes_out_once_wherever_its_windows_are_cut(
    engine: Engine, apart: list[str]
) -> None:
    """Without a pause and with pauses of 0.3 s, in other orders: another sentence lies where the window ends."""
    cases = [(in_order(first), pause) for first, pause in ((0, 0.0), (1, 0.0), (2, 0.3))]
    sounds = [joined(sentences(order), pause) for order, pause in cases]
    for sound in sounds:
        cut = windows_of(sound)
        assert len(cut) == 2
        assert cut[0].end == pytest.approx(cut[1].start, abs=0.3)
    for (order, _), one in zip(cases, hear_together(engine, sounds, GREEDY), strict=True):
        assert_same_but_for_spelling(differences(" ".join(apart[number] for number in order), one.text))
        assert all(before.end <= after.start + 0.02 for before, after in pairwise(one.segments))


@needs("speech")
def test_a_sentence_said_across_the_twentieth_or_thirtieth_second_comes_out_once(
    engine: Engine, apart: list[str]
) -> None:
    """Its middle lies there exactly, in speech that never pauses and begins within its first sentence."""
    sounds, expected = [], []
    for second, order in ((20, in_order(0)), (30, in_order(1))):
        said = sentences(order)
        ends = np.cumsum([len(speak(text)) for text in said])
        middles = ends - [len(speak(text)) // 2 for text in said]
        late = next(middle - second * SAMPLE_RATE for middle in middles if middle > second * SAMPLE_RATE)
        assert late < ends[0]
        sounds.append(joined(said, 0.0)[late:])
        expected.append(" ".join(apart[number] for number in order[1:]))
    for text, one in zip(expected, hear_together(engine, sounds, GREEDY), strict=True):
        (_, before), *found = differences(text, one.text)
        assert len(before) > LONGEST_WORD  # the first four sentences, with which we have nothing to do here
        assert_same_but_for_spelling(found)
