"""Progress and time left, by a clock that the test turns."""

from __future__ import annotations

import pytest

from runner.screen.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_recording_is_told_by_its_seconds() -> None:
    clock = Clock()
    pace = Pace([1000], clock)
    pace.begin(0)
    assert (pace.share, pace.time_left, pace.real_time_factor) == (None, None, 0.0)
    clock.now += 10
    pace.advance(30.0, 120.0)
    assert pace.share == pace.whole_share == 0.25
    assert pace.real_time_factor == 3.0
    assert pace.time_left == pytest.approx(30.0)


def test_a_recording_of_unknown_length_has_a_speed_but_no_end() -> None:
    clock = Clock()
    pace = Pace([None], clock)
    pace.begin(0)
    clock.now += 10
    pace.advance(30.0, None)
    assert pace.real_time_factor == 3.0
    assert pace.time_left is None


def test_many_recordings_are_told_as_one_whole_by_their_bytes() -> None:
    clock = Clock()
    pace = Pace([100, 300, None], clock)  # the unknown one counts as the mean of the others
    pace.begin(0)
    clock.now += 10
    pace.advance(60.0, 60.0)
    pace.end()
    assert pace.whole_share == pytest.approx(100 / 600)
    assert pace.time_left == pytest.approx(50.0)
    pace.begin(1)
    clock.now += 15
    pace.advance(30.0, 60.0)
    assert pace.whole_share == pytest.approx(250 / 600)
    assert pace.time_left == pytest.approx(35.0)


def test_time_between_recordings_and_in_stages_is_not_work() -> None:
    clock = Clock()
    pace = Pace([100, 100], clock)
    pace.begin(0)
    clock.now += 1000  # the model is loaded
    pace.restart()
    clock.now += 10
    pace.end()
    clock.now += 1000  # the transcript is printed to a pager
    pace.begin(1)
    assert pace.time_left == pytest.approx(10.0)


def test_a_recording_that_lasts_longer_than_it_claimed_is_never_more_than_done() -> None:
    pace = Pace([100], Clock())
    pace.begin(0)
    pace.advance(70.0, 60.0)
    assert pace.share == 1.0
    assert pace.time_left == 0.0
