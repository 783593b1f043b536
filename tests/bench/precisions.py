"""How many windows a faster precision writes otherwise than float32 does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import soundfile
from rich.console import Console
from rich.table import Table

from runner.engine.models.chain import Checkpoint
from runner.engine.options import BEAM, Options
from runner.engine.transcriber import Engine
from runner.engine.windows import Window
from tests.bench.contestants.ours import InMemory
from tests.bench.corpus import Item
from tests.bench.output import tell
from tests.bench.words import Errors, errors
from tests.support.windows import hear, write

EXACT = "float32"
HEARD_TOGETHER = 4  # windows


@dataclass(frozen=True, slots=True)
class Agreement:
    """One precision beside float32: windows, those of another text, words changed in these, and errors of all."""

    precision: str
    windows: int
    different: int
    words_different: float  # share of float32's words
    word_error_rate: float


def agreements(
    checkpoint: Checkpoint, items: Sequence[Item], precisions: Sequence[str], device: str, threads: int
) -> list[Agreement]:
    """Every window of the recordings in float32 and in these precisions, with the default beam and no second try."""
    exact = texts(checkpoint, items, EXACT, device, threads)
    rows = []
    for precision in (EXACT, *precisions):
        these = exact if precision == EXACT else texts(checkpoint, items, precision, device, threads)
        pairs = [
            (one, other)
            for mine, theirs in zip(exact, these, strict=True)
            for one, other in zip(mine, theirs, strict=True)
        ]
        changed = sum((errors(one, other) for one, other in pairs), Errors())
        wrong = sum(
            (errors(item.text, " ".join(mine)) for item, mine in zip(items, these, strict=True)), Errors()
        )
        different = sum(one != other for one, other in pairs)
        rows.append(Agreement(precision, len(pairs), different, changed.rate, wrong.rate))
    return rows


def texts(
    checkpoint: Checkpoint, items: Sequence[Item], precision: str, device: str, threads: int
) -> list[list[str]]:
    """What is written for every window of every recording."""
    tell(f"hearing in {precision}")
    engine = Engine.load(checkpoint, device=device, precision=precision, threads=threads)
    return [[text for some in batches(engine, item) for text in words(engine, some)] for item in items]


def batches(engine: Engine, item: Item) -> list[list[Window]]:
    samples, _ = soundfile.read(item.path, dtype="float32")
    transcription = engine.transcribe(InMemory(samples), Options())  # type: ignore[arg-type]  # all that it asks of one
    windows = [window for some in transcription.listen() for window in some]
    return [windows[first : first + HEARD_TOGETHER] for first in range(0, len(windows), HEARD_TOGETHER)]


def words(engine: Engine, windows: Sequence[Window]) -> list[str]:
    heard = hear(engine, [window.samples for window in windows])
    return [engine.vocabulary.text(one.tokens).strip() for one in write(engine, heard, beams=BEAM)]


def show(rows: Sequence[Agreement], console: Console) -> None:
    """Print a row a precision."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("", "windows", "of another text", "words changed", "WER"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        share = f"{row.different} ({row.different / max(1, row.windows):.0%})"
        table.add_row(
            row.precision,
            str(row.windows),
            share,
            f"{row.words_different:.1%}",
            f"{row.word_error_rate:.3f}",
        )
    console.print(table)


def to_json(rows: Sequence[Agreement]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]
