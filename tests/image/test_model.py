"""The model: the right one, at its revision, bit for bit, where the program finds it without a network."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .machine import HOME, USER, Machine

pytestmark = pytest.mark.static

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.pickle", "*.h5", "*.msgpack", "*.py")
LEFT_BY_A_DOWNLOAD = ("*.part", "*.partial", "*.incomplete", "*.lock", "*.tmp", ".git", "*.download")


def _wanted(machine: Machine) -> dict[str, Any]:
    name = "demonstration_model" if machine.declared["demonstration"] else "default_model"
    model: dict[str, Any] = machine.versions[name]
    return model


def _digests(machine: Machine) -> dict[str, str]:
    found: dict[str, str] = machine.probe("digests", machine.declared["model"]["folder"])
    return found


def test_model_is_the_one_of_the_versions_file(machine: Machine) -> None:
    model, wanted = machine.declared["model"], _wanted(machine)
    assert model["id"] == wanted["id"]
    assert wanted["revision"] in (None, model["revision"])
    assert model["style"] == wanted.get("style", "standard")


def test_model_has_no_other_files_than_the_versions_file_knows(machine: Machine) -> None:
    known = _wanted(machine).get("files") or {}
    declared = machine.declared["model"]["files"]
    assert {name: digest for name, digest in known.items() if declared.get(name) != digest} == {}
    assert not known or set(declared) == set(known)


def test_every_byte_of_the_model_is_the_one_that_was_set_up(machine: Machine) -> None:
    declared = machine.declared["model"]["files"]
    assert any(name.endswith(".safetensors") for name in declared)
    found = _digests(machine)
    assert {name: found.get(name) for name in declared} == declared


def test_folder_of_the_model_holds_nothing_else(machine: Machine) -> None:
    assert set(_digests(machine)) == set(machine.declared["model"]["files"])


def test_there_is_one_model_and_no_rest_of_a_download(machine: Machine) -> None:
    names = " -o ".join(f"-name '{pattern}'" for pattern in LEFT_BY_A_DOWNLOAD)
    assert machine.lines(f"find {HOME}/models \\( {names} \\)") == []
    folders = machine.lines(f"find {HOME}/models -name config.json -printf '%h\\n'")
    assert folders == [machine.declared["model"]["folder"]]


@pytest.mark.security
def test_model_holds_no_file_that_could_run_code_when_loaded(machine: Machine) -> None:
    names = " -o ".join(f"-name '{pattern}'" for pattern in PICKLES)
    assert machine.lines(f"find {HOME}/models -type f \\( {names} \\)") == []
    assert machine.lines(f"find {HOME}/models -type f -perm /111") == []


@pytest.mark.security
def test_model_can_be_read_by_the_service_and_written_by_nobody(machine: Machine) -> None:
    assert machine.lines(f"find {HOME}/models -type f -perm /222") == []
    assert machine.lines(f"find {HOME}/models -not -user root") == []
    weights = f"{machine.declared['model']['folder']}/model.safetensors"
    as_user = f"setpriv --reuid={USER} --regid={USER} --init-groups"
    assert machine.run(f"{as_user} test -r %s", weights).rc == 0
    assert machine.run(f"{as_user} test -w %s", weights).rc != 0


def test_models_settings_are_those_of_multilingual_whisper(machine: Machine) -> None:
    config = json.loads(machine.read(f"{machine.declared['model']['folder']}/config.json"))
    assert config["model_type"] == "whisper"
    assert config["vocab_size"] >= 51_865, "an English-only Whisper has 51 864 tokens"


def test_weights_are_whole(machine: Machine) -> None:
    """The head of a safetensors file says how long the file is: a cut one is shorter."""
    found = machine.probe("safetensors", f"{machine.declared['model']['folder']}/model.safetensors")
    assert found["size"] == found["told"]
    assert found["tensors"] > 100


def test_program_finds_the_model_without_a_network(machine: Machine) -> None:
    environment = f"set -a; . {HOME}/scripts/environment; set +a"
    shown = machine.says(f"{environment}; unshare --net {HOME}/venv/bin/gpu-transcriber models")
    line = next((line for line in shown.splitlines() if machine.declared["model"]["id"] in line), "")
    assert line, f"the program does not know {machine.declared['model']['id']}: {shown}"
    assert not re.search(r"incomplete|damaged", line)


def test_demonstration_model_is_on_no_machine_with_a_gpu_that_goes_into_service(machine: Machine) -> None:
    declared = machine.declared
    assert not (declared["demonstration"] and declared["gpu"]), "set up with model_source=hub or a folder"
