"""Parts looked into at the same time: in order, each waited for to the end and no longer, none hiding another."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from runner.door.side_by_side import side_by_side
from tests.support.checkout import ROOT


def test_answers_come_in_the_order_of_the_parts_whichever_is_first() -> None:
    second = threading.Event()

    def first() -> str:
        assert second.wait(10)
        return "first"

    def last() -> str:
        second.set()
        return "last"

    assert list(side_by_side([first, last], time.monotonic() + 10)) == ["first", "last"]


def test_what_does_not_answer_is_none_and_the_rest_is_there() -> None:
    never = threading.Event()
    answers = list(side_by_side([never.wait, lambda: True], time.monotonic() + 0.1))
    never.set()

    assert answers == [None, True]


def test_what_a_part_raises_is_raised_at_its_turn() -> None:
    def break_down() -> str:
        raise TimeoutError("its own")

    answers = side_by_side([lambda: "fine", break_down], time.monotonic() + 10)

    assert next(answers) == "fine"
    with pytest.raises(TimeoutError, match="its own"):
        next(answers)


def test_a_part_that_hangs_does_not_hold_up_the_end_of_the_program() -> None:
    program = (
        "import time; from runner.door.side_by_side import side_by_side; "
        "print(list(side_by_side([lambda: time.sleep(600)], time.monotonic())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (0, "[None]\n")
