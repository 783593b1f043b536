"""Packer's template as far as we must know it: its variables' defaults, and which Packer and plugins it asks for.

HCL is read line by line in the form that `packer fmt` gives it; what Packer itself makes of it is Packer's to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.errors import CannotStart

_VARIABLE = re.compile(r"^variable \"(\w+)\" \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_DEFAULT = re.compile(r"^  default\s*=\s*(.+?)\s*$", re.MULTILINE)
_PLUGIN = re.compile(r"\w+\s*=\s*\{([^{}]*\bsource\s*=[^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template's variables with their defaults as text (None where one must be given), and what it requires."""

    folder: Path
    defaults: Mapping[str, str | None]
    packer: str  # constraints on Packer's version; empty for none
    plugins: Mapping[str, str]  # by source, constraints on the version

    def value(self, name: str, given: Mapping[str, str]) -> str:
        """A variable's value in a build that is given these; raises CannotStart where there is none."""
        value = given.get(name, self.defaults.get(name))
        if value is None:
            raise CannotStart(
                f"The template in {self.folder} has no value for {name}: give one by --var {name}=…."
            )
        return value

    def values(self, name: str, given: Mapping[str, str]) -> list[str]:
        """A variable that is a list of texts; raises CannotStart for what is no such list."""
        text = self.value(name, given)
        try:
            return [str(value) for value in json.loads(text)]
        except (ValueError, TypeError) as error:
            raise CannotStart(f'{name} is {text}, but it takes a list such as ["a", "b"].') from error

    def spot(self, given: Mapping[str, str]) -> bool:
        """Whether the build buys its machine on the spot market."""
        return given.get("spot", self.defaults.get("spot")) != "false"


def read_template(folder: Path) -> Template:
    """Read the *.pkr.hcl files of a folder; raises CannotStart where there are none."""
    files = sorted(folder.glob("*.pkr.hcl"))
    if not files:
        raise CannotStart(
            f"{folder} has no *.pkr.hcl: images are built in a checkout, or from a --template of your own."
        )
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    version = re.search(r"^\s*required_version\s*=\s*\"([^\"]+)\"", text, re.MULTILINE)
    plugins = {}
    if "required_plugins" in text:
        for body in _PLUGIN.findall(text.partition("required_plugins")[2]):
            source = re.search(r"\bsource\s*=\s*\"([^\"]+)\"", body)
            constraints = re.search(r"\bversion\s*=\s*\"([^\"]+)\"", body)
            if source is not None:
                plugins[source[1]] = constraints[1] if constraints else ""
    return Template(
        folder, dict(map(_variable, _VARIABLE.findall(text))), version[1] if version else "", plugins
    )


def _variable(found: tuple[str, str]) -> tuple[str, str | None]:
    name, body = found
    default = _DEFAULT.search(body)
    return name, default[1].strip('"') if default else None
