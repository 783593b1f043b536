"""ansible-lint, a step of the whole test run, is held to its strictest profile; and what it does not look at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.ansible.playing import ANSIBLE, ROLES, read

OURS = [path for path in ANSIBLE.rglob("*.yml") if ".ansible" not in path.parts]


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
