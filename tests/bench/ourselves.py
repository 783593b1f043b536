"""What is measured of ours without any peer: precisions beside each other, and lengths."""

from __future__ import annotations

from rich.console import Console

from runner.engine.device import choose_threads
from tests.bench import growth, precisions
from tests.bench.compare import speech
from tests.bench.machine import between, moment
from tests.bench.options import Options
from tests.bench.output import write_json
from tests.bench.ready import check, find, home


def main(options: Options, console: Console) -> None:
    """Measure and show; raises what runner.errors lists."""
    check(options)
    checkpoint, threads = find(options), choose_threads(options.threads)
    measured: dict[str, object] = {"model": checkpoint.model.id, "revision": checkpoint.model.revision}
    console.print(
        f"{checkpoint.model.id} ({checkpoint.model.revision[:12]}), {options.device}, {threads} threads"
    )
    began = moment(())
    if options.precisions:
        items = speech(home(), options.minutes)
        compared = precisions.agreements(checkpoint, items, options.precisions, options.device, threads)
        precisions.show(compared, console)
        measured["precisions"] = precisions.to_json(compared)
    if options.growth:
        grown = growth.grow(options.growth, checkpoint.folder, options.device, threads)
        growth.show(grown, console)
        measured["growth"] = growth.to_json(grown)
    console.print(between(began, moment(())).sentence())
    if options.json:
        write_json(options.json, measured)
