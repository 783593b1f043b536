"""The arithmetic of a comparison, on made numbers."""

from __future__ import annotations

import pytest

from tests.bench.machine import Moment, Sharing, between
from tests.bench.pairs import difference, speed, together
from tests.bench.run import Turn
from tests.bench.words import Errors


def turn(contestant: str, group: int, seconds: float, *errors: Errors) -> Turn:
    return Turn(
        contestant=contestant,
        group=group,
        audio=60.0,
        seconds=seconds,
        processor_seconds=2 * seconds,
        first_text=0.5,
        errors=errors,
        kinds=("clean",) * len(errors),
        texts=("",) * len(errors),
        sharing=Sharing(seconds, 0.0, 0.0, 0.0),
    )


def test_speed_is_the_median_of_the_pairs_with_its_spread_and_the_ratio_of_the_sums() -> None:
    ours = [turn("ours", number, seconds) for number, seconds in enumerate((1.0, 2.0, 4.0))]
    peer = [turn("peer", number, seconds) for number, seconds in enumerate((3.0, 4.0, 4.0))]
    found = speed(together(ours, peer))
    assert (found.median, found.least, found.most) == (2.0, 1.0, 3.0)
    assert found.of_sums == pytest.approx(11 / 7)
    assert found.of_processor_sums == pytest.approx(11 / 7)
    assert found.pairs == 3


def test_only_groups_that_both_heard_are_pairs() -> None:
    ours = [turn("ours", number, 1.0) for number in range(4)]
    slow = [turn("slow", 0, 9.0)]
    assert [pair[0].group for pair in together(ours, slow)] == [0]


def test_a_difference_that_every_recording_has_is_sure() -> None:
    fewer = [Errors(words=100, substitutions=5)] * 8
    more = [Errors(words=100, substitutions=10, insertions=5)] * 8
    found = difference(fewer, more)
    for value in (found.difference, found.low, found.high):
        assert value == pytest.approx(-0.1)


def test_a_difference_that_some_recordings_turn_round_spans_zero() -> None:
    steady = [Errors(words=100, deletions=10)] * 10
    mixed = [Errors(words=100, deletions=deleted) for deleted in (0, 20) * 5]
    found = difference(steady, mixed)
    assert found.low is not None
    assert found.high is not None
    assert found.difference == pytest.approx(0.0)
    assert found.low < 0 < found.high


def test_the_same_seed_draws_the_same_interval() -> None:
    some = [Errors(words=100, deletions=deleted) for deleted in (3, 1, 4, 1, 5, 9)]
    others = [Errors(words=100, deletions=deleted) for deleted in (2, 7, 1, 8, 2, 8)]
    assert difference(some, others) == difference(some, others)
    assert difference(some, others) != difference(some, others, seed=1)


def test_few_recordings_have_no_interval() -> None:
    found = difference([Errors(words=10)] * 2, [Errors(words=10, deletions=1)] * 2)
    assert found.difference == pytest.approx(-0.1)
    assert (found.low, found.high, found.files) == (None, None, 2)


def test_a_machine_that_others_use_is_not_called_quiet() -> None:
    start = Moment(clock=0.0, everybody=100.0, bench=10.0, load=0.1)
    assert "(quiet)" in Sharing(10.0, 0.05, 0.1, 0.1).sentence()
    for others in (0.051, 0.5):
        sentence = Sharing(10.0, others, 0.1, 0.1).sentence()
        assert "NOT quiet" in sentence
        assert "(quiet)" not in sentence
    idle = between(start, Moment(clock=10.0, everybody=110.0, bench=20.0, load=0.1))
    assert idle.others in (0.0, None)
