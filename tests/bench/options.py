"""The words of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FASTER = ("bfloat16", "float16", "int8")  # than float32


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; tasks.py has what each is in words."""

    minutes: float
    slow_minutes: float
    groups: int
    contestants: str
    model: str
    device: str
    threads: int
    json: Path | None
    chart: Path | None
    only_stages: bool
    quality: str | None
    precisions: tuple[str, ...]
    growth: tuple[float, ...]
    folder: Path | None  # where the person is: what paths are relative to


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; ends the process with a sentence and code 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="bench", description="./invoke --help bench tells what each option does.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--minutes", type=_positive, default=60.0)
    add("--slow-minutes", type=_positive, default=5.0)
    add("--groups", type=_count, default=6)
    add("--contestants", default="")
    add("--model", default="")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--threads", type=_count, default=0)
    add("--json", type=Path)
    add("--chart", type=Path)
    add("--only-stages", action="store_true")
    add("--quality", metavar="FOLDER")
    add("--precisions", type=_precisions, default=())
    add("--growth", type=_lengths, default=())
    add("--folder", type=Path, help=argparse.SUPPRESS)
    return Options(**vars(parser.parse_args(arguments)))


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _precisions(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not names or not set(names) <= set(FASTER):
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(FASTER)}")
    return names


def _lengths(text: str) -> tuple[float, ...]:
    return tuple(_positive(part) for part in text.split(","))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number")
    return int(text)
