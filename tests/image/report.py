"""What the checks found: a table by subject, checks.json, and whether all of it is a proof."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from .selection import MARKERS, LeftOut, name_of, subject

SCHEMA = 1
_MARKERS = {name.partition("(")[0] for name in MARKERS}


@dataclass
class Check:
    """One check on one machine; `measured` is what it told of the machine, by name with the unit at its end."""

    name: str
    subject: str
    host: str
    markers: list[str]
    outcome: str = "not run"
    seconds: float = 0.0
    measured: dict[str, Any] = field(default_factory=dict)
    message: str | None = None

    @property
    def sentence(self) -> str:
        return self.name.removeprefix("test_").replace("_", " ")


class Report:
    """Gathers outcomes; `close` says whether they amount to a proof."""

    def __init__(self, hosts: list[str], *, sealed: bool) -> None:
        self.hosts = hosts
        self.sealed = sealed
        self.started_at = datetime.now(timezone.utc)
        self.left_out: list[LeftOut] = []
        self.gpu_not_run: list[str] = []
        self.declared: dict[str, dict[str, Any]] = {}
        self.why: list[str] = []
        self._clock = time.perf_counter()
        self._seconds = 0.0
        self.checks_by_id: dict[str, Check] = {}

    def leave_out(self, left_out: LeftOut) -> None:
        self.left_out.append(left_out)

    def expect(self, item: pytest.Item, host: str) -> None:
        """Know of a check before it runs: one that then does not run is missed."""
        name = name_of(item)
        markers = sorted({mark.name for mark in item.iter_markers()} & _MARKERS)
        self.checks_by_id[item.nodeid] = Check(name, subject(item), host, markers)

    def note(self, report: pytest.TestReport) -> None:
        """Take in one phase of a check; a check is as good as its worst phase."""
        check = self.checks_by_id[report.nodeid]
        check.seconds += report.duration
        check.measured.update(dict(report.user_properties))
        if report.outcome != "passed":
            check.outcome = report.outcome
            check.message = _first_line(report)
        elif report.when == "call" and check.outcome == "not run":
            check.outcome = "passed"

    def close(self) -> None:
        """Say why the run proves nothing, where no single check says it."""
        self._seconds = time.perf_counter() - self._clock
        if not self.count("passed") + self.count("failed"):
            self.why.append("no check ran")
        if idle := [check.name for check in self.checks if check.outcome in ("skipped", "not run")]:
            self.why.append(f"{len(idle)} checks did not run: {', '.join(idle)}")
        if self.gpu_not_run:
            number = len(self.gpu_not_run)
            self.why.append(f"{number} checks of the GPU were not asked for on a machine that declares one")

    @property
    def checks(self) -> list[Check]:
        return list(self.checks_by_id.values())

    @property
    def green(self) -> bool:
        return not self.why and all(check.outcome == "passed" for check in self.checks)

    def count(self, outcome: str, subject: str | None = None) -> int:
        return sum(check.outcome == outcome and subject in (None, check.subject) for check in self.checks)

    def subjects(self) -> dict[str, dict[str, float]]:
        """By subject, in the order of the alphabet: how many passed, failed and were left out, and seconds."""
        names = sorted({check.subject for check in self.checks} | {left.subject for left in self.left_out})
        return {
            name: {
                "passed": self.count("passed", name),
                "failed": sum(check.subject == name and check.outcome != "passed" for check in self.checks),
                "left_out": sum(left.subject == name for left in self.left_out),
                "seconds": round(sum(check.seconds for check in self.checks if check.subject == name), 3),
            }
            for name in names
        }

    def write(self, file: Path) -> None:
        """Write checks.json."""
        content = {
            "schema": SCHEMA,
            "hosts": self.hosts,
            "sealed": self.sealed,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "seconds": round(self._seconds, 3),
            "passed": self.count("passed"),
            "failed": sum(check.outcome != "passed" for check in self.checks),
            "verdict": "green" if self.green else "red",
            "why": self.why,
            "left_out": [asdict(left) for left in self.left_out],
            "subjects": self.subjects(),
            "checks": [{**asdict(check), "seconds": round(check.seconds, 4)} for check in self.checks],
            "declared": self.declared,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def show(self, terminal: pytest.TerminalReporter) -> None:
        """Print what a person wants to know at three in the morning."""
        terminal.section("checks, by subject")
        terminal.write_line(f"{'':14}{'passed':>8}{'failed':>8}{'left out':>10}{'seconds':>9}")
        for name, row in self.subjects().items():
            words = f"{name:14}{row['passed']:8}{row['failed']:8}{row['left_out']:10}{row['seconds']:9.1f}"
            terminal.write_line(words, red=bool(row["failed"]))
        total = f"{'all':14}{self.count('passed'):8}{self.count('failed'):8}{len(self.left_out):10}"
        terminal.write_line(f"{total}{self._seconds:9.1f}")
        if measured := [check for check in self.checks if check.measured]:
            terminal.section("measured")
        for check in measured:
            shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in check.measured.items())
            terminal.write_line(f"{check.subject}: {shown}")
        if self.left_out:
            terminal.section("left out")
        for reason in sorted({left.reason for left in self.left_out}):
            names = [left.name.removeprefix("test_") for left in self.left_out if left.reason == reason]
            terminal.write_line(f"{len(names)} because {reason}: {', '.join(names)}")
        for check in self.checks:
            if check.outcome != "passed":
                terminal.write_line(f"RED {check.subject}: {check.sentence}: {check.message}", red=True)
        for sentence in self.why:
            terminal.write_line(f"RED {sentence}", red=True)


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr)
    return text.strip().splitlines()[0].removeprefix("AssertionError: ") if text.strip() else report.outcome
