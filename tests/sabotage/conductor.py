"""A pytest plugin that runs the checks again and again over one connection: whole, then broken in one way at a time.

    python -m tests.sabotage --hosts=ssh://user@host [--ssh-config FILE] [--only WORDS] [--widely]

Only a machine that says of itself that it is disposable is broken. The checks are collected once, and those of a
sabotage's subjects run after it; with --widely all others too, but for those that transcribe.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.image.machine import Machine
from tests.image.selection import HOST, name_of, subject
from tests.sabotage import access, environment, product, system
from tests.sabotage.sabotage import Outcome, Sabotage, judge

ALL: tuple[Sabotage, ...] = (
    *product.LAYOUT, *environment.PYTHON, *product.MODEL_BROKEN, *product.WARM_UP, *system.PACKAGES, *system.SERVICE,
    *access.SSH, *access.ACCOUNTS, *access.NETWORK, *access.INTRUDER, *system.TRACES, *system.HEARING, *system.BOOT,
)  # fmt: skip
TRANSCRIBES = "performance"
# Checks that start the whole program: they run where a sabotage names them, and before and after all.
LONG = {
    "test_everything_that_the_product_imports_can_be_imported",
    "test_program_finds_the_model_without_a_network",
    "test_program_says_its_version",
    "test_server_starts_only_where_there_is_one",
    "test_the_one_entry_can_be_run",
    "test_what_is_killed_is_started_again",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sabotage")
    group.addoption("--sabotage-json", metavar="FILE", help="write what was done and what the checks said")
    group.addoption("--only", metavar="WORDS", default="", help="only sabotages whose name has these words")
    group.addoption(
        "--widely", action="store_true", help="run every check after each, not only those of the subject"
    )


class Conductor:
    """The items of one session, by subject, and the machine that they are about."""

    def __init__(self, session: pytest.Session) -> None:
        from tests.image.plugin import machine_of  # pytest loads it as a plugin, and must be the first to

        self.items = session.items
        (host,) = {item.callspec.params[HOST] for item in self.items}  # type: ignore[attr-defined]
        self.machine: Machine = machine_of(session.config, host)
        self.widely: bool = session.config.getoption("--widely")

    def reds(self, subjects: Iterable[str], long: Iterable[str] = LONG) -> dict[str, str]:
        """Run the checks of these subjects and return those that are red, by name, with their first line.

        Of the long ones only those of `long` run.
        """
        self.machine.forget()
        left_out = LONG - set(long)
        wanted = [
            item
            for item in self.items
            if self._wanted(subject(item), tuple(subjects)) and name_of(item) not in left_out
        ]
        found: dict[str, str] = {}
        for item, following in zip(wanted, [*wanted[1:], None], strict=True):
            for report in runtestprotocol(item, log=False, nextitem=following):
                if not report.passed:
                    found.setdefault(name_of(item), _first_line(report))
        return found

    def _wanted(self, name: str, subjects: tuple[str, ...]) -> bool:
        return name in subjects or (self.widely and name != TRANSCRIBES)

    def sabotage(self, sabotage: Sabotage) -> Outcome:
        """Break the machine in one way, see what the checks say, and undo it."""
        start = time.perf_counter()
        broken = self.machine.run(sabotage.breaking)
        complaint = f"{broken.stderr.strip()} (code {broken.rc})" if broken.rc else ""
        try:
            long = LONG if self.widely else (*sabotage.reds, *sabotage.also)
            reds = {} if complaint else self.reds(sabotage.subjects, long)
        finally:
            self.machine.run(sabotage.mending)
        return judge(sabotage, reds, time.perf_counter() - start, complaint)


def pytest_runtestloop(session: pytest.Session) -> bool:
    from tests.image.plugin import REPORT

    if session.testsfailed or not session.items:
        raise session.Interrupted("the checks could not be collected")
    del session.config.stash[REPORT]  # no verdict over a machine that is broken on purpose
    conductor = Conductor(session)
    if not conductor.machine.declared["disposable"]:
        raise pytest.UsageError(
            f"{conductor.machine.name} is not disposable: only a machine that is ours is broken"
        )
    words = session.config.getoption("--only")
    chosen = [sabotage for sabotage in ALL if words in sabotage.name]
    if not chosen:
        raise pytest.UsageError(f"--only={words}: no sabotage has these words in its name")
    subjects = {name for sabotage in chosen for name in sabotage.subjects} - {TRANSCRIBES}
    before = conductor.reds(subjects)
    outcomes = [] if before else [_told(conductor.sabotage(sabotage)) for sabotage in chosen]
    after = {} if before else conductor.reds(subjects)
    for when, reds in (("before", before), ("after", after)):
        for name, why in reds.items():
            print(f"RED {when} any sabotage: {name}: {why}")
    if file := session.config.getoption("--sabotage-json"):
        content = {"before": before, "outcomes": [asdict(outcome) for outcome in outcomes], "after": after}
        Path(file).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    caught = sum(outcome.caught for outcome in outcomes)
    print(f"{caught} of {len(chosen)} sabotages were caught by the checks that should catch them")
    session.testsfailed = len(chosen) - caught + len(before) + len(after)
    return True


def _told(outcome: Outcome) -> Outcome:
    print(
        f"{'caught' if outcome.caught else 'NOT CAUGHT':10} {outcome.seconds:5.1f} s  {outcome.name}",
        flush=True,
    )
    for words, names in (("missed", outcome.missed), ("red too", outcome.strange)):
        for name in names:
            print(f"             {words}: {name}: {outcome.why.get(name, '')}")
    if outcome.complaint:
        print(f"             could not be done: {outcome.complaint}")
    return outcome


def _first_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).strip().partition("\n")[0]
