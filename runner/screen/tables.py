"""What doctor and settings print on stdout: rich tables on a terminal, plain aligned columns anywhere else."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print `rows` under `headings`; `styles` holds a rich style for the first cell of each row.

    A cell may have several lines.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        _draw(headings, rows, styles or ["bold"] * len(rows))
        return
    split = [[cell.splitlines() or [""] for cell in row] for row in (headings, *rows)]
    widths = [max(len(line) for row in split for line in row[column]) for column in range(len(headings))]
    for row in split:
        for number in range(max(len(lines) for lines in row)):
            cells = (lines[number] if number < len(lines) else "" for lines in row)
            print_line("  ".join(map(str.ljust, cells, widths)).rstrip())


def print_line(text: str = "") -> None:
    """Print one line; a letter that stdout's encoding lacks is written as an escape instead of failing."""
    if sys.stdout is None:  # it was closed before the program began
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def print_json(value: object) -> None:
    """Print `value` as indented JSON, in ASCII so that any pipe can carry it."""
    print_line(json.dumps(value, indent=2))


def in_gigabytes(size: int) -> str:
    """Bytes as 5.7 GB, 290 MB or 12 kB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size / unit:.0f} {name}"
    return f"{size / 1000:.0f} kB"


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row, style in zip(rows, styles, strict=True):
        first, *others = row
        table.add_row(Text(first, style=style), *map(Text, others))
    console = Console()
    with console.capture() as drawing:
        console.print(table)
    for line in drawing.get().rstrip().splitlines():
        print_line(line)
