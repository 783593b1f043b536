"""What a test needs of the machine: the only place from which a test may be skipped.

`@needs("root", "debian:ffmpeg")` on a test, or `require("speech")` inside one. A skip for something that this
machine cannot have is excused; a skip for something that should be here is not, and fails the run where CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support import debian

excused: set[str] = set()  # reasons that are facts of the machine

ASKED = "GPU_TRANSCRIBER_TESTS"  # names of tests too long for every run, with commas between them
_asked = os.environ.get(ASKED, "").split(
    ","
)  # read now: conftest takes such variables out of the environment


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test with what it needs of the machine.

    root, unprivileged, linux, macos, gpu, int8, onednn, speech, machines, debian:PACKAGE or asked:NAME.
    """
    return pytest.mark.needs(*names)


def require(*names: str) -> None:
    """Skip the running test unless the machine has, or can be given, every one of the needs."""
    for name in names:
        if (reason := _lacking(name)) is not None:
            pytest.skip(reason)


def _lacking(name: str) -> str | None:
    """Return why the need is not met, or None; what can be installed is installed."""
    if name.startswith("debian:"):
        package = name.removeprefix("debian:")
        return None if shutil.which(package) else _install(name, (package,))
    if name.startswith("asked:"):
        return _unless_asked(name.removeprefix("asked:"))
    if name == "packer:modern":
        return _lacking("machines") or _unless_modern()
    if name == "speech":
        return None if _speaks() else _install(name, debian.SPEECH)
    if name == "machines":
        return _lacking("linux") or _lacking("root") or _install(name, debian.MACHINES)
    facts: dict[str, tuple[Callable[[], bool], str]] = {
        "root": (lambda: os.geteuid() == 0, "needs root"),
        "unprivileged": (lambda: os.geteuid() != 0, "needs a user who is not root"),
        "linux": (lambda: sys.platform == "linux", "needs Linux"),
        "macos": (lambda: sys.platform == "darwin", "needs macOS"),
        "gpu": (_has_gpu, "needs an NVIDIA GPU"),
        "int8": (_quantises, "needs an x86 processor with AVX2"),
        "onednn": (_packs, "needs a torch with oneDNN"),
    }
    if name not in facts:
        raise ValueError(
            f"unknown need {name!r}: known are speech, machines, debian:PACKAGE, asked:NAME, {', '.join(facts)}"
        )
    met, reason = facts[name]
    if met():
        return None
    excused.add(reason)
    return reason


def _unless_asked(name: str) -> str | None:
    if name in _asked:
        return None
    reason = f"needs to be asked for: {ASKED}={name}"
    excused.add(reason)
    return reason


def _unless_modern() -> str | None:
    from tests.support import packer

    if packer.find().modern:
        return None
    excused.add(reason := "needs Packer 1.11 or later with its plugins (PACKER=/path/to/packer)")
    return reason


def _install(name: str, packages: tuple[str, ...]) -> str | None:
    try:
        debian.install(*packages)
    except debian.PackagesMissing as error:
        reason = f"needs {name} ({error})"
        if not debian.may_install():
            excused.add(reason)
        return reason
    return None


def _speaks() -> bool:
    """Say whether espeak-ng is here with both of mbrola's Swedish voices, however they were installed."""
    return shutil.which("mbrola") is not None and all(
        _says("espeak-ng", "-q", "-v", voice, "hej") is not None for voice in ("mb-sw1", "mb-sw2")
    )


def _has_gpu() -> bool:
    return bool(_says("nvidia-smi", "-L"))


def _quantises() -> bool:
    from runner.engine.products import can_quantise

    return can_quantise()


def _packs() -> bool:
    import torch

    from runner.engine.products import can_pack

    return can_pack(torch.float32)


def _says(*command: str) -> bytes | None:
    """What a command prints; None where there is no such command or it fails."""
    if shutil.which(command[0]) is None:
        return None
    run = subprocess.run(command, capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else None
