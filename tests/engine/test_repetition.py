from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.engine.decode import loop_start
from runner.engine.repetition import LEAST_TIMES, compression_ratio, loop


def test_text_that_repeats_itself_compresses_well() -> None:
    assert compression_ratio("ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ") > 2.4
    assert compression_ratio("Tåget till Göteborg går klockan halv nio från spår fem.") < 1.5
    assert compression_ratio("") == 1.0


@given(
    before=st.lists(st.integers(100, 199), max_size=40),
    phrase=st.lists(st.integers(0, 99), min_size=1, max_size=20, unique=True),
    times=st.integers(LEAST_TIMES, 8),
    rest=st.integers(0, 19),
)
def test_a_loop_is_found_and_where_it_begins(
    before: list[int], phrase: list[int], times: int, rest: int
) -> None:
    words = [*before, *phrase * times, *phrase[: rest % len(phrase)]]
    start = loop(words)
    if len(words) - len(before) >= 12:
        assert start == len(before) + len(phrase)
    else:
        assert start is None


@given(st.lists(st.integers(0, 49_999), max_size=200, unique=True))
def test_words_that_never_come_again_are_no_loop(words: list[int]) -> None:
    assert loop(words) is None


def test_a_phrase_said_three_times_is_no_loop_and_neither_is_yes_yes_yes_yes() -> None:
    phrase = list(range(10))
    assert loop([99, *phrase * 3]) is None
    assert loop([7, 8, 5, 5, 5, 5]) is None


@pytest.mark.parametrize("seed", range(5))
def test_time_stamps_between_do_not_hide_a_loop(seed: int) -> None:
    first_stamp, chance = 50_000, random.Random(seed)
    tokens, phrase = [first_stamp, 1, 2, 3, first_stamp + 50], [11, 12, 13, 14]
    for number in range(6):
        tokens += [first_stamp + 60 * number + chance.randrange(20), *phrase, first_stamp + 60 * number + 30]
    start = loop_start(tokens, first_stamp)
    assert start is not None
    assert tokens[start] == 11
    assert tokens[:start].count(11) == 1  # said once, it stays
