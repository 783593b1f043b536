"""How the corpus is divided."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import UsageError
from tests.bench.contestants import ENTRIES, choose
from tests.bench.corpus import Item
from tests.bench.groups import divide


def items(count: int) -> list[Item]:
    return [Item(Path(f"{n}.wav"), "", "hall" if n % 2 else "clean", 150.0) for n in range(count)]


def test_every_group_has_as_many_clean_as_hard_and_nothing_is_left_out() -> None:
    groups = divide(items(24), count=6, slow_minutes=0)
    assert len(groups) == 6
    assert [len(group.items) for group in groups] == [4] * 6
    assert all(sum(item.kind == "clean" for item in group.items) == 2 for group in groups)
    assert sorted(item.path.stem for group in groups for item in group.items) == sorted(map(str, range(24)))


def test_slow_contestants_have_the_first_minutes_in_groups_of_their_own() -> None:
    groups = divide(items(24), count=6, slow_minutes=5)
    assert [group.everybody for group in groups] == [True] + [False] * 6
    assert groups[0].duration == 300.0


def test_few_recordings_make_few_groups() -> None:
    assert len(divide(items(4), count=6, slow_minutes=0)) == 2
    with pytest.raises(UsageError, match="more --minutes"):
        divide(items(1), count=6, slow_minutes=0)


def test_contestants_are_chosen_by_name_or_its_beginning() -> None:
    assert [entry.name for entry in choose("fw-1,ours,ours")] == ["fw-1-b8", "fw-1-b16", "ours"]
    assert choose("") == list(ENTRIES)
    with pytest.raises(UsageError, match=r"no contestant 'fw-2'; there are ours, fw-1-b8"):
        choose("ours,fw-2")
