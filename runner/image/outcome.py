"""What became of a build: images noted and documents written, or in a sentence where it ended and what it left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.cloud.account import Account
from runner.cloud.leftovers import leftovers
from runner.door.install import ROOT
from runner.door.packer import Packer
from runner.errors import ImageFailed, TranscriberError
from runner.image import ami_id
from runner.image.plan import Plan
from runner.image.report import Build, write_report
from runner.image.sbom import make_sbom
from runner.image.stages import Course
from runner.image.telling import Telling
from runner.quoting import quoted
from runner.screen.tables import print_line

MANIFEST, INVENTORY = "manifest.json", "inventory.json"
CHECKS = ("checks.json", "checks-sealed.json")  # before the last wipe, and after it
GAPS = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # what a file of the machine's that lacks something raises
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
    """Note and print what was made, then write the documents: no fault of theirs unmakes it."""
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
    for region, image in images.items():
        print_line(f"{region} {image}")
    if host is not None:
        print_line(f"{done.plan.order.host} is set up")
    checked = [result for name in CHECKS if (result := _read(done, name)) is not None]
    _write_documents(done, images or {"machine": str(done.plan.order.host)}, checked)
    done.telling.course(done.course.stages)
    with _warned(done, "The results of the checks"):
        _tell_checks(done, checked)
    done.telling.say(f"Report, bill of materials, checks and log are in {near(done.folder)}.")
    return 0


def _tell_checks(done: Finished, checked: list[dict[str, Any]]) -> None:
    if checked:
        passed = sum(result["passed"] for result in checked)
        left_out = sum(len(result["left_out"]) for result in checked)
        done.telling.say(f"Checks: {passed} passed, {left_out} left out.")


def _images(done: Finished) -> dict[str, str]:
    """The images by region, as the manifest has them: region:ami-…, commas between."""
    manifest = _read(done, MANIFEST) or {}
    ids = [build.get("artifact_id", "") for build in manifest.get("builds", [])[-1:]]
    found = ids if any(":ami-" in one for one in ids) else done.course.artifacts
    pairs = [one.strip().split(":", 1) for text in found for one in text.split(",") if ":ami-" in one]
    return dict(pairs)


def _write_documents(done: Finished, made: dict[str, str], checked: list[dict[str, Any]]) -> None:
    """The bill of materials and the report; what they lack is told, and no reason to have failed."""
    inventory = _read(done, INVENTORY)
    if inventory is None:
        done.telling.warn("the machine's inventory is missing, so there is no report.")
        return
    bill: dict[str, Any] = {}
    with _warned(done, "The bill of materials"):
        bill = _bill(done.plan, inventory)
        (done.folder / BILL).write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    with _warned(done, "The report"):
        now = datetime.now().astimezone()
        version, commit, stages = done.packer.version, done.plan.commit, done.course.stages
        text = write_report(Build(made, now, version, commit, stages, inventory, checked, bill))
        (done.folder / REPORT).write_text(text, encoding="utf-8")


def _bill(plan: Plan, inventory: dict[str, Any]) -> dict[str, Any]:
    lock = plan.versions.lock(plan.flavour, inventory["platform"]["id"])
    wheel = (inventory.get("setup_complete") or {}).get("wheel_sha256")
    wheels = {"gpu-transcriber": wheel} if wheel else {}
    return make_sbom(inventory["python"], lock if lock.is_file() else None, wheels)


@contextlib.contextmanager
def _warned(done: Finished, document: str) -> Iterator[None]:
    """Tell of a document that could not be made, and go on: what it is about is there all the same."""
    try:
        yield
    except (TranscriberError, OSError) as error:
        done.telling.warn(f"{document} could not be made: {quoted(str(error)).rstrip('.')}.")
    except GAPS as error:
        fault = f"{type(error).__name__}: {error}"
        done.telling.warn(f"{document} could not be made of what the machine said ({fault}).")


def _read(done: Finished, name: str) -> dict[str, Any] | None:
    """A file that the build left, and None where it left none; one that cannot be read is told."""
    try:
        content = json.loads((done.folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        done.telling.warn(f"{near(done.folder / name)} cannot be read ({error}).")
        return None
    if not isinstance(content, dict):
        done.telling.warn(f"{near(done.folder / name)} is not as it should be: it holds no object.")
        return None
    return content


def failure(prepared: Plan, course: Course, log: Path) -> ImageFailed:
    """The exception for a build that ended badly: where, why, and what is left."""
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
        why = quoted(said).rstrip(".")
        return f"{course.task}: {why}" if course.task else why
    return quoted(course.errors[0]).rstrip(".") if course.errors else ""


def what_is_left(prepared: Plan, course: Course) -> str:
    """What is left of the build, looked for and not assumed."""
    if prepared.host is not None:
        return "The machine is as that stage left it; running this again goes on from there."
    try:
        left = leftovers(Account(prepared.region), course.made, str(prepared.commit))
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
