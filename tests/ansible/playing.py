"""Run real playbooks: one role, or a part of one, on a test machine; and read what came of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.machines import Machine

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"
ROLES = tuple(sorted(path.name for path in (ANSIBLE / "roles").iterdir() if (path / "tasks").is_dir()))
DISPOSABLE: Mapping[str, Any] = {"gpu": True, "disposable": True}
_RECAP = re.compile(r"ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)")


@dataclass(frozen=True)
class Played:
    """What a playbook came to: all that it printed, and the counts of its last lines."""

    output: str
    ok: int
    changed: int
    failed: int


def read(file: Path) -> Any:
    """A YAML file of the roles."""
    return yaml.safe_load(file.read_text())


def versions() -> dict[str, Any]:
    """The one file of versions."""
    found: dict[str, Any] = read(ANSIBLE / "group_vars/all/versions.yml")
    return found


def ansible(*arguments: str, timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook of this environment with the roles' own configuration."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"},
    )


def play(machine: Machine, role: str, folder: Path, *, check: bool = True, **variables: Any) -> Played:
    """Run one role on a machine, as image.yml would; with `check`, a failure is the test's."""
    tasks = [{"name": "Run the role", "ansible.builtin.include_role": {"name": role}}]
    given: dict[str, Any] = {**DISPOSABLE, **variables}
    book = playbook(folder, tasks, hosts="all", become=True)
    done = ansible(
        "--inventory", f"{machine.address},",
        "--user", machine.user,
        f"--ssh-common-args=-F {machine.ssh_config}",
        f"--extra-vars={yaml.safe_dump(given, default_flow_style=True, width=10_000)}",
        str(book),
    )  # fmt: skip
    played = outcome(done)
    assert not check or played.failed == 0, played.output
    return played


def playbook(folder: Path, tasks: list[dict[str, Any]], **keys: Any) -> Path:
    """Write a playbook that knows our roles and our variables, wherever it lies."""
    for name in ("roles", "group_vars"):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(ANSIBLE / name)
    book = folder / "play.yml"
    ours = {"ours": "{{ (disposable | bool) or (take_over | bool) }}"}
    book.write_text(yaml.safe_dump([{"name": "Test", "vars": ours, "tasks": tasks, **keys}], sort_keys=False))
    return book


def outcome(done: subprocess.CompletedProcess[str]) -> Played:
    """Read the counts of one machine."""
    output = done.stdout + done.stderr
    recap = _RECAP.search(done.stdout)
    assert recap is not None, output
    ok, changed, unreachable, failed = map(int, recap.groups())
    assert unreachable == 0, output
    return Played(output, ok, changed, failed)
