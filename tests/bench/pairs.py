"""Ratios of paired measurements, and how sure a difference in errors is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from tests.bench.run import Turn
from tests.bench.words import Errors

RESAMPLES = 10_000
FEWEST_FILES = 5  # below this an interval would be a pretence


@dataclass(frozen=True, slots=True)
class Speed:
    """How many times as fast one is as the other: a ratio a pair, and of the sums."""

    median: float
    least: float
    most: float
    of_sums: float
    of_processor_sums: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Difference:
    """First's word error rate less the second's, and what resampling the recordings makes of it (95 %)."""

    difference: float
    low: float | None
    high: float | None
    files: int


def together(first: Sequence[Turn], second: Sequence[Turn]) -> list[tuple[Turn, Turn]]:
    """The turns of both over the groups that both heard."""
    others = {turn.group: turn for turn in second}
    return [(turn, others[turn.group]) for turn in first if turn.group in others]


def speed(pairs: Sequence[tuple[Turn, Turn]]) -> Speed:
    """How much faster the first of each pair was."""
    ratios = [second.seconds / first.seconds for first, second in pairs]
    firsts, seconds = [first for first, _ in pairs], [second for _, second in pairs]
    return Speed(
        median=median(ratios),
        least=min(ratios),
        most=max(ratios),
        of_sums=sum(turn.seconds for turn in seconds) / sum(turn.seconds for turn in firsts),
        of_processor_sums=(
            sum(turn.processor_seconds for turn in seconds) / sum(turn.processor_seconds for turn in firsts)
        ),
        pairs=len(ratios),
    )


def difference(first: Sequence[Errors], second: Sequence[Errors], seed: int = 0) -> Difference:
    """Compare over the same recordings; whole recordings are drawn, since errors in one hang together."""
    counts = np.array([[error.count for error in side] for side in (first, second)])  # (2, files)
    words = np.array([[error.words for error in side] for side in (first, second)])
    files = counts.shape[1]
    rates = counts.sum(1) / np.maximum(1, words.sum(1))
    if files < FEWEST_FILES:
        return Difference(float(rates[0] - rates[1]), None, None, files)
    drawn = np.random.default_rng(seed).integers(0, files, (RESAMPLES, files))
    resampled = counts[:, drawn].sum(2) / np.maximum(1, words[:, drawn].sum(2))  # (2, resamples)
    low, high = np.percentile(resampled[0] - resampled[1], [2.5, 97.5])
    return Difference(float(rates[0] - rates[1]), float(low), float(high), files)
