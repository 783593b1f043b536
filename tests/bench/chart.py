"""One picture: how many times faster than the sound each contestant was, and how much it got wrong."""

from __future__ import annotations

from html import escape
from typing import Any

ROW, LEFT, BARS, RIGHT = 28, 130, 420, 210  # pixels
OURS, OTHERS = "#0b7a75", "#b9b9b9"


def svg(summary: dict[str, Any]) -> str:
    """Bars of RTFx, the longest on top; its text stands in system fonts, so that nothing is fetched to show it."""
    rows = sorted(summary["contestants"], key=lambda row: -row["rtfx"])
    longest = max(row["rtfx"] for row in rows)
    height = ROW * (len(rows) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + BARS + RIGHT}" height="{height}">',
        "<style>text { font: 13px system-ui, sans-serif; fill: #222 }</style>",
        f'<rect width="100%" height="{height}" fill="white"/>',
        _text(8, 19, f"{summary['model']}: seconds of sound a second, and word error rate"),
    ]
    for number, row in enumerate(rows, start=1):
        width = BARS * row["rtfx"] / longest
        colour = OURS if row["family"] == "ours" else OTHERS
        label = f"{row['rtfx']:.1f}× · WER {100 * row['wer']['all']:.1f} % · {row['minutes']:.0f} min"
        parts += [
            _text(8, number * ROW + 19, row["contestant"]),
            f'<rect x="{LEFT}" y="{number * ROW + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>',
            _text(LEFT + width + 6, number * ROW + 19, label),
        ]
    machine = f"{summary['machine']['processor']}, {summary['threads']} threads, {summary['device']}"
    parts += [_text(8, height - 9, f"{machine}; {summary['sharing']['sentence']}"), "</svg>"]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
