"""Which checks run on which machine, and by which name and reason a check is left out. Nothing is left out silently."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .machine import Machine

HOST = "_testinfra_host"  # testinfra's own name for the machine among the parameters of a check
MARKERS = {
    "static": "looks at what lies on the disk",
    "gpu": "needs the GPU; left out, by name, on a machine that declares none",
    "boot": "is about how the machine started",
    "security": "is about who may do what",
    "hygiene": "is about what must not be there",
    "performance": "measures",
    "sealed": "is true only right after sysprep; run with --sealed",
    "ours": "is about what is set up only on a machine that was handed over",
    "on(platform)": "is about one of ubuntu and debian",
    "needs_machine(*needs)": "what not every machine has: own kernel, own clock, own sysctl, raised limits, "
    "cgroup limits, EC2",
}


@dataclass(frozen=True)
class LeftOut:
    """A check that does not apply to a machine, and why."""

    name: str
    subject: str
    host: str
    reason: str


def subject(item: pytest.Item) -> str:
    """What a check is about: the name of its file."""
    return item.path.stem.removeprefix("test_").replace("_", "-")


def name_of(item: pytest.Item) -> str:
    """The name of a check with its parameters, but for the machine."""
    name: str = getattr(item, "originalname", item.name)
    parameters = getattr(item, "callspec", None)
    rest = [str(value) for key, value in parameters.params.items() if key != HOST] if parameters else []
    return f"{name}[{'-'.join(rest)}]" if rest else name


def reason_to_leave_out(item: pytest.Item, machine: Machine, *, sealed: bool) -> str:
    """Why a check does not apply to a machine, or an empty string."""
    if item.get_closest_marker("sealed") and not sealed:
        return "true only right after sysprep (--sealed)"
    if item.get_closest_marker("gpu") and not machine.gpu:
        return "the machine declares no GPU"
    if item.get_closest_marker("ours") and not machine.ours:
        return "the machine was not handed over: kernel, driver and security are its owner's"
    platforms = [name for mark in item.iter_markers("on") for name in mark.args]
    if platforms and machine.facts.platform not in platforms:
        return f"only on {' and '.join(platforms)}"
    needs = [need for mark in item.iter_markers("needs_machine") for need in mark.args]
    return next((lack for lack in map(machine.lacks, needs) if lack), "")


def wanted_when_sealed(item: pytest.Item) -> bool:
    """Whether a check is one of those that run right after sysprep."""
    return bool(item.get_closest_marker("sealed") or item.get_closest_marker("hygiene"))
