"""What the one model of a machine is called and how it writes is the same to all who ask: model, service and record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playing import ANSIBLE, ansible, playbook, read

DEFAULT: dict[str, Any] = {"id": "owner/default", "style": "strict", "revision": None, "files": {}}
DEMONSTRATION = {"id": "owner/demonstration", "revision": "1"}
# Where the model comes from and the name that was asked for; the name and the style that the machine then has.
CASES = {
    ("hub", "owner/default"): ("owner/default", "strict"),
    ("hub", "owner/other"): ("owner/other", "standard"),
    ("demonstration", "owner/default"): ("owner/demonstration", "standard"),
    ("demonstration", "owner/other"): ("owner/demonstration", "standard"),
    ("/a/folder", "owner/default"): ("owner/default", "strict"),
    ("/a/folder", "owner/other"): ("owner/other", "standard"),
}
ASKED = (
    "held_model", "held_style", "model_style", "service_model", "service_style", "complete_asked.model",
    "complete_asked.style",
)  # fmt: skip
ROLES = ("roles/model/defaults", "roles/service/defaults", "roles/complete/defaults", "roles/complete/vars")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Of each case what Ansible makes of the roles' own variables, all in one run on this computer."""
    folder = tmp_path_factory.mktemp("model")
    asked = ", ".join(ASKED)
    tasks = [
        {
            "name": f"Case {number}",
            "ansible.builtin.copy": {
                "content": f"{{{{ [{asked}] | to_json }}}}",
                "dest": str(folder / f"{number}.json"),
                "mode": "0644",
            },
            "vars": {
                "model_source": source,
                "model_id": name,
                "default_model": DEFAULT,
                "demonstration_model": DEMONSTRATION,
            },
        }
        for number, (source, name) in enumerate(CASES)
    ]
    files = [str(ANSIBLE / role / "main.yml") for role in ROLES]
    book = playbook(
        folder, tasks, hosts="localhost", connection="local", gather_facts=False, vars_files=files
    )
    done = ansible("--inventory=localhost,", str(book))
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads((folder / f"{number}.json").read_text()) for number in range(len(CASES))]


@pytest.mark.parametrize("number", range(len(CASES)), ids=["-".join(case) for case in CASES])
def test_every_role_has_the_same_name_and_style(told: list[list[str]], number: int) -> None:
    name, style = list(CASES.values())[number]
    assert told[number] == [name, style, style, name, style, name, style]


def test_only_one_file_decides_it() -> None:
    deciding = [
        path.relative_to(ANSIBLE)
        for path in sorted(ANSIBLE.rglob("*.yml"))
        if ".ansible" not in path.parts
        if "else model_id" in path.read_text() or "default_model.style" in path.read_text()
    ]
    assert deciding == [Path("group_vars/all/machine.yml")]
    assert {"held_model", "held_style"} <= read(ANSIBLE / "group_vars/all/machine.yml").keys()
