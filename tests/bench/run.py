"""The run: every contestant in turn over every group, in alternating order, one awake at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from tests.bench.contestants import Entry
from tests.bench.groups import Group
from tests.bench.machine import Moment, Sharing, between, moment
from tests.bench.process import Process
from tests.bench.terms import Terms
from tests.bench.words import Errors, errors

WARM_UP = 20.0  # seconds of sound that nobody counts


@dataclass(frozen=True, slots=True)
class Turn:
    """One contestant over one group; times in seconds from samples in memory to text."""

    contestant: str
    group: int
    audio: float
    seconds: float
    processor_seconds: float
    first_text: float | None
    errors: tuple[Errors, ...]  # a recording each, as in the group
    kinds: tuple[str, ...]
    texts: tuple[str, ...]
    sharing: Sharing
    work: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one contestant is and takes."""

    about: dict[str, str]
    load_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured in one run."""

    entries: tuple[Entry, ...]
    turns: tuple[Turn, ...]
    loaded: dict[str, Loaded]
    limits: dict[str, Any]
    sharing: Sharing  # of the whole run

    def of(self, name: str) -> list[Turn]:
        return [turn for turn in self.turns if turn.contestant == name]


def run(
    entries: Sequence[Entry], groups: Sequence[Group], terms: Terms, notice: Callable[[str], None]
) -> Results:
    """Measure; raises EngineFailed where a contestant breaks down, and leaves no process in any case."""
    with ExitStack() as stack:
        processes: dict[str, Process] = {}

        def now() -> Moment:
            return moment(process.pid for process in processes.values())

        first = groups[0].items[0].path
        abouts: dict[str, dict[str, Any]] = {}
        for entry in entries:
            notice(f"loading {entry.name}")
            process = stack.enter_context(Process(entry, terms))
            with process.awake():
                abouts[entry.name] = process.ask(do="load")
                process.hear([first], most=WARM_UP)
            processes[entry.name] = process
        turns: list[Turn] = []
        began = now()
        for number, group in enumerate(groups):
            hearing = [entry for entry in entries if group.everybody or not entry.slow]
            # Who is first meets another machine than who is last: warm, cold, busier. Turn it round every time.
            for entry in hearing if number % 2 == 0 else reversed(hearing):
                turn = _turn(processes[entry.name], number, group, now)
                turns.append(turn)
                notice(
                    f"group {number + 1} of {len(groups)}, {entry.name}: {turn.seconds:.1f} s "
                    f"for {turn.audio / 60:.1f} minutes, load {turn.sharing.load_after:.2f}"
                )
        sharing = replace(between(began, now()), load_most=max(turn.sharing.load_after for turn in turns))
        loaded, limits = dict[str, Loaded](), dict[str, Any]()
        for entry in entries:
            process, about = processes[entry.name], abouts[entry.name]
            with process.awake():
                peak = process.ask(do="end")["peak_bytes"]
                if entry.is_ours and not limits:
                    limits = process.ask(do="limits", precision=about["about"]["precision"])
            loaded[entry.name] = Loaded(about["about"], about["seconds"], peak)
        return Results(tuple(entries), tuple(turns), loaded, limits, sharing)


def _turn(process: Process, number: int, group: Group, now: Callable[[], Moment]) -> Turn:
    before = now()
    with process.awake():
        answer = process.hear([item.path for item in group.items])
    sharing = between(before, now())
    pairs = zip(group.items, answer["texts"], strict=True)
    return Turn(
        contestant=process.entry.name,
        group=number,
        audio=sum(answer["audio"]),
        seconds=answer["seconds"],
        processor_seconds=answer["processor_seconds"],
        first_text=answer["first_text"],
        errors=tuple(errors(item.text, text) for item, text in pairs),
        kinds=tuple(item.kind for item in group.items),
        texts=tuple(answer["texts"]),
        sharing=sharing,
        work={**answer["work"], "seconds decode": answer["seconds_decoded"]},
    )
