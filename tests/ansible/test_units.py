"""The service's units where there is a GPU and where there is none, as Ansible writes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ansible.playing import ANSIBLE, ansible, outcome, playbook

ROLE = ANSIBLE / "roles/service"
PROGRAMS = ("transcribe-api.service", "transcribe-batch@.service")
DEVICES = "transcribe-gpu.service"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, str]]:
    """The text of every unit, by whether the machine has a GPU."""
    folder = tmp_path_factory.mktemp("units")
    tasks: list[dict[str, Any]] = []
    for gpu in (True, False):
        (folder / str(gpu)).mkdir()
        write = {"src": f"{ROLE}/templates/{{{{ item }}}}.j2", "dest": f"{folder}/{gpu}/{{{{ item }}}}"}
        tasks.append(
            {
                "name": "Write the units",
                "ansible.builtin.template": {**write, "mode": "0644"},
                "loop": "{{ service_units }}",
                "vars": {"gpu": gpu},
            }
        )
    files = [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")]
    book = playbook(
        folder, tasks, hosts="localhost", connection="local", gather_facts=False, vars_files=files
    )
    done = ansible("--inventory=localhost,", str(book))
    assert outcome(done).failed == 0, done.stdout
    return {
        gpu: {file.name: file.read_text() for file in (folder / str(gpu)).iterdir()} for gpu in (True, False)
    }


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_needs_the_gpu_starts_after_its_devices_are_there(
    program: str, units: dict[bool, dict[str, str]]
) -> None:
    text = units[True][program].splitlines()
    head = text[: text.index("[Service]")]
    assert f"Wants={DEVICES}" in head
    assert f"After={DEVICES} nvidia-persistenced.service" in head


def test_devices_are_made_by_root_before_the_programs_and_after_the_driver(
    units: dict[bool, dict[str, str]],
) -> None:
    text = units[True][DEVICES].splitlines()
    assert "ExecStart=/usr/bin/nvidia-modprobe -c0 -u" in text
    assert "After=systemd-modules-load.service nvidia-persistenced.service" in text
    assert "WantedBy=multi-user.target" in text
    assert not [line for line in text if line.startswith(("User=", "PrivateDevices="))]


def test_without_a_gpu_no_unit_speaks_of_one(units: dict[bool, dict[str, str]]) -> None:
    assert DEVICES not in units[False]
    assert len(units[False]) == 3
    for text in units[False].values():
        assert "nvidia" not in text
        assert DEVICES not in text
        assert "PrivateDevices=yes" in text
