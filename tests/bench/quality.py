"""Errors over a folder of recordings with what is said in them beside, counted as they were for kb-whisper."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from runner.errors import UsageError
from runner.inputs import find_inputs
from tests.bench.contestants import Entry
from tests.bench.process import Process
from tests.bench.terms import Terms
from tests.bench.words import Errors, as_published, errors

TOGETHER = 16  # recordings decoded into memory at once
WORST = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording and what is said in it."""

    path: Path
    said: str


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording's errors, and what was heard in it."""

    name: str
    errors: Errors
    said: str
    heard: str


def pairs(folder: Path) -> list[Pair]:
    """Every recording below a folder with the .txt of its name.

    Raises UsageError where there is no folder, no recording, a recording without its text, or a text that is no UTF-8.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}; --quality takes one, fleurs-sv or common-voice-sv.")
    recordings, problems = find_inputs([str(folder)], leave_out=lambda _: False)
    if problems:
        raise UsageError(str(problems[0]))
    paths = [recording.path for recording in recordings if recording.path]
    lacking = [path.name for path in paths if not path.with_suffix(".txt").is_file()]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise UsageError(
            f"There is no text for {', '.join(lacking[:3])}{more}: put a .txt of the same name beside."
        )
    return [Pair(path, _text(path.with_suffix(".txt"))) for path in paths]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not written in UTF-8.") from error


def judge(entry: Entry, terms: Terms, said: Sequence[Pair], notice: Callable[[str], None]) -> list[Judged]:
    """Have one contestant hear everything; raises EngineFailed."""
    judged: list[Judged] = []
    with Process(entry, terms) as process:
        notice(f"loading {entry.name}")
        process.ask(do="load")
        for first in range(0, len(said), TOGETHER):
            some = said[first : first + TOGETHER]
            for pair, heard in zip(some, process.hear([pair.path for pair in some])["texts"], strict=True):
                counted = errors(pair.said, heard, as_published)
                judged.append(Judged(pair.path.name, counted, pair.said, heard))
            notice(f"{entry.name}: {len(judged)} of {len(said)} recordings")
    return judged


def summary(name: str, judged: Sequence[Judged]) -> dict[str, Any]:
    """The rates of one contestant, and every recording, the worst first.

    `wer` is over all words; `wer_mean` is the mean of the recordings' rates, which KBLab's script takes: where nothing
    is said there is no rate, and it is left out.
    """
    total = sum((one.errors for one in judged), Errors())
    worst = sorted(judged, key=lambda one: (-one.errors.rate, -one.errors.count, one.name))
    return {
        "contestant": name,
        "files": len(judged),
        "wer": total.rate,
        "wer_mean": fmean([one.errors.rate for one in judged if one.errors.words] or [0.0]),
        "cer": total.character_rate,
        "errors": asdict(total),
        "recordings": [
            {"name": one.name, "wer": one.errors.rate, "said": one.said, "heard": one.heard} for one in worst
        ],
    }


def show(summaries: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the rates, and the recordings that went worst."""
    columns = ("", "files", "words", "WER", "mean of files", "CER", "sub", "del", "ins", "hallucinated")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in summaries:
        counted = row["errors"]
        table.add_row(
            row["contestant"],
            str(row["files"]),
            str(counted["words"]),
            *(f"{100 * row[rate]:.1f} %" for rate in ("wer", "wer_mean", "cer")),
            *(str(counted[name]) for name in ("substitutions", "deletions", "insertions", "hallucinated")),
        )
    console.print(table)
    for row in summaries:
        console.rule(f"{row['contestant']}: the worst", align="left")
        for one in row["recordings"][:WORST]:
            console.print(f"{one['name']}: {100 * one['wer']:.0f} %", markup=False)
            console.print(f"    said:  {' '.join(one['said'].split())}", style="dim", markup=False)
            console.print(f"    heard: {one['heard']}", style="dim", markup=False)
    sys.stdout.flush()
