"""The one folder of the product: what stands in it, whose it is, and what the machine says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Measure
from .machine import HOME, RECORD, USER, Machine

pytestmark = pytest.mark.static

FOLDERS = ("venv", "models", "cache", "scripts")
KEYS: dict[str, type | tuple[type, ...]] = {
    "schema": int, "built_at": str, "gpu": bool, "disposable": bool, "take_over": bool, "platform": dict,
    "git_sha": str, "kernel": str, "python": str, "torch": str, "transformers": str, "project": str,
    "wheel_sha256": str, "lock_sha256": str, "venv_sha256": str, "model": dict, "demonstration": bool, "cache": dict,
}  # fmt: skip
GPU_KEYS = {"driver": dict, "cuda": str, "cudnn": (str, type(None))}
MODEL_KEYS = {"id": str, "revision": str, "style": str, "folder": str, "files": dict}
PLATFORMS = {"ubuntu": "22.04", "debian": "12"}
FREE_BYTES = 4_000_000_000  # a day of recordings, their results, and logs


def test_machine_was_set_up_to_its_end_and_says_so(machine: Machine) -> None:
    assert machine.declared["schema"] == 1


def test_setup_record_says_everything_and_in_the_right_kind(machine: Machine) -> None:
    declared, wanted = machine.declared, {**KEYS, **(GPU_KEYS if machine.gpu else {})}
    assert _wrong(declared, wanted) == []
    assert _wrong(declared["model"], MODEL_KEYS) == []
    assert _wrong(declared["platform"], {"id": str, "version": str}) == []


def test_setup_record_is_roots_and_nobody_else_may_write_it(machine: Machine) -> None:
    assert machine.status(RECORD) in ("regular file root:root 444", "regular file root:root 644")


def test_setup_record_was_written_last(machine: Machine) -> None:
    assert _walk(machine)["younger"] == [], f"changed after {RECORD} was written"


def test_machine_runs_the_system_that_it_was_set_up_on(machine: Machine) -> None:
    found, declared = machine.probe("facts", RECORD)["os"], machine.declared["platform"]
    assert (found["ID"], found["VERSION_ID"]) == (declared["id"], declared["version"])
    assert PLATFORMS.get(declared["id"]) == declared["version"], f"supported are {PLATFORMS}"


@pytest.mark.needs_machine("own kernel")
def test_machine_with_a_gpu_was_set_up_for_it(machine: Machine) -> None:
    assert machine.declared["gpu"] == machine.facts.nvidia


@pytest.mark.parametrize("name", FOLDERS)
def test_folder_stands_where_it_was_specified(machine: Machine, name: str) -> None:
    assert machine.status(f"{HOME}/{name}") == "directory root:root 755"


def test_nothing_else_stands_in_the_products_folder(machine: Machine) -> None:
    assert set(_walk(machine)["names"]) == {*FOLDERS, ".setup_complete"}


def test_everything_in_the_products_folder_is_roots_but_compiled_kernels(machine: Machine) -> None:
    user = machine.run(f"id -u {USER}").stdout.strip()
    assert _walk(machine)["not_roots"] == []
    assert [found for found in _walk(machine)["foreign_kernels"] if found.split()[1] != user] == []


@pytest.mark.security
def test_nobody_but_root_can_write_to_programs_model_and_scripts(machine: Machine) -> None:
    assert _walk(machine)["writable"] == []


@pytest.mark.security
def test_nothing_in_the_products_folder_can_be_written_by_everybody(machine: Machine) -> None:
    assert _walk(machine)["writable_by_all"] == []


def test_no_link_in_the_products_folder_leads_nowhere(machine: Machine) -> None:
    assert _walk(machine)["lost"] == []


def test_links_leave_the_products_folder_only_for_the_systems_python(machine: Machine) -> None:
    version = machine.versions["python_version"][machine.facts.platform]
    assert set(_walk(machine)["outside"]) <= {f"/usr/bin/python{version}"}


def test_the_one_entry_can_be_run(machine: Machine) -> None:
    assert machine.status(f"{HOME}/scripts/transcribe") == "regular file root:root 755"
    assert machine.run(f"{HOME}/scripts/transcribe --help").rc == 0


def test_disk_has_room_for_a_days_work(machine: Machine, measure: Measure) -> None:
    free = int(machine.lines(f"df --output=avail --block-size=1 {HOME}")[-1])
    measure("disk_free_bytes", free)
    assert free > FREE_BYTES
    assert int(machine.lines("df --output=ipcent / | tr -d %")[-1].replace("-", "0")) < 80


def test_root_is_mounted_for_writing(machine: Machine) -> None:
    assert "rw" in machine.says("findmnt -no OPTIONS /").split(",")


def _walk(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = machine.probe("home", HOME, RECORD)
    return found


def _wrong(content: dict[str, Any], kinds: dict[str, Any]) -> list[str]:
    return [
        name for name, kind in kinds.items() if name not in content or not isinstance(content[name], kind)
    ]
