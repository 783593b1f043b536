"""Whether Packer will take the variables: their names held against the template, their values by `packer validate`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from difflib import get_close_matches
from pathlib import Path

from runner.door.install import ROOT
from runner.door.packer import Packer
from runner.errors import CannotStart
from runner.image.packer import Installed, environment, satisfies
from runner.image.plan import Plan, variables
from runner.image.stages import without_colours
from runner.image.template import Template
from runner.quoting import quoted

LONGEST = 600  # characters of what Packer says
REST = 2.0  # seconds of the preflight's patience that are not for `packer validate`


def validate(plan: Plan, folder: Path, patience: float) -> str:
    """Hold the variables against the template; raises CannotStart. `folder` stands for that of the build."""
    end = time.monotonic() + patience - REST
    known = plan.template.defaults
    if unknown := [name for name in plan.order.variables if name not in known]:
        raise CannotStart(
            f"{_unknown(unknown, list(known))}: {plan.template.folder}/*.pkr.hcl have the names."
        )
    given = ", ".join(plan.order.variables) or "none given"
    try:
        packer = plan.packer.packer()
        serves = _serves(plan.packer, plan.template)
    except CannotStart:  # the row of its versions tells that
        return f"{given}; values are for Packer to judge, once it is here"
    if not serves:
        return f"{given}; values are for Packer to judge, once it and its plugins are here"
    if not _answers(packer, plan, folder, max(0.0, end - time.monotonic())):
        return f"{given}; not judged by Packer, which took too long: the build will"
    return f"{given}; Packer takes them"


def _unknown(names: list[str], known: list[str]) -> str:
    likely = [match for name in names for match in get_close_matches(name, known, 1)]
    meant = f" (meant: {', '.join(likely)}?)" if likely else ""
    return f"--var names what the template has no variable for: {', '.join(names)}{meant}"


def _serves(installed: Installed, template: Template) -> bool:
    """Whether this Packer and the plugins that are installed are such as the template asks for."""
    if not satisfies(installed.packer().version, template.packer):
        return False
    have = installed.plugins() if template.plugins else {}
    return all(
        any(satisfies(version, wanted) for version in have.get(source, []))
        for source, wanted in template.plugins.items()
    )


def _answers(packer: Packer, plan: Plan, folder: Path, patience: float) -> bool:
    """Whether Packer judged the variables in that time; raises CannotStart with its reason where it refuses them."""
    final = variables(plan, folder, folder / "gpu_transcriber.whl")
    words = [f"-var={name}={value}" for name, value in final.items()]
    process = subprocess.Popen(
        [packer.path, "validate", *words, str(plan.template.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment({"PACKER_NO_COLOR": "1"}),
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # its plugins are ended with it
    )
    try:
        told, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:  # a slow computer is no reason to begin nothing
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode:
        said = quoted(without_colours(told), LONGEST) or "it gave no reason"
        raise CannotStart(f"Packer does not take the template with these variables: {said.rstrip('.')}.")
    return True
