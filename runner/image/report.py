"""The software report of a build, in markdown: what was made, what is in it by which licence, how it was proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner import __version__
from runner.image.sbom import licences
from runner.image.stages import Stage
from runner.image.wheel import Commit
from runner.screen.console import clock
from runner.screen.tables import in_gigabytes

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Build:
    """What a build left: `made` are images by region, or the machine that was set up."""

    made: Mapping[str, str]
    finished: datetime
    packer: str
    commit: Commit
    stages: Sequence[Stage]
    inventory: Mapping[str, Any]
    checks: Sequence[Mapping[str, Any]]
    bill: Mapping[str, Any]


def write_report(build: Build) -> str:
    """The report as markdown."""
    parts = [
        f"# {' and '.join(build.made.values()) or 'A machine'}",
        _summary(build),
        _section("Versions", _table(("what", "version"), _versions(build.inventory))),
        _section("Checks", "\n\n".join(map(_checks, build.checks)) or "No result of the checks was found."),
        _section("Stages", _table(("stage", "time"), _stages(build.stages))),
        _section("Digests (SHA-256)", _table(("what", "digest"), _digests(build.inventory))),
        _section("Python packages", _table(("package", "version", "licence"), _python(build.bill))),
        _section(
            "System packages",
            _table(("package", "version", "held", "licences"), _debian(build.inventory["debian"])),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(build: Build) -> str:
    inventory = build.inventory
    disk = inventory["disk"]
    commit = (build.commit.sha or UNKNOWN) + (
        ", with changes that are in no commit" if build.commit.dirty else ""
    )
    rows = [
        *((region, made) for region, made in build.made.items()),
        ("finished", build.finished.strftime("%Y-%m-%d %H:%M %Z").strip()),
        ("commit", commit),
        ("made by", f"gpu-transcriber {__version__}, Packer {build.packer}"),
        (
            "system",
            f"{inventory['platform']['id']} {inventory['platform']['version']}, kernel {inventory['kernel']}",
        ),
        ("disk", f"{in_gigabytes(disk['bytes'] - disk['free'])} used, {in_gigabytes(disk['free'])} free"),
    ]
    return _table(("", ""), rows)


def _versions(inventory: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    done = inventory.get("setup_complete") or {}
    driver, model = done.get("driver") or {}, done.get("model") or {}
    shown = {
        "kernel": done.get("kernel"),
        "driver": " ".join(filter(None, (driver.get("version"), driver.get("flavour")))) or None,
        "CUDA": done.get("cuda"),
        "cuDNN": done.get("cudnn"),
        "Python": done.get("python"),
        "torch": done.get("torch"),
        "transformers": done.get("transformers"),
        "gpu-transcriber": done.get("project"),
        "model": " ".join(filter(None, (model.get("id"), model.get("style")))) or None,
        "revision of the model": model.get("revision"),
    }
    return [(name, str(value) if value else "none") for name, value in shown.items()]


def _checks(checks: Mapping[str, Any]) -> str:
    rows = [
        (subject, str(counts["passed"]), str(counts["failed"]), str(counts["left_out"]))
        for subject, counts in checks["subjects"].items()
    ]
    rows.append(("all", str(checks["passed"]), str(checks["failed"]), str(len(checks["left_out"]))))
    when = "after the last wipe" if checks.get("sealed") else "on the finished machine"
    text = f"{when[0].upper()}{when[1:]}: {checks['verdict']}, in {checks['seconds']:.0f} s.\n\n"
    text += _table(("subject", "passed", "failed", "left out"), rows)
    if checks["left_out"]:
        text += "\n\n" + _table(
            ("left out", "why"), [(one["name"], one["reason"]) for one in checks["left_out"]]
        )
    measured = [
        (one["name"], ", ".join(f"{name} {value}" for name, value in one["measured"].items()))
        for one in checks["checks"]
        if one.get("measured")
    ]
    return text + ("\n\n" + _table(("check", "measured"), measured) if measured else "")


def _stages(stages: Sequence[Stage]) -> Iterable[tuple[str, str]]:
    rows = [(stage.name, clock(stage.seconds)) for stage in stages]
    return [*rows, ("all", clock(sum(stage.seconds or 0.0 for stage in stages)))]


def _digests(inventory: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    done = inventory.get("setup_complete") or {}
    names = {"wheel_sha256": "our wheel", "lock_sha256": "lock", "venv_sha256": "venv (all RECORD files)"}
    yield from ((text, done.get(name) or UNKNOWN) for name, text in names.items())
    files = (done.get("model") or {}).get("files") or {}
    for name, digest in sorted(files.items()):
        yield f"model: {name}", digest.get("sha256", UNKNOWN) if isinstance(digest, dict) else str(digest)


def _python(bill: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    components = sorted(bill.get("components", []), key=lambda one: one["name"].lower())
    return [(one["name"], one["version"], licences(one) or UNKNOWN) for one in components]


def _debian(packages: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    return [
        (
            one["name"],
            one["version"],
            "held" if one["held"] else "",
            ", ".join(one["licences"][:6]) or UNKNOWN,
        )
        for one in packages
    ]


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)
