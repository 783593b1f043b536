"""The command line over a few tasks that say what they were given."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from runner.door import early
from runner.door.variadic import VariadicTask
from runner.errors import EngineFailed, OutputNotWritable, RecordingMissing
from tests.support.checkout import ROOT
from tests.support.needs import needs
from tests.support.program import run_tasks

heard: list[tuple[list[str], str | None, bool]] = []


def tasks() -> Collection:
    """The tasks anew: Invoke takes their help texts away when it has shown them."""

    @task(klass=partial(VariadicTask, variadic="file"), auto_shortflags=False, help={"start": "Begin here."})
    def hear(_context: Context, file: list[str], start: str | None = None, quiet: bool = False) -> None:
        """Hear something.

        ./invoke hear a.mp3
        """
        heard.append((file, start, quiet))

    @task(auto_shortflags=False)
    def fail(_context: Context, how: str) -> None:
        """Fail in one of several ways."""
        errors: dict[str, BaseException] = {
            "missing": RecordingMissing("x.mp3 does not exist: check the path", name="x.mp3"),
            "output": OutputNotWritable("results cannot be written to", path=Path("results")),
            "engine": EngineFailed("the device failed"),
            "full": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere"),
            "fault": ZeroDivisionError("division by zero"),
            "interrupt": KeyboardInterrupt(),
        }
        raise errors[how]

    return Collection(hear, fail)


pytestmark = pytest.mark.usefixtures("unchanged_environment")


@pytest.fixture(autouse=True)
def _nothing_heard() -> None:
    heard.clear()


def run(*words: str) -> int:
    """Run the program on these words; its exit code."""
    return run_tasks(tasks(), *words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a.mp3", "b.wav"], (["a.mp3", "b.wav"], None, False)),
        (["--file", "a.mp3", "b.wav", "--file=c.wav"], (["a.mp3", "b.wav", "c.wav"], None, False)),
        (["--start", "3", "a.mp3", "--quiet", "b.mp3"], (["a.mp3", "b.mp3"], "3", True)),
        (["--start=3", "a.mp3"], (["a.mp3"], "3", False)),
        (["-"], (["-"], None, False)),
        (["fail", "hear"], (["fail", "hear"], None, False)),
        (["a.mp3", "--", "--quiet", "--", "-x"], (["a.mp3", "--quiet", "--", "-x"], None, False)),
        (["--start", "hear", "fail"], (["fail"], "hear", False)),
        (["å ä ö.mp3", "*.wav", "a=b.mp3"], (["å ä ö.mp3", "*.wav", "a=b.mp3"], None, False)),
        ([], ([], None, False)),
    ],
)
def test_plain_words_are_the_variadic_option(
    words: list[str], expected: tuple[list[str], str | None, bool]
) -> None:
    assert run("hear", *words) == 0
    assert heard == [expected]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hear", "--strat", "3"], "hear has no option --strat; did you mean --start?"),
        (["hear", "--zz", "--zz"], "hear has no option --zz; see ./invoke --help hear."),
        (
            ["hear", "-dash.wav"],
            (
                "hear has no option -d; see ./invoke --help hear. "
                "A name that begins with a dash goes after -- or --file."
            ),
        ),
        (["fail", "--how", "full", "extra"], "fail takes no argument extra; see ./invoke --help fail."),
        (["haer"], "There is no task haer; did you mean hear?"),
        (["zzz"], "There is no task zzz; see ./invoke --help."),
        (["--lisst"], "There is no option --lisst; did you mean --list?"),
        (["--help", "zzz"], "There is no task zzz; see ./invoke --help."),
        (["hear", "--start"], "--start needs a value."),
        (["hear", "--file", "--quiet"], "--file needs a value."),
        (["hear", "--start", "1", "--start", "2"], "--start is given twice."),
    ],
)
def test_words_that_make_no_sense_are_refused_in_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert capsys.readouterr() == ("", f"error: {sentence}\n")
    assert heard == []


def test_file_in_place_of_a_task_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("möte.mp3").touch()
    assert run("möte.mp3") == 2
    assert (
        capsys.readouterr().err == "error: There is no task möte.mp3; did you mean ./invoke hear möte.mp3?\n"
    )


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [
        ("missing", 3, "x.mp3 does not exist: check the path"),
        ("output", 4, "results cannot be written to"),
        ("engine", 5, "the device failed"),
        ("full", 4, "There is no space left on the disk for /somewhere; free some and run this again."),
        ("interrupt", 130, "ended early by SIGINT"),
    ],
)
def test_known_failure_is_one_sentence_and_its_exit_code(
    how: str, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fail", how) == code
    assert capsys.readouterr() == ("", f"error: {sentence}\n")


def test_debug_level_shows_where_a_known_failure_arose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_LOG_LEVEL", "debug")
    assert run("fail", "engine") == 5
    assert capsys.readouterr().err.startswith("Traceback")


def test_unknown_failure_shows_where_and_says_that_it_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fail", "fault") == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in error
    assert (
        error.splitlines()[-1]
        == "error: This is a fault in gpu-transcriber 0.1.0 itself; the lines above say where."
    )


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["hear", "--version"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 0
    assert capsys.readouterr().out == "gpu-transcriber 0.1.0\n"
    assert heard == []


@pytest.mark.parametrize("words", [["--help", "hear"], ["hear", "--help"], ["hear", "a.mp3", "-h"]])
def test_help_of_a_task(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "Usage: ./invoke hear [options] [FILE ...]\n\nHear something.\n\n./invoke hear a.mp3\n"
    )
    assert "  --start START   Begin here.\n" in shown
    assert heard == []


def test_libraries_are_told_to_be_quiet_unless_the_person_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    assert run("hear") == 0
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_compiled_modules_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert run("hear") == 0
    assert sys.dont_write_bytecode is False


def test_reader_that_leaves_early_hears_no_complaint() -> None:
    process = subprocess.Popen(
        [sys.executable, "tasks.py", "--list"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, complaints = process.communicate()
    assert (process.returncode, complaints) == (141, b"")


@needs("linux")
def test_full_disk_under_standard_output_is_told() -> None:
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "tasks.py", "--list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE
        )
    assert run.returncode == 4
    assert run.stderr == b"error: There is no space left on the disk; free some and run this again.\n"


@pytest.mark.parametrize("name", ["transcribe", "doctor", "settings", "test", "lock"])
def test_every_task_of_ours_has_help_with_an_example(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "tasks.py", "--help", name], cwd=ROOT, capture_output=True, text=True
    )
    usage, example = run.stdout.split("\n", 1)
    assert usage.startswith(f"Usage: ./invoke {name}")
    assert f"./invoke {name}" in example
    assert all(len(line) <= 80 for line in run.stdout.splitlines())
    options = [line for line in run.stdout.splitlines() if line.startswith("  --")]
    assert all(len(line.split()) > 2 for line in options), options


def test_list_is_one_line_a_task_users_first() -> None:
    run = subprocess.run([sys.executable, "tasks.py", "--list"], cwd=ROOT, capture_output=True, text=True)
    shown = run.stdout.splitlines()
    assert [line.split()[0] for line in shown if line] == [
        "Tasks:", "transcribe", "models", "image", "images", "doctor", "settings", "For", "test", "bench", "lock",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [["--list"], ["--help"], ["--version"], ["settings"], ["settings", "--json"]]
)
def test_closed_standard_output_is_no_fault(words: list[str]) -> None:
    run = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "tasks.py", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_doctor_with_closed_standard_output_has_no_traceback() -> None:
    run = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "tasks.py", "doctor"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.returncode in (0, 1)
    assert "Traceback" not in run.stderr


# The program, to which the signal comes when it first asks for a module of Invoke's.
INTERRUPTED = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "invoke":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.path.insert(0, "")
"""


@pytest.mark.parametrize(
    "start", ["runpy.run_path('tasks.py', {}, '__main__')", "runpy.run_module('runner', {}, '__main__')"]
)
def test_interruption_during_the_first_imports_is_one_sentence(start: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED + start], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "error: ended early by SIGINT\n")


def test_interruption_of_a_task_is_left_to_the_task() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        early.watch()
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert run("hear") == 0
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
