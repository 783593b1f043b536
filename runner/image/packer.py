"""Packer as a program: which it is, what the template asks of it, and a build of it followed line by line."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner.errors import CannotStart
from runner.image.stages import Course, Line, parse, shown
from runner.interruption import Stop

QUIET = {"CHECKPOINT_DISABLE": "1"}  # Packer would ask its maker for news


@dataclass(frozen=True, slots=True)
class Packer:
    """A Packer that runs here."""

    path: str
    version: str


def find_packer(named: str) -> Packer:
    """The Packer of that name or path; raises CannotStart where it is none: some systems have another of the name."""
    path = shutil.which(named)
    if path is None:
        raise CannotStart(
            f"Packer is not installed ({named}): install it from developer.hashicorp.com/packer, or name one in "
            "GPU_TRANSCRIBER_PACKER."
        )
    try:
        done = subprocess.run(
            [path, "version"],
            capture_output=True,
            text=True,
            timeout=8,
            env=environment(),
            stdin=subprocess.DEVNULL,
        )
        said = re.search(r"Packer v?(\d\S*)", done.stdout)
    except (OSError, subprocess.SubprocessError):
        said = None
    if said is None:
        raise CannotStart(
            f"{path} is not HashiCorp's Packer, or does not run: name another in GPU_TRANSCRIBER_PACKER."
        )
    return Packer(path, said[1])


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for Packer: our own Ansible comes first on its PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **QUIET, "PATH": path, **(more or {})}


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version meets constraints such as `>= 1.11, < 2`; raises ValueError for what is no version."""
    constraints = [re.sub(r"^~>", "~=", re.sub(r"^=(?!=)", "==", part.strip())) for part in wanted.split(",")]
    return Version(version) in SpecifierSet(",".join(filter(None, constraints)))


def installed_plugins(packer: Packer) -> dict[str, list[str]]:
    """The versions that are installed of each plugin, by the source that a template names."""
    command = [packer.path, "plugins", "installed"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=8, env=environment(), stdin=subprocess.DEVNULL
    )
    found: dict[str, list[str]] = {}
    for source, version in re.findall(
        r"([\w.-]+/[\w-]+/[\w-]+)/packer-plugin-[\w-]+?_v(\d[^_]*)_x", done.stdout
    ):
        found.setdefault(source, []).append(version)
    return found


def run_packer(
    packer: Packer,
    words: Sequence[str],
    *,
    folder: Path,
    course: Course,
    log: TextIO,
    see: Callable[[Line, bool], None],
    interrupted: Callable[[], None],
) -> int:
    """Run Packer to its end and return its exit code; each of its lines goes to the log, to `course` and to `see`.

    A signal is handed on once: Packer then takes down what it put up, and `Stop` is raised when it has ended.
    """
    command = [packer.path, words[0], "-machine-readable", *words[1:]]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
        start_new_session=True,  # Ctrl-C reaches it through us alone, and once
    )
    stop: Stop | None = None
    with process:
        while True:
            try:
                for raw in process.stdout or ():
                    _follow(raw, course, log, see)
                code = process.wait()
                break
            except Stop as error:
                stop = error
                interrupted()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGINT)
    course.finish()
    if stop is not None:
        raise stop
    return code


def _follow(raw: str, course: Course, log: TextIO, see: Callable[[Line, bool], None]) -> None:
    line, began = course.take(raw)
    if line is None:
        if parse(raw) is None and raw.strip():  # what Packer says before it can speak to machines
            log.write(raw)
            see(Line("message", raw.rstrip()), False)
        return
    for text in shown(line):
        log.write(f"{text}\n")
    log.flush()
    see(line, began)
