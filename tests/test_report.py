"""What became of each recording, and the exit code of it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import DiskFull, EngineFailed, RecordingEmpty, TranscriberError
from runner.inputs import Input
from runner.report import Report
from runner.screen.console import Screen
from runner.transcript import Fallback, Model, Segment, Transcript

HEARD = Input("a.mp3", Path("a.mp3"), 5)


def transcript(**fields: object) -> Transcript:
    whole = {
        "segments": (Segment(0.0, 1.0, "Hej"),),
        "language": "sv",
        "duration": 2.0,
        "model": Model("a/b", "c", "cache"),
        **fields,
    }
    return Transcript(**whole)  # type: ignore[arg-type]  # each test gives fields of the right type


EMPTY = RecordingEmpty("b.mp3 is empty", name="b.mp3")
FULL = DiskFull("no space", path=Path("results"))
BROKEN = EngineFailed("the device failed")


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([], 0),
        ([EMPTY], 3),
        ([FULL, EMPTY], 4),
        ([EMPTY, BROKEN, FULL], 5),
        ([BROKEN, ZeroDivisionError("a fault of ours"), EMPTY], 1),
        ([MemoryError()], 5),
    ],
)
def test_the_worst_failure_decides_the_exit_code(failures: list[Exception], code: int) -> None:
    report = Report(Screen())
    report.filed(HEARD, transcript(), Path("results/1/a"), 1.0)
    for failure in failures:
        report.failed("b.mp3", failure)
    assert report.exit_code == code


def test_a_fault_of_ours_is_a_sentence_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    Report(Screen()).failed("b.mp3", KeyError("x"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: b.mp3: a fault of this program (KeyError: 'x'): please report it")


def test_a_fall_back_is_told_once_and_the_models_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Screen())
    fallbacks = (Fallback("device", "cuda", "cpu", "it failed"), Fallback("model", "a/b", "c/d", "no hub"))
    for _ in range(2):
        report.filed(HEARD, transcript(fallbacks=fallbacks), Path("results/1/a"), 1.0)
    assert capsys.readouterr().err == "warning: device: cpu instead of cuda (it failed)\n"


def test_a_recording_that_is_half_done_has_a_result_and_a_failure() -> None:
    report = Report(Screen())
    report.filed(HEARD, transcript(complete=False), Path("results/1/a"), 1.0)
    report.failure(HEARD.name, TranscriberError("it went wrong"))
    assert [outcome.state for outcome in report.outcomes] == ["partial"]
    assert report.exit_code == 1


def test_one_recording_needs_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(Screen())
    report.close(Path("results/1"))
    assert capsys.readouterr().err == ""
    report.filed(HEARD, transcript(), Path("results/1/a"), 1.0)
    report.close(Path("results/1"))
    assert capsys.readouterr().err == "Results are in results/1\n"
    report.failed("b.mp3", EMPTY)
    report.close(Path("results/1"))
    assert "× real time" in capsys.readouterr().err
