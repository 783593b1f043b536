"""With a machine only the checks run, without one everything else; and a run that proves nothing is no success."""

from __future__ import annotations

import json
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
    assert done.stderr.startswith(f"ERROR: {NOWHERE} does not answer: ")
    assert "Connection refused" in done.stderr
    assert done.stderr.strip().endswith("make this work first: ssh -p 1 nobody@127.0.0.1")


def test_machine_that_does_not_answer_is_in_the_file_of_the_checks(tmp_path: Path) -> None:
    done = run(f"--hosts={NOWHERE}", f"--checks-json={tmp_path}/checks.json")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in done.stdout + done.stderr
    told = json.loads((tmp_path / "checks.json").read_text())
    assert told["verdict"] == "red"
    assert "does not answer" in told["why"][0]
    assert told["declared"] == {NOWHERE: {}}


def configured(*arguments: str) -> str:
    """What a run says that ends before anything is collected, in one line and without a word of Python's."""
    done = run("--collect-only", *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    return line.removeprefix("ERROR: ")


@pytest.mark.parametrize("host", ["ssh://u@127.0.0.1:99999", "ssh://127.0.0.1:abc", "ssh://u@h:0"])
def test_port_that_is_none_is_refused(host: str) -> None:
    assert configured(f"--hosts={host}") == (
        f"--hosts={host}: a port is a number from 1 to 65535, as in ssh://user@host:22"
    )


@pytest.mark.parametrize("host", ["ssh://", "ssh://u@", "ssh://-oProxyCommand=true"])
def test_machine_without_a_name_is_refused(host: str) -> None:
    assert configured(f"--hosts={host}") == f"--hosts={host} names no machine: write ssh://user@host"


@pytest.mark.parametrize("nothing", ["", ","])
def test_variable_that_is_empty_does_not_run_the_tests_of_the_project(nothing: str) -> None:
    said = configured(f"--hosts={nothing}")
    assert said == "--hosts= names no machine: write --hosts=ssh://user@host"


def test_password_is_refused_and_not_repeated() -> None:
    said = configured("--hosts=ssh://anna:secret-word@127.0.0.1")
    assert said.startswith("--hosts=ssh://anna:...@127.0.0.1: a password is not taken")


def test_key_that_is_not_there_is_refused() -> None:
    said = configured(f"--hosts={NOWHERE}", "--ssh-identity-file=/nowhere/key")
    assert said == "--ssh-identity-file=/nowhere/key: there is no such file"


def test_file_that_cannot_be_written_is_refused_before_anything_is_checked(tmp_path: Path) -> None:
    said = configured(f"--hosts={NOWHERE}", f"--checks-json={tmp_path}")
    assert said == f"--checks-json={tmp_path}: it cannot be written there; name another file"


@pytest.mark.parametrize("argument", ["tests/test_formats.py", "tests/door", "/etc"])
def test_with_a_machine_nothing_else_is_run(argument: str) -> None:
    said = configured(f"--hosts={NOWHERE}", "tests/image", argument)
    assert said == f"{argument} is no check of a machine: run it without --hosts, or leave it out"


@pytest.mark.parametrize("folder", [".", "tests", "tests/door"])
def test_checks_are_found_from_every_folder_of_the_tests_and_nothing_is_written_there(
    folder: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "pytest", f"--hosts={NOWHERE}", "-o", f"cache_dir={tmp_path}/cache"]
    done = subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith(f"ERROR: {NOWHERE} does not answer: ")
    assert not (tmp_path / "cache").exists()


def test_folder_without_tests_is_told_where_the_checks_are_started() -> None:
    done = run(f"--hosts={NOWHERE}", cwd=ROOT / "packer")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == f"ERROR: --hosts={NOWHERE}: start the checks in {ROOT}"


def test_without_a_machine_no_check_is_collected() -> None:
    done = run("--collect-only", "-q", "tests/sabotage", "tests/test_formats.py")
    assert done.returncode == pytest.ExitCode.OK
    assert "tests/test_formats.py" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("tests/image")] == []
