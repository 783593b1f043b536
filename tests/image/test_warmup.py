"""What was done ahead of time: kernels compiled for this GPU, and a list of what a cold start reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Measure
from .machine import HOME, USER, Machine

pytestmark = pytest.mark.static

RECORD = f"{HOME}/cache/warm.json"
LIST = f"{HOME}/cache/preread.list"
LEAST_ACCURACY = 0.9  # of the clip's words
DEMONSTRATION_ACCURACY = 0.6  # whisper-base knows little Swedish


def _record(machine: Machine) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(machine.read(RECORD))
    return record


def test_warm_up_understood_the_clip(machine: Machine, measure: Measure) -> None:
    record = _record(machine)
    measure("warm_up_accuracy", record["accuracy"])
    least = DEMONSTRATION_ACCURACY if machine.declared["demonstration"] else LEAST_ACCURACY
    assert record["text"].strip()
    assert record["accuracy"] >= least


def test_warm_up_used_this_model_and_this_program(machine: Machine) -> None:
    identity, declared = _record(machine)["identity"], machine.declared
    assert (identity["model"], identity["revision"]) == (
        declared["model"]["id"],
        declared["model"]["revision"],
    )
    assert identity["project"] == declared["project"]
    assert identity["torch"].partition("+")[0] == declared["torch"].partition("+")[0]


def test_warm_up_recorded_a_cold_and_a_warm_start(machine: Machine, measure: Measure) -> None:
    record = _record(machine)
    for state in ("cold", "warm"):
        measure(f"{state}_load_when_set_up_s", round(record[state]["load_s"], 2))
        assert record[state]["load_s"] > 0
    assert set(record["identity"]) >= {"gpu", "driver"}


@pytest.mark.gpu
def test_compiled_kernels_are_of_this_gpu_and_this_driver(machine: Machine) -> None:
    """Another card, or another driver, compiles anew and is slow: the cache says whose it is."""
    row = machine.lines("nvidia-smi --query-gpu=name,driver_version --format=csv,noheader")[0]
    name, driver = (field.strip() for field in row.split(","))
    identity = _record(machine)["identity"]
    assert (identity["gpu"], identity["driver"]) == (name, driver)
    assert (machine.declared["cache"]["gpu"], machine.declared["cache"]["driver"]) == (name, driver)


def test_there_is_one_cache_of_kernels_and_it_is_this_machines(machine: Machine) -> None:
    folders = machine.lines(f"ls -A {HOME}/cache/kernels")
    assert len(folders) == 1, "a cache of another GPU, driver or processor takes room and serves nobody"
    if not machine.gpu:
        assert folders == ["cpu"]
        return
    identity = _record(machine)["identity"]
    assert identity["driver"] in folders[0]


def test_compilers_find_the_folders_of_their_caches(machine: Machine, measure: Measure) -> None:
    """How much lies there is only told: torch may bring machine code for this card, and then nothing is compiled."""
    names = "CUDA_CACHE_PATH|TORCHINDUCTOR_CACHE_DIR|TRITON_CACHE_DIR"
    settings = machine.lines(f"grep -E '^({names})=' {HOME}/scripts/environment")
    folders = [setting.partition("=")[2] for setting in settings]
    assert len(folders) == 3
    assert [
        folder for folder in folders if not machine.status(folder).startswith(f"directory {USER}:{USER} ")
    ] == []
    measure("compiled_kernels_kib", int(machine.says(f"du -sk {HOME}/cache/kernels").split()[0]))


def test_service_can_write_to_the_cache_of_kernels_and_to_nothing_else_of_the_product(
    machine: Machine,
) -> None:
    as_user = f"setpriv --reuid={USER} --regid={USER} --init-groups"
    assert machine.run(f"{as_user} test -w {HOME}/cache/kernels/*/cuda").rc == 0
    writable = machine.lines(
        f"{as_user} find {HOME} -not -type l -writable -not -path '{HOME}/cache/kernels*' | head -20"
    )
    assert writable == []


def test_list_of_what_to_read_first_names_files_that_are_here(machine: Machine, measure: Measure) -> None:
    found = machine.probe("preread", LIST)
    measure("preread_bytes", found["bytes"])
    measure("preread_files", found["files"])
    assert found["malformed"] == []
    assert found["absent"] == []
    assert found["beyond"] == [], "a range lies behind the end of its file"


def test_list_of_what_to_read_first_begins_with_the_model_and_covers_it(machine: Machine) -> None:
    found, folder = machine.probe("preread", LIST), machine.declared["model"]["folder"]
    assert found["first"].startswith(f"{folder}/")
    covered = sum(size for path, size in found["covered"].items() if path.endswith(".safetensors"))
    size = sum(int(size) for size in machine.lines(f"stat -c %s {folder}/*.safetensors"))
    assert covered > 0.9 * size


def test_list_of_what_to_read_first_names_torchs_libraries(machine: Machine) -> None:
    covered = machine.probe("preread", LIST)["covered"]
    assert any("/torch/lib/" in path for path in covered)
    assert [path for path in covered if not path.startswith((f"{HOME}/", "/usr/", "/lib/", "/etc/"))] == []
