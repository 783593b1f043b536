"""What this machine has and lacks for a local transcription, and how to mend what it lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial

from runner.doctor.disk import disk
from runner.doctor.engine import engine, needed_cuda
from runner.doctor.finding import Finding
from runner.doctor.gpu import gpus
from runner.doctor.machine import machine
from runner.doctor.models import models
from runner.doctor.reach import authorities, proxy
from runner.doctor.rental import aws, packer
from runner.door.side_by_side import side_by_side
from runner.errors import UsageError
from runner.knobs import describe, unknown_variables
from runner.screen.tables import print_json, print_line, print_table
from runner.settings import Settings, load_settings, settings_file

PATIENCE = 6.0  # seconds for everything; a part that hangs longer is reported and left behind
STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def report(as_json: bool = False) -> int:
    """Print the findings on stdout; returns 0 where a local transcription can run, else 1."""
    findings = list(examine())
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        print_json({"can_transcribe": not problems, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(finding.state, finding.subject, _told(finding)) for finding in findings]
        print_table(("", "What", "Found"), rows, [STYLES[finding.state] for finding in findings])
        things = "the problem" if problems == 1 else f"the {problems} problems"
        print_line()
        print_line(
            f"A local transcription cannot run before {things} above."
            if problems
            else "A local transcription can run."
        )
    return 1 if problems else 0


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which they are shown; the parts look at the machine side by side."""
    found, settings = _settings()
    parts: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("machine", machine),
        ("settings", lambda: found),
        ("engine", engine),
        ("gpu", lambda: gpus(needed_cuda())),
        ("models", lambda: models(settings)),
        ("network", lambda: (proxy(), authorities())),
        ("disk", lambda: disk(settings)),
        ("renting", lambda: (aws(), packer(settings.packer))),
    ]
    looks = [partial(_look, subject, part) for subject, part in parts]
    answers = side_by_side(looks, time.monotonic() + PATIENCE)
    for (subject, _), findings in zip(parts, answers, strict=True):
        if findings is None:
            yield Finding(subject, "note", f"no answer in {PATIENCE:.0f} s", "Run doctor again.")
        else:
            yield from findings


def _look(subject: str, part: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of a part, with those that came before a fault."""
    findings: list[Finding] = []
    try:
        findings.extend(part())
    except Exception as error:  # noqa: BLE001 - one part that breaks must not hide what the others found
        findings.append(Finding(subject, "note", f"could not be examined ({type(error).__name__}: {error})"))
    return findings


def _settings() -> tuple[list[Finding], Settings]:
    """The settings in force, or the defaults and what is wrong with what was set."""
    try:
        settings = load_settings()
    except UsageError as error:
        mend = "Mend it, or remove it to get the default."
        return [Finding("settings", "problem", str(error), mend)], Settings.model_construct()
    changed = [f"{knob.name} from {knob.origin}" for knob in describe(settings) if knob.origin != "default"]
    path = settings_file()
    found = f"{path}{'' if path.is_file() else ' (there is none)'}; {', '.join(changed) or 'all defaults'}"
    findings = [Finding("settings", "ok", found)]
    for name, meant in unknown_variables().items():
        mend = f"Did you mean {meant}?" if meant else "See `./invoke settings`."
        findings.append(Finding("settings", "note", f"{name} is no setting and does nothing", mend))
    return findings, settings


def _told(finding: Finding) -> str:
    return f"{finding.found}\n→ {finding.mend}" if finding.mend else finding.found
