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

from runner.commands import doctor, image, images, models, settings, transcribe
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

    install("engine", "test", "bench", "image")
    modes = ["--fast"] * fast + ["--floor"] * floor
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.suite", *modes, *only])


@task(
    auto_shortflags=False,
    help={
        "minutes": "Speech to hear, half of it clean and half hard; 60 if not said.",
        "slow-minutes": "Of it for the contestants that are slow; 5 if not said.",
        "groups": "Groups of recordings, each a pair of measurements; 6 if not said.",
        "contestants": "Names or the beginnings of names, with commas between; all if not said.",
        "model": "A hub id or a folder; the settings' if not said.",
        "device": "cpu (the default) or cuda, for all contestants.",
        "threads": "Processor threads, for all contestants; as many as cores if not said.",
        "json": "Write everything that was measured to this file.",
        "chart": "Draw the speeds to this file, SVG.",
        "only-stages": "Ours alone: each stage beside the least that it could take here.",
        "precisions": "Ours alone: windows that these write otherwise than float32: bfloat16, float16, int8.",
        "growth": "Ours alone: time and memory of files of so many minutes each, such as 10,60,180.",
        "quality": "Count errors instead: a folder of recordings with .txt beside them, fleurs-sv or common-voice-sv.",
    },
)
def bench(
    _context: Context,
    minutes: str | None = None,
    slow_minutes: str | None = None,
    groups: str | None = None,
    contestants: str | None = None,
    model: str | None = None,
    device: str | None = None,
    threads: str | None = None,
    json: str | None = None,
    chart: str | None = None,
    only_stages: bool = False,
    precisions: str | None = None,
    growth: str | None = None,
    quality: str | None = None,
) -> None:
    """Measure ours beside its peers.

    The same sound, the same weights and the same machine in one run. For example:

        ./invoke bench
        ./invoke bench --minutes 10 --contestants ours,fw-1 --chart speeds.svg
        ./invoke bench --only-stages
        ./invoke bench --growth 10,60,180
        ./invoke bench --quality recordings/
    """
    from runner.door.install import install

    said = {name.replace("_", "-"): value for name, value in locals().items() if isinstance(value, str)}
    install("engine", "test", "bench")
    words = [f"--{name}={value}" for name, value in said.items()] + ["--only-stages"] * only_stages
    words.append(f"--folder={os.getcwd()}")
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.bench", *words])


@task
def lock(_context: Context) -> None:
    """Make requirements.lock anew from pyproject.toml.

    Versions that still fit stay. For example, after adding a dependency:

        ./invoke lock
    """
    from runner.door.install import compile_lock

    compile_lock()


namespace = Collection(transcribe, models, image, images, doctor, settings, run_tests, bench, lock)

if __name__ == "__main__":
    Program(namespace, called="./invoke").run()
