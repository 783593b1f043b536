"""Signals: raised where the work is, held back while a result is written, and given back afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from runner.interruption import SIGNALS, Signals, Stop


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_where_the_work_is(number: signal.Signals) -> None:
    with Signals(), pytest.raises(Stop) as stopped:
        os.kill(os.getpid(), number)
    assert stopped.value.signal is number


def test_stop_is_not_swallowed_by_code_that_catches_exceptions() -> None:
    assert not issubclass(Stop, Exception)


def test_a_signal_is_held_until_what_is_inside_is_done() -> None:
    done = []

    def work(signals: Signals) -> None:
        with signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("written")
        done.append("not reached")

    with Signals() as signals, pytest.raises(Stop):
        work(signals)
    assert done == ["written"]


def test_a_second_signal_does_not_disturb_what_the_first_one_started() -> None:
    with Signals() as signals:
        with pytest.raises(Stop) as stopped:
            os.kill(os.getpid(), signal.SIGINT)
        with signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
        signals.check()
    assert stopped.value.signal is signal.SIGINT


def test_a_signal_that_came_while_a_write_failed_is_raised_at_the_next_check() -> None:
    def fail(signals: Signals) -> None:
        with signals.held():
            os.kill(os.getpid(), signal.SIGTERM)
            raise OSError("full")

    with Signals() as signals:
        with pytest.raises(OSError, match="full"):
            fail(signals)
        with pytest.raises(Stop):
            signals.check()


def test_afterwards_everything_is_as_it_was() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            signals.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_third_signal_ends_the_process_where_it_stands() -> None:
    code = (
        "import os, signal\n"
        "from runner.interruption import Signals\n"
        "with Signals() as signals, signals.held():\n"
        "    for _ in range(3): os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('not reached', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (143, b"")
