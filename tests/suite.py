"""All the checks of this project, in order, each told with its time; what `./invoke test` runs.

    python -m tests.suite [--fast | --floor] [arguments for pytest]

Every step runs, also after one that failed; the exit code is 1 if any failed. A step or test that this machine
cannot run is listed with its reason; with CI=true what should have run and did not is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runner.errors import CannotStart
from tests import floor
from tests.support import debian

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent  # not resolved: the virtual environment's own tools
CI = os.environ.get("CI") == "true"
LOCK = ROOT / "requirements.lock"


@dataclass(frozen=True)
class Skip:
    """Something that did not run; excused when this machine could not have run it."""

    reason: str
    count: int
    excused: bool


@dataclass(frozen=True)
class Outcome:
    """How one step went; `seconds` of wall time."""

    name: str
    passed: bool
    seconds: float
    skips: Sequence[Skip] = ()


class NotRun(Exception):
    """A step that cannot run; its message says why, and `excused` whether this machine is the reason."""

    def __init__(self, reason: str, *, excused: bool) -> None:
        super().__init__(reason)
        self.excused = excused


Work = Callable[[], tuple[bool, Sequence[Skip]]]  # whether it passed, and what it left out


@dataclass(frozen=True)
class Step:
    """A name and what to do."""

    name: str
    work: Work


def quiet(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> bool:
    """Run a command whose words matter only where it finds fault."""
    run = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env or _environment()
    )
    if run.returncode != 0:
        sys.stdout.write(run.stdout.decode(errors="replace"))
    return run.returncode == 0


def check(*command: str | Path) -> tuple[bool, Sequence[Skip]]:
    return quiet(*command), ()


def shell_scripts() -> tuple[bool, Sequence[Skip]]:
    """Hold the shell scripts to shellcheck, installing it where we may."""
    if shutil.which("shellcheck") is None:
        try:
            debian.install("shellcheck")
        except debian.PackagesMissing as error:
            raise NotRun(f"needs {error}", excused=not debian.may_install()) from error
    scripts = [
        path for path in (ROOT / "packer" / "scripts").iterdir() if path.read_bytes().startswith(b"#!/")
    ]
    return quiet("shellcheck", "invoke", ".ci/run", *sorted(scripts)), ()


def lock_is_current() -> tuple[bool, Sequence[Skip]]:
    """Compile the lock again, starting from itself: where pyproject.toml did not change, nothing does."""
    with tempfile.TemporaryDirectory(prefix="tests-lock-") as folder:
        fresh = Path(shutil.copy(LOCK, folder))
        compile_it = (
            "import pathlib, sys, runner.door.install as i; i.compile_lock(pathlib.Path(sys.argv[1]))"
        )
        run = subprocess.run(
            [sys.executable, "-c", compile_it, fresh], cwd=ROOT, capture_output=True, text=True
        )
        if run.returncode == 0 and fresh.read_bytes() == LOCK.read_bytes():
            return True, ()
    if "error sending request" in run.stderr:
        raise NotRun("needs the package index, which cannot be reached", excused=False)
    print(run.stderr, "requirements.lock is not what pyproject.toml asks for; run: ./invoke lock", sep="")
    return False, ()


def packer_template() -> tuple[bool, Sequence[Skip]]:
    """Hold the template to `packer fmt` and `packer validate`, where a Packer that can read it is named or on PATH."""
    from runner.door.packer import find_packer
    from runner.image.packer import environment, installed_plugins, satisfies
    from runner.image.template import read_template

    template = read_template(ROOT / "packer")
    try:
        packer = find_packer(os.environ.get("PACKER", "packer"))
    except CannotStart as error:
        raise NotRun(f"needs Packer {template.packer} (PACKER=PATH)", excused=True) from error
    if not satisfies(packer.version, template.packer):
        raise NotRun(f"needs Packer {template.packer}; this is {packer.version} (PACKER=PATH)", excused=True)
    formatted = quiet(packer.path, "fmt", "-check", "-diff", "packer")
    if not template.plugins.keys() <= installed_plugins(packer).keys():
        raise NotRun("needs Packer's plugins: packer init packer", excused=True)
    with tempfile.TemporaryDirectory(prefix="tests-packer-") as folder:
        wheel, key = Path(folder) / "a.whl", Path(folder) / "key"
        wheel.touch()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        words = ["-var=gpu=false", f"-var=wheel={wheel}", f"-var=output={folder}"]
        sources: list[list[str]] = [[], ["-var=host_address=192.0.2.7", f"-var=host_private_key_file={key}"]]
        valid = [
            quiet(packer.path, "validate", *words, *more, "packer", env=environment()) for more in sources
        ]
    return formatted and all(valid), ()


def ansible_lint() -> tuple[bool, Sequence[Skip]]:
    """Hold the roles to ansible-lint's profile for production; it finds its own helpers on the PATH."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    options = ["--offline", "--profile=production", "--strict", "."]
    return quiet(
        BIN / "ansible-lint", *options, env={**_environment(), "PATH": path}, cwd=ROOT / "ansible"
    ), ()


def run_tests(python: str | Path, arguments: Sequence[str]) -> tuple[bool, Sequence[Skip]]:
    """Run pytest, its words as they come, and fetch what it skipped."""
    with tempfile.TemporaryDirectory(prefix="tests-report-") as folder:
        report = Path(folder) / "skips.json"
        run = subprocess.run(
            [python, "-m", "pytest", f"--skips={report}", *arguments], cwd=ROOT, env=_environment()
        )
        skips = [Skip(**row) for row in json.loads(report.read_text())] if report.exists() else []
    return run.returncode == 0, skips


def _environment() -> dict[str, str]:
    colour = {"FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return {**os.environ, **colour}


def fast(arguments: Sequence[str]) -> list[Step]:
    """What a developer wants to know within a minute."""
    return [
        Step("format", partial(check, BIN / "ruff", "format", "--check", ".")),
        Step("lint", partial(check, BIN / "ruff", "check", ".")),
        Step("types", partial(check, BIN / "mypy")),
        Step("imports", partial(check, BIN / "lint-imports", "--no-logo")),
        Step("tests", partial(run_tests, sys.executable, ["-m", "not slow and not wrapper", *arguments])),
    ]


def everything(arguments: Sequence[str]) -> list[Step]:
    *checks, _ = fast(arguments)
    return [
        *checks,
        Step("shell scripts", shell_scripts),
        Step("lock", lock_is_current),
        Step("ansible", ansible_lint),
        Step("packer", packer_template),
        Step("tests", partial(run_tests, sys.executable, ["--cov", "--cov-report=term", *arguments])),
    ]


def oldest(arguments: Sequence[str]) -> list[Step]:
    """The engine on the oldest torch it may meet."""
    return [
        Step(f"install torch {floor.TORCH}", lambda: (floor.install(), ())),
        Step(
            f"engine on torch {floor.TORCH}", partial(run_tests, floor.PYTHON, ["tests/engine", *arguments])
        ),
    ]


def take(step: Step, console: Console) -> Outcome:
    """Do one step and say how it went."""
    console.rule(f"[bold]{step.name}", align="left")
    start = time.perf_counter()
    skips: Sequence[Skip]
    try:
        passed, skips = step.work()
    except NotRun as error:
        passed, skips = not CI or error.excused, [Skip(str(error), 1, error.excused)]
    seconds = time.perf_counter() - start
    console.print(f"{step.name}: {'passed' if passed else '[red]FAILED[/red]'} in {seconds:.1f} s")
    return Outcome(step.name, passed, seconds, skips)


def close(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print one line a step, then what was left out and why."""
    table = Table("step", "result", "seconds", box=None, padding=(0, 2, 0, 0), title_justify="left")
    for outcome in outcomes:
        result = "passed" if outcome.passed else "[red]FAILED[/red]"
        table.add_row(outcome.name, result, f"{outcome.seconds:.1f}")
    console.rule("[bold]result", align="left")
    console.print(table)
    skips = [skip for outcome in outcomes for skip in outcome.skips]
    if not skips:
        console.print("Nothing was skipped.")
        return
    table = Table("skipped", "reason", "", box=None, padding=(0, 2, 0, 0))
    for skip in skips:
        table.add_row(
            str(skip.count), skip.reason, "" if skip.excused else "[yellow]should run here[/yellow]"
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.suite", description=__doc__, allow_abbrev=False)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true", help="leave out what takes long")
    which.add_argument(
        "--floor", action="store_true", help="only the engine, on the oldest torch it may meet"
    )
    options, rest = parser.parse_known_args(arguments)
    steps = fast(rest) if options.fast else oldest(rest) if options.floor else everything(rest)
    console = Console(highlight=False)
    try:
        outcomes = [take(step, console) for step in steps]
    except KeyboardInterrupt:
        return 130
    close(outcomes, console)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
