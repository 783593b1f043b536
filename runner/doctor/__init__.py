"""What this machine has and lacks for a local transcription, and how to mend what it lacks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from queue import Empty, SimpleQueue

from runner.doctor.disk import disk
from runner.doctor.engine import engine, needed_cuda
from runner.doctor.finding import Finding
from runner.doctor.gpu import gpus
from runner.doctor.machine import machine
from runner.doctor.models import models
from runner.doctor.reach import authorities, proxy
from runner.doctor.rental import aws, packer
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
        ("renting", lambda: (aws(), packer())),
    ]
    end = time.monotonic() + PATIENCE
    answers = [_begin(subject, part) for subject, part in parts]
    for (subject, _), answer in zip(parts, answers, strict=True):
        try:
            yield from answer.get(timeout=max(0.01, end - time.monotonic()))
        except Empty:
            yield Finding(subject, "note", f"no answer in {PATIENCE:.0f} s", "Run doctor again.")


def _begin(subject: str, part: Callable[[], Iterable[Finding]]) -> SimpleQueue[list[Finding]]:
    """Examine `part` in a thread that dies with the program, so that nothing that hangs holds up the rest."""
    answer: SimpleQueue[list[Finding]] = SimpleQueue()

    def look() -> None:
        findings: list[Finding] = []
        try:
            findings.extend(part())  # keeps what came before a fault
        except Exception as error:  # noqa: BLE001 - one part that breaks must not hide what the others found
            findings.append(
                Finding(subject, "note", f"could not be examined ({type(error).__name__}: {error})")
            )
        answer.put(findings)

    threading.Thread(target=look, daemon=True).start()
    return answer


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
