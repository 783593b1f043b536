"""Text that goes round in circles: seen while it is written, and measured when it is done."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

LONGEST_PERIOD = 30  # tokens of a phrase that is said again and again
LEAST_TIMES = 4
LEAST_TOKENS = 12  # that a loop holds in all: "ja, ja, ja, ja" is no loop


def loop(words: Sequence[int]) -> int | None:
    """Where the words begin to repeat themselves until their end, after the first time; None if they do not."""
    size = len(words)
    for period in range(1, min(LONGEST_PERIOD, size // LEAST_TIMES) + 1):
        same = 0
        while same + period < size and words[-1 - same] == words[-1 - same - period]:
            same += 1
        length = same + period
        if length >= LEAST_TIMES * period and length >= LEAST_TOKENS:
            return size - length + period
    return None


def compression_ratio(text: str) -> float:
    """Bytes of the text by bytes of it compressed: text that repeats itself has a high one."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0
