"""The checks' own promises: every step runs, a failure is not lost, and a skip needs an excuse."""

from __future__ import annotations

import io
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests import floor, suite
from tests.suite import NotRun, Outcome, Skip, Step
from tests.support import debian
from tests.support.needs import needs


@pytest.fixture
def console() -> Console:
    return Console(width=100, record=True, file=io.StringIO())


def test_a_step_that_cannot_run_is_listed_with_its_reason(console: Console) -> None:
    outcome = suite.take(Step("moon", _not_run(excused=True)), console)

    suite.close([outcome], console)

    assert outcome.passed
    assert "needs the moon" in console.export_text()


@pytest.mark.parametrize(("excused", "passed"), [(True, True), (False, False)])
def test_in_ci_a_step_that_should_have_run_has_failed(
    excused: bool, passed: bool, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "CI", True)

    assert suite.take(Step("moon", _not_run(excused=excused)), console).passed is passed


def test_the_closing_table_counts_what_was_skipped_and_says_what_should_have_run(console: Console) -> None:
    skips = [Skip("needs a GPU", 3, excused=True), Skip("because", 1, excused=False)]

    suite.close([Outcome("tests", True, 1.0, skips)], console)

    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert next(line for line in lines if "needs a GPU" in line).split() == ["3", "needs", "a", "GPU"]
    assert next(line for line in lines if "because" in line).endswith("should run here")


def test_the_suite_goes_on_after_a_failed_step_and_fails_in_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [Step("first", lambda: (False, ())), Step("second", lambda: (True, ()))]
    monkeypatch.setattr(suite, "everything", lambda _: steps)

    assert suite.main([]) == 1
    assert "second: passed" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "ci", "code"),
    [
        ("needs.excused.add('no such machine'); pytest.skip('no such machine')", "true", 0),
        ("pytest.skip('not today')", "true", 1),
        ("pytest.skip('not today')", "false", 0),
    ],
)
def test_in_ci_a_skip_without_an_excuse_fails_the_run(body: str, ci: str, code: int, tmp_path: Path) -> None:
    run = run_pytest(
        f"import pytest\nfrom tests.support import needs\ndef test_it():\n    {body}\n", tmp_path, ci
    )

    assert run.returncode == code, run.stdout
    assert "skipped, by reason" in run.stdout
    assert ("should run on this machine" in run.stdout) == ("not today" in body)


@pytest.mark.slow
def test_a_need_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    run = run_pytest(
        "from tests.support.needs import needs\n@needs('luck')\ndef test_it(): ...\n", tmp_path, "false"
    )

    assert run.returncode == 1
    assert "unknown need 'luck'" in run.stdout


def test_the_floor_pins_all_but_what_comes_with_torch() -> None:
    names = {pin.partition("==")[0] for pin in floor.other_pins()}

    assert {"numpy", "transformers", "av"} <= names
    assert not {name for name in names if name.startswith(("torch", "triton", "nvidia-", "cuda-"))}


@needs("debian:dpkg")
def test_packages_come_from_the_machines_own_archives_also_where_it_was_never_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    (tmp_path / "sources.list").write_text(
        f"deb http://mirror.example/debian {codename} main\n"
        f"deb http://mirror.example/debian {codename}-updates main\n"
        f"deb http://vendor.example/apt nodistro main\n"
        f"deb http://vendor.example/apt {codename} stable\n"
    )
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\n'
        f'Dir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{tmp_path}/lists";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))

    found = [re.sub(r"\[.*\] ", "", line).split() for line in debian.sources()]

    components = list(debian.COMPONENTS[debian.distribution() or ""])
    assert found == [
        ["deb", "http://mirror.example/debian/", codename, *components],
        ["deb", "http://mirror.example/debian/", f"{codename}-updates", *components],
    ]


def run_pytest(test: str, folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    """Run one test file under our own conftest, as its own process."""
    (folder / "test_one.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "CI": ci}
    return subprocess.run(command, cwd=suite.ROOT, capture_output=True, text=True, env=environment)


def _not_run(*, excused: bool) -> suite.Work:
    def work() -> tuple[bool, tuple[Skip, ...]]:
        raise NotRun("needs the moon", excused=excused)

    return work
