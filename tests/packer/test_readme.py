"""What an operator reads about the image: two screens, and numbers that are so."""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterator

from tests.support.checkout import ROOT

README = (ROOT / "packer/README.md").read_text()
COLUMNS, LINES = 100, 100  # of two screens


def test_it_is_two_screens() -> None:
    folded = [part for line in README.splitlines() for part in textwrap.wrap(line, COLUMNS) or [""]]
    assert len(folded) <= LINES


def test_it_says_how_many_checks_there_are_and_how_many_are_for_a_gpu_alone() -> None:
    checks = list(marks_of_checks())
    told = re.search(r"There are (\d+) checks, (\d+) of them for a GPU alone", README)
    assert told is not None
    assert (int(told[1]), int(told[2])) == (len(checks), sum("gpu" in marks for marks in checks))


def marks_of_checks() -> Iterator[set[str]]:
    """Of every check of tests/image the names of its marks; a check with several parameters is one."""
    for file in sorted((ROOT / "tests/image").glob("test_*.py")):
        module = importlib.import_module(f"tests.image.{file.stem}")
        of_all = getattr(module, "pytestmark", [])
        for name, check in vars(module).items():
            if name.startswith("test_"):
                marks = [
                    *(of_all if isinstance(of_all, list) else [of_all]),
                    *getattr(check, "pytestmark", []),
                ]
                yield {mark.name for mark in marks}
