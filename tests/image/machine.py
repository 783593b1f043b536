"""The machine under check: what it declares of itself, and commands and probes run on it as root."""

from __future__ import annotations

import json
import shlex
import textwrap
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from testinfra.backend.base import CommandResult
from testinfra.host import Host

HOME = "/opt/transcribe"
PYTHON = f"{HOME}/venv/bin/python"
RECORD = f"{HOME}/.setup_complete"
USER = "transcribe"
_HERE = Path(__file__).resolve().parent
_CONTAINER = {
    "own kernel": "a container runs the kernel of its host",
    "own clock": "a container's clock is its host's",
    "own sysctl": "a container may not set kernel.* and vm.*",
    "raised limits": "a container may not raise the limits that it was given",
    "cgroup limits": "limits of a unit are not enforced in a container",
}
_EC2 = "EC2"


def versions() -> dict[str, Any]:
    """Every version that an image should have: versions.yml of the project, or the copy in an installed package."""
    content: dict[str, Any] = yaml.safe_load(of_the_project("group_vars/all/versions.yml").read_text("utf-8"))
    return content


def of_the_project(name: str) -> Path:
    """A file of the project's folder ansible, or its copy in an installed package."""
    places = (_HERE / "ansible" / name, _HERE.parents[1] / "ansible" / name)
    return next((place for place in places if place.is_file()), places[-1])


@dataclass(frozen=True)
class Facts:
    """What must be known before a check is chosen; `problem` says why `declared` cannot be trusted."""

    declared: dict[str, Any]
    problem: str
    platform: str  # ubuntu, debian
    container: bool
    nvidia: bool  # an NVIDIA device sits on the bus
    ec2: bool  # a machine of Amazon's, and no container in one


class Unreachable(Exception):
    """A machine that cannot be reached, or was lost; the message is one sentence."""


class Machine:
    """A running machine; every command runs as root over the one connection."""

    def __init__(self, host: Host) -> None:
        self.host = host
        spec = host.backend.host
        user = f"{spec.user}@" if spec.user else ""
        address = f"[{spec.name}]" if ":" in spec.name else spec.name
        port = f":{spec.port}" if spec.port else ""
        self.name = f"ssh://{user}{address}{port}"
        self.versions = versions()
        self._probed: dict[tuple[str, ...], Any] = {}

    def run(self, command: str, *arguments: str) -> CommandResult:
        """Run a shell command as root; each %s of it takes an argument, quoted. Raises Unreachable."""
        try:
            result: CommandResult = self.host.run(command, *arguments)
        except RuntimeError as error:  # testinfra's word for ssh's own exit code, 255
            said = str(getattr(error.args[0], "stderr", error)).strip().splitlines()
            raise Unreachable(
                f"{self.name} does not answer: {said[-1] if said else 'ssh said nothing'}"
            ) from None
        return result

    def says(self, command: str, *arguments: str) -> str:
        """What a command prints, which must succeed, without white space around it."""
        result = self.run(command, *arguments)
        assert result.rc == 0, _complaint(command, result)
        return str(result.stdout).strip()

    def lines(self, command: str, *arguments: str) -> list[str]:
        """The lines that a command prints, which must succeed, without empty ones."""
        return [line.strip() for line in self.says(command, *arguments).splitlines() if line.strip()]

    def found(self, command: str, *arguments: str) -> list[str]:
        """The lines that a search prints: none, and a place that is not there, are no failure; any other word is."""
        result = self.run(command, *arguments)
        complaints = [line for line in result.stderr.splitlines() if "No such file or directory" not in line]
        assert result.rc < 126, _complaint(command, result)
        assert not complaints, _complaint(command, result)
        return [line.strip() for line in result.stdout.splitlines() if line.strip()]

    def read(self, path: str) -> str:
        """The text of a file, which must be there."""
        return self.says("cat %s", path)

    def status(self, path: str) -> str:
        """What stands at a path, whose it is and who may do what with it: "directory root:root 755"."""
        return self.run("stat -c '%%F %%U:%%G %%a' %s", path).stdout.strip() or f"there is no {path}"

    def probe(self, name: str, *arguments: str, interpreter: str = "/usr/bin/python3") -> Any:
        """Run probes/<name>.py on the machine, once for the same arguments, and return what it found."""
        key = (name, *arguments)
        if key not in self._probed:
            source = resources.files(f"{__package__}.probes").joinpath(f"{name}.py").read_text("utf-8")
            words = " ".join(shlex.quote(word) for word in (source, *arguments))
            result = self.run(f"PYTHONDONTWRITEBYTECODE=1 {interpreter} -c {words}")
            assert result.rc == 0, _complaint(f"the probe {name}", result)
            self._probed[key] = json.loads(result.stdout)
        return self._probed[key]

    def forget(self) -> None:
        """Let the next check look again."""
        self._probed.clear()

    @property
    def facts(self) -> Facts:
        """What the machine declares and what it runs on."""
        found = self.probe("facts", RECORD)
        declared, problem = _declared(found["record"])
        container = found["container"]
        ec2 = found["ec2"] and not container
        return Facts(declared, problem, found["os"].get("ID", ""), container, found["nvidia"], ec2)

    @property
    def declared(self) -> dict[str, Any]:
        """The content of .setup_complete, which must be there."""
        facts = self.facts
        assert not facts.problem, facts.problem
        return facts.declared

    @property
    def gpu(self) -> bool:
        """Whether this is an image for a GPU; where the record does not say, the hardware does."""
        return bool(self.facts.declared.get("gpu", self.facts.nvidia))

    @property
    def ours(self) -> bool:
        """Whether kernel, driver and security were set up; a machine without a record is held to everything."""
        declared = self.facts.declared
        return bool(declared.get("disposable", True) or declared.get("take_over", True))

    def lacks(self, need: str) -> str:
        """Why the machine cannot be checked for something, or an empty string."""
        if need == _EC2:
            return "" if self.facts.ec2 else "the machine is none of Amazon's"
        if need not in _CONTAINER:
            raise ValueError(f"needs_machine({need!r}): known are {_EC2}, {', '.join(_CONTAINER)}")
        return _CONTAINER[need] if self.facts.container else ""


def _complaint(command: str, result: CommandResult) -> str:
    """One line: what was run, and the last thing that it said."""
    said = (result.stderr or result.stdout).strip().splitlines()
    return (
        f"{textwrap.shorten(command, 120)} ended with {result.rc}: {said[-1] if said else 'and said nothing'}"
    )


def _declared(text: str | None) -> tuple[dict[str, Any], str]:
    if text is None:
        return {}, f"there is no {RECORD}: the machine was never set up to its end"
    try:
        content = json.loads(text)
    except ValueError as error:
        return {}, f"{RECORD} is no JSON: {error}"
    return (content, "") if isinstance(content, dict) else ({}, f"{RECORD} holds no object")
