"""With a machine only the checks run, without one everything else; and a run that proves nothing is no success."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each starts pytest

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "ssh://nobody@127.0.0.1:1"  # nothing listens on port 1


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "argument", ["tests/image", "tests/image/test_kernel.py", "tests/image/test_kernel.py::test_nouveau"]
)
def test_checks_without_a_machine_fail_with_a_sentence(argument: str) -> None:
    done = run(argument)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the checks are about a running machine: name it with --hosts=ssh://user@host" in done.stderr


@pytest.mark.parametrize("option", ["--sealed", "--checks-json=x.json"])
def test_option_of_the_checks_without_a_machine_fails_with_a_sentence(option: str) -> None:
    done = run(option, "tests/sabotage")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "is about a running machine: name it with --hosts=ssh://user@host" in done.stderr


def test_machine_without_a_scheme_is_refused_with_the_right_words() -> None:
    """A bare address would mean another library, with other keys."""
    done = run("--hosts=203.0.113.7")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "name the machine as ssh://user@203.0.113.7" in done.stderr


def test_settings_of_ssh_that_are_not_there_are_refused() -> None:
    done = run(f"--hosts={NOWHERE}", "--ssh-config=/nowhere/config")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "there is no such file" in done.stderr


def test_machine_that_does_not_answer_is_no_success() -> None:
    done = run(f"--hosts={NOWHERE}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith("ERROR: ssh://127.0.0.1:1 does not answer: ")
    assert "Connection refused" in done.stderr


def test_with_a_machine_nothing_else_is_run() -> None:
    done = run(f"--hosts={NOWHERE}", "tests/test_formats.py")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "is no check of a machine: run it without --hosts" in done.stderr


def test_with_a_machine_nothing_else_is_collected() -> None:
    done = run(f"--hosts={NOWHERE}", "--collect-only", "-q", "tests/door")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_without_a_machine_no_check_is_collected() -> None:
    done = run("--collect-only", "-q", "tests/sabotage", "tests/test_formats.py")
    assert done.returncode == pytest.ExitCode.OK
    assert "tests/test_formats.py" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("tests/image")] == []
