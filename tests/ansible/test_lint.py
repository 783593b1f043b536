"""The roles pass ansible-lint's strictest profile, with nothing skipped."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ansible.playing import ANSIBLE, ROLES, read

OURS = [path for path in ANSIBLE.rglob("*.yml") if ".ansible" not in path.parts]


@pytest.mark.slow
def test_ansible_lint_finds_nothing_in_its_strictest_profile() -> None:
    lint = Path(sys.executable).with_name("ansible-lint")
    command = [str(lint), "-c", str(ANSIBLE / ".ansible-lint"), "--nocolor", str(ANSIBLE)]
    done = subprocess.run(command, cwd=ANSIBLE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed." in done.stderr


def test_nothing_is_skipped() -> None:
    settings = yaml.safe_load((ANSIBLE / ".ansible-lint").read_text())
    assert settings["profile"] == "production"
    assert not settings.keys() & {"skip_list", "warn_list", "exclude_paths", "mock_modules", "mock_roles"}
    assert not [path for path in OURS if "noqa" in path.read_text()]
    assert not list(ANSIBLE.rglob(".ansible-lint-ignore"))


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ANSIBLE)))
def test_every_task_uses_the_full_name_of_a_built_in_module(path: Path) -> None:
    modules = re.findall(r"^ +(?:- )?([a-z]+\.[a-z]+\.[a-z_]+):$", path.read_text(), re.MULTILINE)
    assert {module.rsplit(".", 1)[0] for module in modules} <= {"ansible.builtin"}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_says_what_it_is(role: str) -> None:
    folder = ANSIBLE / "roles" / role
    info = read(folder / "meta/main.yml")["galaxy_info"]
    assert len(info["description"]) > 20
    assert {"jammy"} <= {version for platform in info["platforms"] for version in platform["versions"]}
    readme = (folder / "README.md").read_text()
    assert readme.startswith(f"# {role}\n")
    assert 5 <= len(readme.splitlines()) <= 20
