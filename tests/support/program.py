"""The program's tasks on the words of a command line, in the test's own process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from invoke.collection import Collection

from runner.door.program import Program


@pytest.fixture
def unchanged_environment() -> Iterator[None]:
    """The program sets variables for the libraries that it imports; the next test has its own again."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run_tasks(tasks: Collection, *words: str, called: str = "./invoke") -> int:
    """What the program ends with."""
    try:
        Program(tasks, called=called).run([called, *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0
