"""The story of a build: asked, looked into, built by Packer, and what came of it written down."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runner.cloud.account import Account
from runner.door.install import ROOT
from runner.door.packer import Packer
from runner.errors import CannotStart, Interrupted, PreflightFailed, TranscriberError, UsageError
from runner.image.host import find_host, look, plan
from runner.image.order import Order, new_folder
from runner.image.outcome import LOG, Finished, failure, file, near, what_is_left
from runner.image.packer import Installed, run_packer
from runner.image.plan import Plan, variables
from runner.image.preflight import Finding, checks, distinct, examine
from runner.image.stages import Course, Line
from runner.image.telling import Telling
from runner.image.template import read_template
from runner.image.versions import read_versions
from runner.image.wheel import read_commit
from runner.interruption import Signals, Stop
from runner.screen.question import ask, can_ask
from runner.settings import load_settings

ATTEMPTS = 6  # at a machine where AWS has none to give: each draws a zone anew


def bake(order: Order) -> int:
    """Make an image, or set up the host; returns the exit code.

    Raises UsageError, CannotStart, PreflightFailed before a build; ImageFailed, Interrupted after one began.
    """
    order.refuse_nonsense()
    telling = Telling()
    with tempfile.TemporaryDirectory(prefix="gpu-transcriber-image-") as temporary:
        prepared = _prepare(order, telling, Path(temporary))
        if order.check:
            telling.say("A build could begin.")
            return 0
        _agree(order, prepared)
        folder = new_folder(datetime.now().astimezone())
        wheel = Path(shutil.move(next(Path(temporary).glob("*.whl")), folder))
    return _build(prepared, folder, wheel, telling)


def _prepare(order: Order, telling: Telling, folder: Path) -> Plan:
    """Look at everything that a build leans on, and tell it; raises PreflightFailed with all that is wrong."""
    begun = time.monotonic()
    settings = load_settings({"region": order.region})
    host, seen, region = None, None, ""
    refused: list[Finding] = []
    if order.host is not None:
        host = find_host(order.host, order.ssh_config)
        try:
            seen = look(host)
        except CannotStart as error:
            refused.append(Finding("machine", False, str(error)))
    else:
        try:
            region = Account(settings.region).region
        except TranscriberError as error:
            region = settings.region
            refused.append(Finding("credentials", False, str(error)))
    prepared = Plan(
        order,
        read_versions(),
        read_template(order.template),
        Installed(settings.packer),
        read_commit(),
        region,
        host,
        seen,
    )
    if host is not None:
        asked = {"take_over": order.take_over, "disposable": order.disposable}
        for line in plan(host, seen, gpu=prepared.gpu, model=prepared.model, **asked):
            telling.say(line)
    names = {finding.name for finding in refused}
    wanted = [check for check in checks(prepared, folder) if check[0] not in names]
    findings = distinct([*refused, *examine(wanted, begun)])
    telling.findings(findings)
    failures = tuple(finding.text for finding in findings if not finding.passed)
    if failures:
        number = "what is told" if len(failures) == 1 else f"the {len(failures)} things"
        raise PreflightFailed(
            f"Nothing was begun: mend {number} above, then run this again.", failures=failures
        )
    return prepared


def _agree(order: Order, prepared: Plan) -> None:
    """Ask before a machine is taken over; raises UsageError where nobody can be asked."""
    if order.yes or prepared.host is None or not (order.take_over or order.disposable):
        return
    if not can_ask():
        raise UsageError(
            "--take-over and --disposable change how one gets into the machine: add --yes to agree to the plan."
        )
    if not ask("Go on?"):
        raise CannotStart("Nothing was begun.")


def _build(prepared: Plan, folder: Path, wheel: Path, telling: Telling) -> int:
    packer = prepared.packer.packer()
    course = Course()
    log = folder / LOG
    runs = Runs(packer, log, course, telling)
    words = [f"-var={name}={value}" for name, value in variables(prepared, folder, wheel).items()]
    template = str(prepared.order.template)
    telling.say(f"Building; everything goes to {near(folder)} as well.")
    try:
        with Signals() as signals:
            code = 0
            if prepared.template.plugins:
                course.enter("plugins")
                code = runs.run(["init", template])
            if code == 0:
                code = runs.build(["-color=false", *words, template])
            signals.check()
    except Stop as stop:
        left = what_is_left(prepared, course)
        message = f"Ended early by {stop.signal.name} at the stage {course.failed_in or course.stage}. {left}"
        raise Interrupted(stop.signal, f"{message} Every line is in {near(log)}.") from None
    if code:
        telling.course(course.stages)
        raise failure(prepared, course, log)
    return file(Finished(prepared, packer, course, folder, telling))


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of Packer that share a log and a course."""

    packer: Packer
    log: Path
    course: Course
    telling: Telling

    def run(self, words: Sequence[str]) -> int:
        """One of them, to its end."""
        with self.log.open("a", encoding="utf-8") as log:
            return run_packer(
                self.packer,
                words,
                folder=ROOT,
                course=self.course,
                log=log,
                see=self._see,
                interrupted=self._interrupted,
            )

    def build(self, words: Sequence[str]) -> int:
        """Build; where AWS has no machine to give in one zone, in another that the template draws."""
        for attempt in range(1, ATTEMPTS + 1):
            code = self.run(["build", *words])
            if code == 0 or not self.course.lacks_capacity or attempt == ATTEMPTS:
                break
            self.telling.say(
                f"AWS has no machine of that type there; again, in any zone ({attempt + 1} of {ATTEMPTS}).",
                "yellow",
            )
            self.course.begin_again()
        return code

    def _see(self, line: Line, began: bool) -> None:
        if began:
            self.telling.stage(self.course.stages)
        self.telling.line(line)

    def _interrupted(self) -> None:
        self.course.failed_in = self.course.failed_in or self.course.stage
        self.telling.say("Ending early: Packer takes down what it put up; wait for it.", "yellow")
