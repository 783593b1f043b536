"""What a person can ask for in a checkout; `./invoke --list` shows it, and the work is in runner/."""

from __future__ import annotations

from runner.door import early

early.watch()  # what follows takes tenths of a second

# ruff: noqa: E402
import os
import sys
from functools import partial
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from runner.commands import doctor, settings, transcribe
from runner.door.program import Program
from runner.door.variadic import VariadicTask

ROOT = Path(__file__).resolve().parent


@task(
    name="test",
    klass=partial(VariadicTask, variadic="only"),
    auto_shortflags=False,
    help={
        "only": "A file or folder of tests in the checkout; --only may be left out. What follows -- goes to pytest.",
        "fast": "Leave out what takes long: an answer in under a minute.",
        "floor": "Run the engine on the oldest torch that a machine image may hold.",
    },
)
def run_tests(_context: Context, only: list[str], fast: bool = False, floor: bool = False) -> None:
    """Run all the tests that can run here.

    For example:

        ./invoke test
        ./invoke test --fast tests/test_formats.py -- -k subtitles
    """
    from runner.door.install import install

    install("engine", "test")
    modes = ["--fast"] * fast + ["--floor"] * floor
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.suite", *modes, *only])


@task
def lock(_context: Context) -> None:
    """Make requirements.lock anew from pyproject.toml.

    Versions that still fit stay. For example, after adding a dependency:

        ./invoke lock
    """
    from runner.door.install import compile_lock

    compile_lock()


namespace = Collection(transcribe, doctor, settings, run_tests, lock)

if __name__ == "__main__":
    Program(namespace, called="./invoke").run()
