"""The log: lines for a person or JSON for a program, and other packages kept quiet."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from runner.screen import log

ours = logging.getLogger("runner.engine")
theirs = logging.getLogger("httpx")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, package = logging.getLogger(), logging.getLogger("runner")
    handlers, levels = root.handlers[:], (root.level, package.level)
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    package.setLevel(levels[1])


def logged(level: str, *, as_json: bool = False) -> list[str]:
    lines: list[str] = []
    log.configure(level, as_json=as_json, write=lines.append)
    return lines


def test_a_line_for_a_person_says_when_what_and_where() -> None:
    lines = logged("info")
    with log.context(file="möte.mp3"):
        ours.info("batch of %d", 16)
    stamp, rest = lines[0].split(" ", 1)
    assert rest == "info runner.engine: batch of 16 file=möte.mp3"
    assert datetime.fromisoformat(stamp).utcoffset() == timedelta(0)


def test_a_json_line_carries_its_context() -> None:
    lines = logged("info", as_json=True)
    with log.context(run="20260101_000000"), log.context(file="a.mp3"):
        ours.warning("slow", extra={"fields": {"seconds": 1.5}})
    ours.info("after")
    record = json.loads(lines[0])
    assert datetime.now(timezone.utc) - datetime.fromisoformat(record.pop("time")) < timedelta(minutes=1)
    assert record == {
        "level": "warning",
        "logger": "runner.engine",
        "message": "slow",
        "run": "20260101_000000",
        "file": "a.mp3",
        "seconds": 1.5,
    }
    assert "file" not in json.loads(lines[1])


def test_only_what_was_asked_for_is_shown_and_of_others_only_errors() -> None:
    lines = logged("warning")
    ours.info("no")
    theirs.warning("no")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("no", DeprecationWarning, stacklevel=1)
    ours.warning("yes")
    theirs.error("yes")
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["yes", "yes"]


def test_debug_shows_everything_with_tracebacks() -> None:
    lines = logged("debug")
    theirs.debug("theirs")
    try:
        raise ValueError("odd")
    except ValueError:
        ours.debug("unexpected fault", exc_info=True)
    assert lines[0].endswith("theirs")
    assert "Traceback" in lines[1]
    record = logged("debug", as_json=True)
    ours.debug("again", exc_info=ValueError("odd"))
    assert "ValueError: odd" in json.loads(record[0])["traceback"]


def test_configuring_twice_does_not_write_twice() -> None:
    first = logged("info")
    second = logged("info")
    ours.info("once")
    assert (len(first), len(second)) == (0, 1)


def test_a_reader_that_leaves_does_not_stop_the_work() -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    log.configure("info", as_json=False, write=gone)
    ours.info("nobody hears this")
