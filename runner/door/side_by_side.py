"""Things looked into at the same time, none of which holds up the others or the end of the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")
LEAST = 0.01  # seconds for the answer of a part whose turn comes after the end


def side_by_side(parts: Sequence[Callable[[], T]], end: float) -> Iterator[T | None]:
    """What each part returns, in their order; None for one that has not answered by `end`, in monotonic seconds.

    What a part raises is raised at its turn.
    """
    answers = [_begin(part) for part in parts]
    for answer in answers:
        done, _ = wait([answer], max(LEAST, end - time.monotonic()))
        yield answer.result() if done else None


def _begin(part: Callable[[], T]) -> Future[T]:
    """Begin in a thread that dies with the program, which those of an executor do not."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(part())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return answer
