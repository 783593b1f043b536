"""Packer as a program: which it is, what the template asks of it, and a build of it followed line by line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TextIO, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner.door.packer import PATIENCE, QUIET, Packer, find_packer
from runner.errors import CannotStart
from runner.image.stages import Course, Line, parse, shown
from runner.interruption import Stop
from runner.quoting import quoted

T = TypeVar("T")


class Installed:
    """The Packer of a name and its plugins, asked once: whoever asks first has them looked for, and the others wait.

    Both raise CannotStart where there is none, or none that answers.
    """

    def __init__(self, named: str) -> None:
        self.packer = once(lambda: find_packer(named))
        self.plugins = once(lambda: installed_plugins(self.packer()))


def once(ask: Callable[[], T]) -> Callable[[], T]:
    """A question that is asked once, whoever asks it and when; what it raises is raised for all."""
    lock, answer = Lock(), Future[T]()

    def asked() -> T:
        with lock:
            if not answer.done():
                try:
                    answer.set_result(ask())
                except Exception as error:  # noqa: BLE001 - raised again below
                    answer.set_exception(error)
        return answer.result()

    return asked


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for Packer: our own Ansible comes first on its PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **QUIET, "PATH": path, **(more or {})}


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version meets constraints such as `>= 1.11, < 2`; raises ValueError for what is no version."""
    constraints = [re.sub(r"^~>", "~=", re.sub(r"^=(?!=)", "==", part.strip())) for part in wanted.split(",")]
    return Version(version) in SpecifierSet(",".join(filter(None, constraints)))


def installed_plugins(packer: Packer) -> dict[str, list[str]]:
    """The versions that are installed of each plugin, by the source that a template names; raises CannotStart."""
    try:
        done = subprocess.run(
            [packer.path, "plugins", "installed"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=environment(),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotStart(
            f"{packer.path} did not say in {PATIENCE:.0f} s which plugins it has: run {packer.path} plugins installed, "
            "and see what keeps it."
        ) from error
    if done.returncode:
        said = quoted(done.stderr or done.stdout).rstrip(".") or "it gave no reason"
        raise CannotStart(
            f"{packer.path} cannot say which plugins it has ({said}): make {packer.path} plugins installed work first."
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
