"""Fresh copies of this checkout, as someone has who cloned it a minute ago, and the use of their ./invoke."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = ("invoke", "tasks.py", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")


def copy_checkout(target: Path) -> Path:
    """Copy what a first use needs; the copy has no .venv."""
    target.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, target / name)
    shutil.copytree(ROOT / "runner", target / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def environment(**variables: str) -> dict[str, str]:
    """The environment of a person at a terminal: nothing that this test run put there for itself."""
    ours = ("COV_CORE_", "COVERAGE_", "GPU_TRANSCRIBER_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables


def start(
    command: Path | str, *words: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `./invoke` in a process group of its own, its output to be read from pipes."""
    return subprocess.Popen(
        [command, *words],
        cwd=cwd,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def use(
    command: Path | str, *words: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `./invoke` to its end."""
    process = start(command, *words, cwd=cwd, env=env)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def tamper(lock: Path, package: str) -> None:
    """Change every hash of one package in the lock."""
    text = lock.read_text()
    block = re.search(rf"^{package}==.*\n(?:[ \t].*\n)*", text, re.MULTILINE)
    assert block is not None
    changed = re.sub(r"sha256:([0-9a-f]{64})", lambda found: f"sha256:{found[1][::-1]}", block[0])
    assert changed != block[0]
    lock.write_text(text.replace(block[0], changed))
