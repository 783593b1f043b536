"""`python -m tests.bench`: ours beside its peers; what `./invoke bench` runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from runner.door.program import QUIET_LIBRARIES
from runner.errors import TranscriberError, UsageError
from runner.settings import load_settings
from tests.bench import quality
from tests.bench.contestants import Entry, choose
from tests.bench.options import Options, parse
from tests.bench.output import tell, write_json
from tests.bench.published import SETS, fetch

WIDTH = 140  # of a table that goes into a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked and return the exit code that runner.errors gives the outcome."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # all as Ctrl-C: the way out ends every child
    if options.folder:
        os.chdir(options.folder)
    for variable, value in QUIET_LIBRARIES.items():
        os.environ.setdefault(variable, value)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    try:
        alone = options.only_stages or (options.quality and not options.contestants)
        entries = choose("ours" if alone else options.contestants)
        for path in (options.json, options.chart):
            if path and not path.parent.is_dir():
                raise UsageError(f"There is no folder {path.parent} to write {path.name} to.")
        if options.quality:
            _judge(options, options.quality, entries, console)
        elif options.precisions or options.growth:
            from tests.bench import ourselves

            ourselves.main(options, console)
        else:
            from tests.bench import compare  # with torch, seconds after what can be told at once

            compare.main(options, entries, console)
    except TranscriberError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("bench: ended early", file=sys.stderr)
        return 130
    return 0


def _judge(options: Options, asked: str, entries: list[Entry], console: Console) -> None:
    """Count errors over a folder or a published set."""
    settings = load_settings({})
    folder = Path(asked)
    if asked in SETS:
        folder = fetch(asked, settings.cache / "bench", settings.hub_timeout, tell)
    said = quality.pairs(folder)
    from tests.bench.ready import agree, check, find

    check(options)
    terms = agree(find(options), entries, options)
    rows = [quality.summary(entry.name, quality.judge(entry, terms, said, notice=tell)) for entry in entries]
    console.print(f"{terms.model} ({terms.revision[:12]}), {folder}", markup=False)
    quality.show(rows, console)
    if options.json:
        write_json(options.json, {"model": terms.model, "revision": terms.revision, "contestants": rows})


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
