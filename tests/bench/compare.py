"""The comparison: speech and weights are made ready, everybody hears, the report is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from runner.errors import CannotStart
from tests.bench import report
from tests.bench.chart import svg
from tests.bench.contestants import Entry
from tests.bench.corpus import Item, corpus
from tests.bench.groups import divide
from tests.bench.options import Options
from tests.bench.output import tell, write, write_json
from tests.bench.ready import agree, check, find, home
from tests.bench.run import run
from tests.bench.summary import summary


def main(options: Options, entries: list[Entry], console: Console) -> None:
    """Measure and show; raises what runner.errors lists."""
    check(options)
    items = speech(home(), options.minutes)
    slow = options.slow_minutes if any(entry.slow for entry in entries) else 0.0
    groups = divide(items, options.groups, slow)
    terms = agree(find(options), entries, options)
    console.print(f"{terms.model} ({terms.revision[:12]}), {terms.device}, {terms.threads} threads")
    measured = summary(run(entries, groups, terms, notice=tell), terms)
    if options.only_stages:
        report.show_stages(measured, console)
        console.print(measured["sharing"]["sentence"])
    else:
        report.show(measured, console)
    if options.json:
        write_json(options.json, measured)
    if options.chart:
        write(options.chart, svg(measured))


def speech(folder: Path, minutes: float) -> list[Item]:
    """The corpus; raises CannotStart where speech cannot be made."""
    try:
        return corpus(folder, minutes)
    except pytest.skip.Exception as reason:
        raise CannotStart(
            f"Speech is made by espeak-ng with mbrola's Swedish voices, and this machine {reason}."
        ) from None
