"""Everything that was measured, as plain values: what the tables show and the JSON file holds."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import asdict
from statistics import median
from typing import Any

import runner
from runner.engine.weights import read_dimensions
from tests.bench.contestants import OURS, Entry
from tests.bench.floors import BESIDE, STAGES, Bytes, stages
from tests.bench.pairs import difference, speed, together
from tests.bench.run import Results
from tests.bench.terms import Terms
from tests.bench.words import Errors

BYTES = {"float32": Bytes(4, 4), "bfloat16": Bytes(2, 2), "float16": Bytes(2, 2), "int8": Bytes(1, 4)}

Row = dict[str, Any]


def summary(results: Results, terms: Terms) -> Row:
    return {
        "version": runner.__version__,
        "model": terms.model,
        "revision": terms.revision,
        "device": terms.device,
        "threads": terms.threads,
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        "sharing": {**asdict(results.sharing), "sentence": results.sharing.sentence()},
        "limits": results.limits,
        "contestants": contestants(results),
        "comparisons": comparisons(results),
        "best": best(results),
        "stages": stage_rows(results, terms),
        "turns": [asdict(turn) for turn in results.turns],
    }


def processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="ignore") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def total(results: Results, name: str, kind: str = "all") -> Errors:
    """Errors of one contestant over all its recordings, the clean or the hard ones."""
    counted = (
        error
        for turn in results.of(name)
        for error, made in zip(turn.errors, turn.kinds, strict=True)
        if kind == "all" or (made == "clean") == (kind == "clean")
    )
    return sum(counted, Errors())


def contestants(results: Results) -> list[Row]:
    """A row each: what it heard, how fast, how well, and what it took."""
    rows = []
    for entry in results.entries:
        turns, loaded = results.of(entry.name), results.loaded[entry.name]
        audio, seconds = sum(turn.audio for turn in turns), sum(turn.seconds for turn in turns)
        first = [turn.first_text for turn in turns if turn.first_text is not None]
        errors = {kind: total(results, entry.name, kind) for kind in ("all", "clean", "hard")}
        rows.append(
            {
                "contestant": entry.name,
                "family": entry.family,
                "about": loaded.about,
                "minutes": audio / 60,
                "seconds": seconds,
                "processor_seconds": sum(turn.processor_seconds for turn in turns),
                "rtfx": audio / seconds,
                "errors": {kind: asdict(counted) for kind, counted in errors.items()},
                "wer": {kind: counted.rate for kind, counted in errors.items()},
                "first_text_seconds": median(first) if first else None,
                "load_seconds": loaded.load_seconds,
                "peak_bytes": loaded.peak_bytes,
            }
        )
    return rows


def compare(results: Results, ours: str, other: str) -> Row | None:
    """One of ours beside one of the others, over the groups that both heard; None where there is none."""
    pairs = together(results.of(ours), results.of(other))
    if not pairs:
        return None
    wer = difference(
        [error for turn, _ in pairs for error in turn.errors],
        [error for _, turn in pairs for error in turn.errors],
    )
    return {"ours": ours, "other": other, "speed": asdict(speed(pairs)), "wer": asdict(wer)}


def comparisons(results: Results) -> list[Row]:
    """A row for each of ours against each of the others."""
    ours = [entry.name for entry in results.entries if entry.is_ours]
    others = [entry.name for entry in results.entries if not entry.is_ours]
    rows = (compare(results, one, other) for one in ours for other in others)
    return [row for row in rows if row]


def best(results: Results) -> list[Row]:
    """Fastest against fastest and most accurate against most accurate, for each other engine."""

    def pace(entry: Entry) -> float:
        turns = results.of(entry.name)
        return sum(turn.seconds for turn in turns) / sum(turn.audio for turn in turns)

    def mistakes(entry: Entry) -> tuple[float, float]:
        return total(results, entry.name).rate, pace(entry)  # of two as accurate the faster

    families: dict[str, list[Entry]] = {}
    for entry in results.entries:
        families.setdefault(entry.family, []).append(entry)
    ours = families.pop(OURS, [])
    rows = []
    for family, entries in families.items():
        for way, key in (("fastest", pace), ("most accurate", mistakes)):
            if ours:
                row = compare(results, min(ours, key=key).name, min(entries, key=key).name)
                rows += [{"family": family, "way": way, **row}] if row else []
    return rows


def stage_rows(results: Results, terms: Terms) -> list[Row]:
    """Our stages, each beside the least that it could take here."""
    if not results.limits:
        return []
    dimensions, rows = read_dimensions(terms.checkpoint), []
    for entry in (entry for entry in results.entries if entry.is_ours):
        turns, work = results.of(entry.name), Counter[str]()
        for turn in turns:
            work.update(turn.work)
        audio = sum(turn.audio for turn in turns)
        sizes = BYTES[results.loaded[entry.name].about["precision"]]
        rows += [
            {"contestant": entry.name, **asdict(stage), "share": stage.share}
            for stage in stages(dimensions, work, audio, results.limits, sizes)
        ]
        spent = sum(turn.seconds for turn in turns)
        told = sum(work[f"seconds {name}"] for name in STAGES if name not in BESIDE)
        rows.append(
            {
                "contestant": entry.name,
                "name": "the rest",  # Python, and lanes that wait for a window
                "seconds": spent - told,
                "floor": None,
                "share": None,
            }
        )
    return rows
