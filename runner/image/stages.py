"""Where a build is: Packer's machine-readable lines → what a person reads, the stage at hand, and how long each took.

A stage begins with a line `stage: NAME` that the template prints, with Ansible's first task of a role, or with one of
Packer's own steps.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# What Packer says as it goes → the stage that begins there. The first that matches counts.
STEPS = (
    (r"Prevalidating|Found Image ID", "base image"),
    (
        r"Creating temporary (keypair|security group)|Launching a source AWS instance|Requesting spot",
        "launch",
    ),
    (r"Waiting for SSH|Using SSH communicator", "ssh"),
    (r"Stopping the source instance|Waiting for the instance to stop", "stop"),
    (r"Creating AMI|Waiting for AMI to become ready", "snapshot"),
    (r"Copying .*to other regions|Copying/Encrypting AMI|Copying AMI", "copies"),
    (r"Adding tags to AMI|Modifying attributes on|Enabling (deprecation|deregistration)", "tags"),
    (r"Terminating the source AWS instance|Cleaning up any extra volumes|Deleting temporary", "clean-up"),
)
CLEAN_UP = "clean-up"
VALIDATION = "Validating arguments"  # Ansible does so for every role, also for those that a tag leaves out
# AWS's names for having no machine of a type in a zone; nothing else is worth another try.
CAPACITY = ("InsufficientInstanceCapacity", "UnfulfillableCapacity", "capacity-not-available")
_STEPS = [(re.compile(pattern), stage) for pattern, stage in STEPS]
_MARKER = re.compile(r"(?:^|: +)stage: ([\w +,-]+?)\s*$")
_TASK = re.compile(r"TASK \[(?:(\w+) : )?([^\]]+)\]")
_FATAL = re.compile(r"(?:fatal|failed): \[[^\]]*\].*?(?:=> )?(\{.*)?$")
_BROKEN = re.compile(r"Provisioning step had errors|^Build '.*' errored after")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MADE = {
    "instance": re.compile(r"Instance ID: (i-[0-9a-f]+)"),
    "key pair": re.compile(r"Creating temporary keypair: (\S+)"),
    "security group": re.compile(
        r"(?:Found|Created|Creating temporary) security group[^:]*: (sg-[0-9a-f]+|packer_\S+)"
    ),
    "image": re.compile(r"AMI: (ami-[0-9a-f]+)"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of Packer's: `kind` is say, message or error where a person should read it, else artifact, fault, …"""

    kind: str
    text: str
    data: tuple[str, ...] = ()


@dataclass(slots=True)
class Stage:
    """A stretch of the build; seconds since its beginning, running until `end` is set."""

    name: str
    begin: float
    end: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.end is None else self.end - self.begin


@dataclass(slots=True)
class Course:
    """The course of a build, told line by line; `clock` is in seconds."""

    clock: Callable[[], float] = time.monotonic
    stages: list[Stage] = field(default_factory=list)
    made: dict[str, list[str]] = field(default_factory=dict)  # what Packer made in AWS, by kind
    artifacts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed_in: str = ""
    task: str = ""  # Ansible's, at hand
    fatal: str = ""  # what Ansible said of the task that failed

    @property
    def stage(self) -> str:
        """The stage at hand; empty before the first."""
        return self.stages[-1].name if self.stages else ""

    def enter(self, name: str) -> bool:
        """Begin a stage, unless it is the one at hand; returns whether it is another."""
        if name == self.stage:
            return False
        now = self.clock()
        self._close(now)
        self.stages.append(Stage(name, now))
        return True

    def take(self, raw: str) -> tuple[Line | None, bool]:
        """Read one line of Packer's; returns it, if a person should see it, and whether it began a stage."""
        line = parse(raw)
        if line is None:
            return None, False
        if line.kind == "artifact":
            if len(line.data) > 2 and line.data[1] == "id":
                self.artifacts.append(line.data[2])
            return None, False
        if line.kind == "fault":
            self.errors.append(line.text.strip())
            return None, False
        if line.kind not in ("say", "message", "error"):
            return None, False
        for kind, pattern in _MADE.items():
            self.made.setdefault(kind, []).extend(pattern.findall(line.text))
        self._note_failure(line)
        name = self._begun_by(line.text)
        return line, name is not None and self.enter(name)

    @property
    def lacks_capacity(self) -> bool:
        """Whether AWS had no machine to give: in another zone, or later, it may."""
        return any(word in error for error in self.errors for word in CAPACITY)

    def begin_again(self) -> None:
        """Forget how it failed, and keep what was made and how long it took."""
        self.errors.clear()
        self.failed_in = self.task = self.fatal = ""

    def finish(self) -> None:
        """Note that the build is over."""
        self._close(self.clock())

    def _begun_by(self, text: str) -> str | None:
        if marker := _MARKER.search(text):
            return marker[1].strip()
        if task := _TASK.search(text):
            self.task = task[2]
            if self.task.startswith(VALIDATION):
                return None
            return task[1] or self.stage or "ansible"
        return next((stage for pattern, stage in _STEPS if pattern.search(text)), None)

    def _note_failure(self, line: Line) -> None:
        if (found := _FATAL.search(line.text)) and "...ignoring" not in line.text:
            self.fatal = found[1] or line.text.strip()
            self.failed_in = self.failed_in or self.stage
        if line.kind == "error" or _BROKEN.search(line.text):
            self.failed_in = self.failed_in or self.stage

    def _close(self, now: float) -> None:
        if self.stages and self.stages[-1].end is None:
            self.stages[-1].end = now


def parse(raw: str) -> Line | None:
    """One machine-readable line, `time,target,kind,data…`; None for what is none."""
    parts = raw.rstrip("\n").split(",")
    if len(parts) < 3 or not parts[0].isdigit():
        return None
    data = tuple(map(_unescape, parts[3:]))
    if parts[2] == "ui":
        return Line(data[0] if data else "", data[1] if len(data) > 1 else "", data[2:])
    kind = "fault" if parts[2] == "error" else parts[2]
    return Line(kind, data[0] if data else "", data)


def shown(line: Line) -> Iterator[str]:
    """The lines that a person reads, without the source's name, which is the same in each."""
    for text in line.text.splitlines():
        yield re.sub(r"^(==> |\s+)?(amazon-ebs|null)\.[\w-]+( \([\w-]+\))?: ?", "", text).rstrip()


def _unescape(text: str) -> str:
    text = text.replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "\r")
    return without_colours(text)


def without_colours(text: str) -> str:
    """A text without a terminal's colours."""
    return _COLOURS.sub("", text)
