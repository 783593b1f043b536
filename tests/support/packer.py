"""Packer and the template that it can read.

The template in packer/ is for Packer 1.11 and later with plugins. Where PACKER names such a one, tests run on the
template itself. Debian's own package is 1.6.6, before plugins: for it a reduced copy is made, and what it lacks is
written out below, so that everybody can see what a test with it does not show.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from tests.support.checkout import ROOT

OLDEST = (1, 11)  # what the template asks for

# Not in Packer 1.6.6. Files:
LACKS_FILES = ("plugins.pkr.hcl",)
# Blocks. Validation is there, but fails on can(regex(…)); the rest came later.
LACKS_BLOCKS = (
    "validation",
    "error-cleanup-provisioner",
    "metadata_options",
    "deregistration_protection",
)
# Attributes of the amazon-ebs source. Without the first, the security group is open to builder_cidrs or to all.
LACKS_ATTRIBUTES = (
    "temporary_security_group_source_public_ip",
    "temporary_key_pair_type",
    "imds_support",
    "skip_ami_run_tags",
    "deprecate_at",
    "throughput",
)
# Its gp2 is the nearest to gp3, which is later. It does not know AWS_ENDPOINT_URL: the endpoint is written into the
# source. And no variable can choose the source of a build: that is written too.
LACKS_VOLUME = ('"gp3"', '"gp2"')


@dataclass(frozen=True)
class Packer:
    """A packer and whether it reads the template as it is."""

    program: Path
    version: tuple[int, ...]

    @property
    def modern(self) -> bool:
        return self.version >= OLDEST

    def __str__(self) -> str:
        number = ".".join(map(str, self.version))
        return (
            f"Packer {number} on {'the template itself' if self.modern else 'a reduced copy of the template'}"
        )


@cache
def find() -> Packer:
    """The packer that PACKER names, or else the one on the PATH."""
    program = os.environ.get("PACKER") or shutil.which("packer")
    assert program, "no packer: @needs('machines') installs one"
    said = subprocess.run(
        [program, "version"], capture_output=True, text=True, check=True, env=environment(), timeout=60
    )
    found = re.search(r"Packer v(\d+)\.(\d+)\.(\d+)", said.stdout)
    assert found, said.stdout
    return Packer(Path(program), tuple(map(int, found.groups())))


def template(folder: Path, source: str, endpoint: str | None = None, *, checkout: Path = ROOT) -> Path:
    """The template's folder for the packer that is here: the checkout's own, or a reduced copy of it in `folder`.

    `source` is amazon-ebs.image or null.host, `endpoint` where AWS is to be found.
    """
    if find().modern:
        return checkout / "packer"
    return reduce(folder, source, endpoint, checkout=checkout)


def reduce(folder: Path, source: str, endpoint: str | None = None, *, checkout: Path = ROOT) -> Path:
    """Write the template as Packer 1.6.6 can read it; returns its folder."""
    copy = folder / "reduced"
    shutil.copytree(checkout / "packer", copy, ignore=shutil.ignore_patterns(*LACKS_FILES, "__pycache__"))
    region = r"^  region +=.*\n"
    found = (
        rf'\g<0>  custom_endpoint_ec2 = "{endpoint}"\n  skip_region_validation = true\n'
        if endpoint
        else r"\g<0>"
    )
    for file in copy.glob("*.pkr.hcl"):
        text = file.read_text()
        for block in LACKS_BLOCKS:
            text = without_block(text, block)
        for attribute in LACKS_ATTRIBUTES:
            text = re.sub(rf"^ *{attribute} *=.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(
            r"^  sources = \[var\..*$", f'  sources = ["source.{source}"]', text, flags=re.MULTILINE
        )
        text = re.sub(region, found, text, flags=re.MULTILINE)
        text = text.replace('abspath("${path.root}/..")', f'"{checkout}"').replace(*LACKS_VOLUME)
        file.write_text(text)
    return copy


def without_block(text: str, name: str) -> str:
    """A formatted template without the blocks of this name, wherever they are."""
    return re.sub(rf"^( *){name}( \"[^\"]*\")* \{{\n(.*\n)*?\1\}}\n", "", text, flags=re.MULTILINE)


def start(
    command: str,
    where: Path,
    variables: Mapping[str, str],
    *words: str,
    log: IO[str] | int,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start `packer COMMAND` on a template with these variables; what it says, errors with it, goes to the log."""
    settings = [f"-var={name}={value}" for name, value in variables.items()]
    return subprocess.Popen(
        [find().program, command, *words, *settings, str(where)],
        cwd=ROOT,
        env=environment(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def run(
    command: str, where: Path, variables: Mapping[str, str], *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `packer COMMAND` to its end; its output is one text, errors with it."""
    process = start(command, where, variables, *words, log=subprocess.PIPE, env=env)
    said, _ = process.communicate(timeout=1800)
    return subprocess.CompletedProcess(process.args, process.returncode, said)


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment that Packer runs in: no account, no settings of the person's own, no question to the internet."""
    ours = ("AWS_", "PKR_", "ANSIBLE_", "PYTEST_", "COV_CORE_", "GPU_TRANSCRIBER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"} | dict(variables or {})
