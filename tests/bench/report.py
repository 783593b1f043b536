"""The tables of a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


def show(summary: Row, console: Console) -> None:
    """Print everything that was measured; what it was shared with comes last, where it is seen."""
    contestants = summary["contestants"]
    console.print(_contestants(contestants))
    most = max(row["minutes"] for row in contestants)
    for row in contestants:
        if row["minutes"] < most - 0.1:
            console.print(
                f"{row['contestant']} heard {row['minutes']:.1f} of {most:.1f} minutes only: it is slow."
            )
    for row in contestants:
        about = ", ".join(f"{name} {value}" for name, value in row["about"].items())
        console.print(f"{row['contestant']}: {row['family']}, {about}", style="dim")
    if summary["comparisons"]:
        console.rule(
            "pair by pair: how many times as fast, and the difference in word error rate", align="left"
        )
        console.print(_comparisons(summary["comparisons"], "ours", "other"))
        console.rule("best against best", align="left")
        console.print(_comparisons(summary["best"], "way", "ours", "other"))
    if summary["stages"]:
        console.rule("stages beside the least they could take here", align="left")
        show_stages(summary, console)
    sharing = summary["sharing"]
    console.print(
        f"{sharing['sentence']}; load average {sharing['load_before']:.2f} before, {sharing['load_most']:.2f} at "
        f"most, {sharing['load_after']:.2f} after; {sharing['seconds'] / 60:.1f} minutes"
    )


def show_stages(summary: Row, console: Console) -> None:
    """Print where our time goes, and the limits that it is held against."""
    table = _table("", "stage", "s", "least", "of the limit")
    for row in summary["stages"]:
        floor, share = row["floor"], row["share"]
        table.add_row(
            row["contestant"],
            row["name"],
            f"{row['seconds']:.2f}",
            "–" if floor is None else f"{floor:.3f}",
            "–" if share is None else f"{100 * share:.1f} %",
        )
    console.print(table)
    limits = summary["limits"]
    console.print(
        f"Measured here: {limits['flops'] / 1e9:.0f} GFLOPS in the engine's precision, "
        f"{limits['flops_float32'] / 1e9:.0f} in float32, {limits['bandwidth'] / 1e9:.1f} GB/s from memory.",
        style="dim",
    )


def _contestants(rows: list[Row]) -> Table:
    table = _table(
        "",
        "min",
        "s",
        "RTFx",
        "processor s",
        "WER",
        "clean",
        "hard",
        "sub",
        "del",
        "ins",
        "first text",
        "load",
        "MB",
    )
    for row in rows:
        errors, first = row["errors"]["all"], row["first_text_seconds"]
        table.add_row(
            row["contestant"],
            f"{row['minutes']:.1f}",
            f"{row['seconds']:.1f}",
            f"{row['rtfx']:.1f}",
            f"{row['processor_seconds']:.1f}",
            *(f"{row['wer'][kind]:.3f}" for kind in ("all", "clean", "hard")),
            *(str(errors[kind]) for kind in ("substitutions", "deletions", "insertions")),
            "–" if first is None else f"{first:.1f} s",
            f"{row['load_seconds']:.1f} s",
            f"{row['peak_bytes'] / 1e6:.0f}",
        )
    return table


def _comparisons(rows: list[Row], *names: str) -> Table:
    table = _table(*names, "pairs", "faster", "least", "most", "sums", "processor", "WER", "95 %")
    for row in rows:
        ratio, wer = row["speed"], row["wer"]
        interval = f"{wer['files']} files: too few"
        if wer["low"] is not None:
            interval = f"{wer['low']:+.3f} … {wer['high']:+.3f}"
        table.add_row(
            *(row[name] for name in names),
            str(ratio["pairs"]),
            *(f"{ratio[name]:.2f}×" for name in ("median", "least", "most", "of_sums", "of_processor_sums")),
            f"{wer['difference']:+.3f}",
            interval,
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    words = ("", "stage", "way", "ours", "other")
    for column in columns:
        table.add_column(column, justify="left" if column in words else "right", no_wrap=True)
    return table
