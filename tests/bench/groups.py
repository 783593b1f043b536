"""The corpus in groups of like make: each is one pair of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.errors import UsageError
from tests.bench.corpus import Item


@dataclass(frozen=True, slots=True)
class Group:
    """As many clean recordings as hard ones; `everybody` where slow contestants hear it too."""

    items: tuple[Item, ...]
    everybody: bool

    @property
    def duration(self) -> float:
        return sum(item.duration for item in self.items)


def divide(items: Sequence[Item], count: int, slow_minutes: float) -> list[Group]:
    """At first the minutes that slow contestants hear too, a clean and a hard recording a group; then `count` groups.

    `slow_minutes` is 0 where nobody is slow. Raises UsageError for less than one pair of recordings.
    """
    clean = [item for item in items if item.kind == "clean"]
    hard = [item for item in items if item.kind != "clean"]
    pairs = list(zip(clean, hard, strict=False))
    if not pairs:
        raise UsageError("A bench needs a clean and a hard recording at least: give it more --minutes.")
    groups: list[Group] = []
    while pairs and sum(group.duration for group in groups) < 60 * slow_minutes:
        groups.append(Group(pairs.pop(0), everybody=True))
    count = min(count, len(pairs))
    for number in range(count):
        some = pairs[number * len(pairs) // count : (number + 1) * len(pairs) // count]
        groups.append(Group(tuple(item for pair in some for item in pair), everybody=False))
    return groups
