"""What was asked of a build, and the folder in which it leaves everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from runner.door.install import ROOT
from runner.errors import UsageError
from runner.filing.results import dated_folder, plainly_told

TEMPLATE = ROOT / "packer"
BUILDS = ROOT / "build"
DEMONSTRATION = "demonstration"
# Variables of the template that are not --var's to set: what is asked about and looked into follows the options.
NOT_VAR = {
    "gpu": "--cpu builds without a GPU",
    "model_source": "--model chooses the model",
    "model_id": "--model chooses the model",
    "region": "--region chooses the region",
    "take_over": "--take-over does it, with --host, and asks first",
    "disposable": "--disposable does it, with --host, and asks first",
    "host_private_key_file": "ssh's own configuration or --ssh-config names the key of --host",
    "wheel": "the wheel is built from this checkout",
    "output": "each build has a folder of its own in build/",
    "tools": "the tools are those of this checkout's .venv",
    "git_sha": "the commit is the one that is checked out",
}
HOST = "--host says where the machine is"  # of every other host_…


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked. Without a `host` an image is made in AWS; `model` is a hub id, a folder or `demonstration`."""

    host: str | None = None
    take_over: bool = False
    disposable: bool = False
    cpu: bool = False
    model: str | None = None
    region: str | None = None
    ssh_config: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    template: Path = TEMPLATE
    check: bool = False
    yes: bool = False

    def refuse_nonsense(self) -> None:
        """Raise UsageError for options that do not go together."""
        for name, given in (
            ("--take-over", self.take_over),
            ("--disposable", self.disposable),
            ("--ssh-config", self.ssh_config is not None),
        ):
            if given and self.host is None:
                raise UsageError(f"{name} goes with --host: a machine in AWS is ours anyway.")
        if self.region is not None and self.host is not None:
            raise UsageError("--region goes with a build in AWS, and not with --host.")
        for name in self.variables:
            if instead := NOT_VAR.get(name) or (HOST if name.startswith("host_") else None):
                raise UsageError(f"--var {name}=… is not taken: {instead}.")
        if not self.template.is_dir():
            raise UsageError(f"--template is {str(self.template)!r}, and there is no such folder.")

    def model_variables(self) -> dict[str, str]:
        """The model as the template's variables."""
        if self.model is None:
            return {}
        if self.model == DEMONSTRATION:
            return {"model_source": DEMONSTRATION}
        folder = Path(self.model).expanduser()
        if folder.is_dir():
            return {"model_source": str(folder.resolve())}
        if self.model.count("/") != 1 or self.model.startswith((".", "/", "~")):
            raise UsageError(
                f"--model is {self.model!r}, but it takes a hub id, a folder that is there, or demonstration."
            )
        return {"model_source": "hub", "model_id": self.model}


def parse_variables(words: list[str]) -> dict[str, str]:
    """NAME=VALUE words as a mapping; raises UsageError."""
    variables = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--var is {word!r}, but it takes NAME=VALUE; packer/variables.*.pkr.hcl have the names."
            )
        variables[name] = value
    return variables


def new_folder(now: datetime, under: Path = BUILDS) -> Path:
    """Make the folder of a build; raises OutputNotWritable, DiskFull."""
    with plainly_told(under, "builds", "build from a checkout elsewhere"):
        return dated_folder(under, now, "image-")
