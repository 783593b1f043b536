"""What became of a build: images noted and documents written, or in a sentence where it ended and what it left."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.cloud.account import Account
from runner.cloud.leftovers import leftovers
from runner.door.install import ROOT
from runner.errors import ImageFailed, TranscriberError
from runner.image import ami_id
from runner.image.packer import Packer
from runner.image.plan import Plan
from runner.image.report import Build, write_report
from runner.image.sbom import make_sbom
from runner.image.stages import Course
from runner.image.telling import Telling
from runner.image.wheel import commit, git_state
from runner.screen.tables import print_line

MANIFEST, INVENTORY = "manifest.json", "inventory.json"
CHECKS = ("checks.json", "checks-sealed.json")  # before the last wipe, and after it
REPORT, BILL, LOG = "report.md", "sbom.cdx.json", "packer.log"


@dataclass(frozen=True, slots=True)
class Finished:
    """A build that went well, not written down yet."""

    plan: Plan
    packer: Packer
    course: Course
    folder: Path
    telling: Telling


def file(done: Finished) -> int:
    """Write down what came of the build, and print it."""
    host = done.plan.host
    images = _images(done)
    if host is None:
        if not images:
            raise ImageFailed(
                f"Packer ended well and named no image: see {near(done.folder / LOG)}.",
                stage="manifest",
                log=done.folder / LOG,
            )
        ami_id.write(images)
    checked = [result for name in CHECKS if (result := _read(done.folder / name)) is not None]
    _write_documents(done, images or {"machine": str(done.plan.order.host)}, checked)
    done.telling.course(done.course.stages)
    if checked:
        passed, left_out = (
            sum(result["passed"] for result in checked),
            sum(len(result["left_out"]) for result in checked),
        )
        done.telling.say(f"Checks: {passed} passed, {left_out} left out.")
    done.telling.say(f"Report, bill of materials, checks and log are in {near(done.folder)}.")
    for region, image in images.items():
        print_line(f"{region} {image}")
    if host is not None:
        print_line(f"{done.plan.order.host} is set up")
    return 0


def _images(done: Finished) -> dict[str, str]:
    """The images by region, as the manifest has them: region:ami-…, commas between."""
    manifest = _read(done.folder / MANIFEST) or {}
    ids = [build.get("artifact_id", "") for build in manifest.get("builds", [])[-1:]]
    found = ids if any(":ami-" in one for one in ids) else done.course.artifacts
    pairs = [one.strip().split(":", 1) for text in found for one in text.split(",") if ":ami-" in one]
    return dict(pairs)


def _write_documents(done: Finished, made: dict[str, str], checked: list[dict[str, Any]]) -> None:
    """The report and the bill of materials; what they lack is told, and no reason to have failed."""
    inventory = _read(done.folder / INVENTORY)
    if inventory is None:
        done.telling.say("warning: the machine's inventory is missing, so there is no report.", "yellow")
        return
    lock = done.plan.versions.lock(done.plan.flavour, inventory["platform"]["id"])
    wheel = (inventory.get("setup_complete") or {}).get("wheel_sha256")
    bill = make_sbom(
        inventory["python"], lock if lock.is_file() else None, {"gpu-transcriber": wheel} if wheel else {}
    )
    (done.folder / BILL).write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    sha, dirty = git_state()
    now = datetime.now().astimezone()
    stages = done.course.stages
    build = Build(made, now, done.packer.version, sha, dirty, stages, inventory, checked, bill)
    (done.folder / REPORT).write_text(write_report(build), encoding="utf-8")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def failure(prepared: Plan, course: Course, log: Path) -> ImageFailed:
    stage = course.failed_in or course.stage or "start"
    why = _why(course)
    made = "The image was not made" if prepared.host is None else f"{prepared.order.host} was not set up"
    sentence = (
        f"{made}: it ended at the stage {stage}{f' ({why})' if why else ''}. {what_is_left(prepared, course)}"
    )
    return ImageFailed(f"{sentence} Every line is in {near(log)}.", stage=stage, log=log)


def _why(course: Course) -> str:
    """The reason in a few words: Ansible's for the task that failed, else Packer's."""
    if course.fatal:
        said = course.fatal
        with contextlib.suppress(ValueError):
            said = str(json.loads(said).get("msg") or said)
        return f"{course.task}: {_short(said)}" if course.task else _short(said)
    return _short(course.errors[0]) if course.errors else ""


def _short(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= 300 else f"{text[:300]}…"


def what_is_left(prepared: Plan, course: Course) -> str:
    """What is left of the build, looked for and not assumed."""
    if prepared.host is not None:
        return "The machine is as that stage left it; running this again goes on from there."
    try:
        left = leftovers(Account(prepared.region), course.made, commit())
    except TranscriberError as error:
        names = ", ".join(name for names in course.made.values() for name in names) or "packer_*"
        return f"Whether anything is left in AWS could not be learnt ({error}) Look for {names} in {prepared.region}."
    if left:
        return f"Left in {prepared.region}, to be removed by hand: {', '.join(left)}."
    kinds = "machine, volume, image, key pair, security group or launch template"
    return f"Nothing is left in {prepared.region}: no {kinds}."


def near(path: Path) -> Path:
    """A path as a person in the checkout would type it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
