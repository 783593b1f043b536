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
    from runner.transcript import Transcript

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
def said() -> dict[str, tuple[list[int], Sound]]:
    """All sentences in a row, by the way they are said: in which order of their groups, and the sound."""
    ways = {"never pausing": (0, 0.0), "from the second group on": (1, 0.0), "with pauses of 0.3 s": (2, 0.3)}
    rows = {
        name: (in_order(first), joined(sentences(in_order(first)), pause))
        for name, (first, pause) in ways.items()
    }
    for second, first in ((20, 0), (30, 1)):
        rows[f"across second {second}"] = in_order(first), with_a_sentence_across(second, in_order(first))
    return rows


def with_a_sentence_across(second: int, order: Sequence[int]) -> Sound:
    """Speech that never pauses and begins within its first sentence, so that the middle of another lies there."""
    lengths = np.array([len(speak(text)) for text in sentences(order)])
    middles = lengths.cumsum() - lengths // 2
    late = middles[middles > second * SAMPLE_RATE][0] - second * SAMPLE_RATE
    assert late < lengths[0]
    return joined(sentences(order), 0.0)[late:]


@pytest.fixture(scope="module")
def heard(engine: Engine, said: dict[str, tuple[list[int], Sound]]) -> dict[str, Transcript]:
    """Each of these, and each group with a second between its sentences; all in one go."""
    sounds = {name: sound for name, (_, sound) in said.items()}
    sounds |= {f"group {number}": joined(group, 1.0) for number, group in enumerate(GROUPS)}
    return dict(zip(sounds, hear_together(engine, list(sounds.values()), GREEDY), strict=True))


def apart(heard: dict[str, Transcript], order: Sequence[int]) -> str:
    return " ".join(heard[f"group {number}"].text for number in order)


@needs("speech")
def test_with_a_second_between_them_the_sentences_are_heard_well(heard: dict[str, Transcript]) -> None:
    for number, group in enumerate(GROUPS):
        ours = letters(heard[f"group {number}"].text)
        assert SequenceMatcher(a=letters(" ".join(group)), b=ours, autojunk=False).ratio() > 0.8


@needs("speech")
def test_speech_that_hardly_pauses_is_cut_where_sound_follows_at_once(
    said: dict[str, tuple[list[int], Sound]],
) -> None:
    for _, sound in said.values():
        first, second = windows_of(sound)
        assert 20 <= first.end <= 30
        assert first.end == pytest.approx(second.start, abs=0.3)


@needs("speech")
@pytest.mark.parametrize("way", ["never pausing", "from the second group on", "with pauses of 0.3 s"])
def test_wherever_the_windows_are_cut_every_sentence_comes_out_once(
    said: dict[str, tuple[list[int], Sound]], heard: dict[str, Transcript], way: str
) -> None:
    order, _ = said[way]
    assert_same_but_for_spelling(differences(apart(heard, order), heard[way].text))
    assert all(before.end <= after.start + 0.02 for before, after in pairwise(heard[way].segments))


@needs("speech")
@pytest.mark.parametrize("second", [20, 30])
def test_a_sentence_said_across_the_twentieth_or_thirtieth_second_comes_out_once(
    said: dict[str, tuple[list[int], Sound]], heard: dict[str, Transcript], second: int
) -> None:
    way = f"across second {second}"
    order, _ = said[way]
    (_, before), *found = differences(apart(heard, order[1:]), heard[way].text)
    assert len(before) > LONGEST_WORD  # the first group, of which a part is missing
    assert_same_but_for_spelling(found)
