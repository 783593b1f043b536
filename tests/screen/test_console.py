"""What a person sees: lines in a file, a bar on a terminal, JSON for a program, and the transcript untouched by it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from runner.screen import log
from runner.screen.bar import LiveScreen, open_screen
from runner.screen.console import JsonScreen, Outcome, Screen, StandardOutput, clock
from runner.screen.pace import Pace

DONE = Outcome("[a].mp3", "done", "a", audio=120.0, speech=60.0, work=10.0)
FAILED = Outcome("b.mp3", "failed", "b.mp3 is empty: record it again")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Terminal:
    """Standard error, from now on, says that it is a terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


@pytest.fixture
def later() -> list[float]:
    """A clock: the time it shows is what the test puts in the list."""
    return [0.0]


def hear(screen: Screen, *, seconds: int, step: int) -> None:
    screen.expect([1000])
    screen.begin(0, "[a].mp3")
    for at in range(step, seconds + 1, step):
        screen.advance(float(at), float(seconds))
    screen.end(DONE)


def test_plain_lines_come_at_every_tenth_and_not_at_every_update(capsys: pytest.CaptureFixture[str]) -> None:
    hear(Screen(), seconds=1000, step=1)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert 9 <= len(lines) - 1 <= 10
    assert lines[0].startswith("[a].mp3: 1:40 of 16:40, ")
    assert lines[-1] == "[a].mp3: done, 2:00 of audio (1:00 of speech) in 0:10, 12.0× real time"


def test_a_slow_recording_is_heard_of_before_a_tenth_is_done(
    capsys: pytest.CaptureFixture[str], later: list[float]
) -> None:
    screen = Screen(pace=Pace([1], clock=lambda: later[0]))
    screen.begin(0, "a.mp3")
    for second in range(1, 101):
        later[0] = second
        screen.advance(second / 10, 36_000.0)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_of_several_recordings_each_line_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.expect([10, 10])
    screen.begin(1, "b.mp3")
    screen.advance(5.0, 10.0)
    assert capsys.readouterr().err.startswith("[2/2] b.mp3: 0:05 of 0:10, ")


@pytest.mark.parametrize("kind", [Screen, LiveScreen])
def test_quiet_shows_errors_only(kind: type[Screen], capsys: pytest.CaptureFixture[str]) -> None:
    with kind(quiet=True) as screen:
        screen.notice("a notice")
        screen.warning("a warning")
        with screen.stage("Loading"):
            screen.fetching("model", 1, 2)
        hear(screen, seconds=10, step=1)
        screen.summary([DONE, FAILED])
        screen.error("b.mp3 is empty")
    assert capsys.readouterr() == ("", "error: b.mp3 is empty\n")


def test_a_download_is_told_in_tenths(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    for done in range(0, 1_000_000_001, 1_000_000):
        screen.fetching("some/model", done, 1_000_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0] == "some/model: 100 of 1000 MB"


def test_the_closing_table_tells_of_every_recording(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = Outcome("c.mp3", "skipped", "c", audio=3700.0, speech=5.0)
    Screen().summary([DONE, FAILED, skipped])
    err = capsys.readouterr().err
    for text in (
        "[a].mp3",
        "2:00",
        "12.0",
        "b.mp3 is empty: record it again",
        "1:01:40",
        "done before: c",
    ):
        assert text in err
    assert "\x1b" not in err


def test_a_terminal_gets_a_bar_above_which_lines_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    error = terminal(monkeypatch)
    with open_screen(quiet=False, log_json=False) as screen:
        assert isinstance(screen, LiveScreen)
        with screen.stage("Loading"):
            screen.fetching("some/model", 1_000_000, 2_000_000)
        screen.expect([1000, 1000])
        screen.begin(0, "[a].mp3")
        screen.advance(60.0, 120.0)
        screen.warning("something [odd]")
        with screen.aside():
            at_aside = error.getvalue()
        screen.end(DONE)
        screen.begin(1, "b.mp3")
    drawn = error.getvalue()
    assert "some/model: 1 of 2 MB …" in drawn
    assert "━" in drawn
    assert "1:00 of 2:00" in drawn
    assert "2 of 2 recordings" in drawn
    assert "warning: something [odd]" in drawn
    assert "[a].mp3: done, 2:00 of audio" in drawn
    assert "\x1b[33m" in drawn
    assert at_aside.rstrip().endswith("\x1b[2K")  # the bar is wiped before the transcript is printed


def test_no_color_is_respected_and_the_bar_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    error = terminal(monkeypatch, NO_COLOR="1")
    with open_screen(quiet=False, log_json=False) as screen:
        screen.begin(0, "a.mp3")
        screen.advance(60.0, 120.0)
        screen.warning("odd")
        screen.error("bad")
    drawn = error.getvalue()
    assert "━" in drawn
    assert "\x1b[31m" not in drawn
    assert "\x1b[33m" not in drawn


def test_what_is_no_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch, TERM="dumb")
    assert type(open_screen(quiet=False, log_json=True)) is JsonScreen
    assert type(open_screen(quiet=False, log_json=False)) is Screen
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(open_screen(quiet=False, log_json=False)) is Screen


def test_a_program_gets_everything_as_records(capsys: pytest.CaptureFixture[str]) -> None:
    screen = JsonScreen()
    log.configure("info", as_json=True, write=screen.log_line)
    screen.notice("a notice")
    screen.warning("a warning")
    with log.context(file="a.mp3"):
        hear(screen, seconds=20, step=10)
    screen.summary([DONE, Outcome("c.mp3", "skipped", "c")])
    screen.error("an error")
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(record["level"], record["message"].split(",")[0]) for record in records] == [
        ("info", "a notice"),
        ("warning", "a warning"),
        ("info", "progress"),
        ("info", "progress"),
        ("info", "[a].mp3: done"),
        ("info", "c.mp3: done before: c"),
        ("error", "an error"),
    ]
    assert {key: records[3][key] for key in ("file", "seconds", "duration", "time_left")} == {
        "file": "a.mp3",
        "seconds": 20.0,
        "duration": 20.0,
        "time_left": 0.0,
    }


def test_times_are_shown_as_people_read_them() -> None:
    shown = [clock(seconds) for seconds in (None, 0.0, 59.6, 61.0, 3599.4, 3600.0, 360_000.0)]
    assert shown == ["", "0:00", "1:00", "1:01", "59:59", "1:00:00", "100:00:00"]


PRINTS = """
import os, sys
from runner.screen.console import StandardOutput
out = StandardOutput()
problems = [out.print("Hej på dig! " * 10_000) for _ in range(3)]
sys.stderr.write(str(problems))
"""


def printing(stdout: int | None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PRINTS],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )


def test_a_reader_that_leaves_is_no_problem() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = printing(writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"[None, None, None]")


def test_a_full_disk_under_standard_output_is_told() -> None:
    with open("/dev/full", "wb") as full:
        done = printing(full.fileno())
    assert done.returncode == 0
    assert b"cannot be printed (No space left on device)" in done.stderr
    assert done.stderr.endswith(b", None, None]")


def test_letters_that_standard_output_lacks_are_escaped() -> None:
    done = printing(subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert done.stdout.startswith(b"Hej p\\xe5 dig!")
    assert done.stderr == b"[None, None, None]"


def test_without_any_standard_output_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert StandardOutput().print("Hej") is None
