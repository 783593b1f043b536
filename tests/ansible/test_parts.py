"""Which roles run on whose machine: one that stays its owner's keeps its kernel, driver, CUDA and security."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.playing import ANSIBLE, Played, ansible, outcome, playbook, read

DEEP = ("kernel", "nvidia_driver", "cuda", "security", "sysprep")
TAGS = "first,main,last"


@pytest.mark.parametrize("role", DEEP)
def test_a_machine_that_stays_its_owners_is_left_as_it_is(role: str, tmp_path: Path) -> None:
    played = play_alone(role, tmp_path, gpu=True, disposable=False, take_over=False)
    assert (played.ok, played.changed, played.failed) == (0, 0, 0), played.output
    assert "skipping: " in played.output


@pytest.mark.parametrize("role", ["kernel", "nvidia_driver", "cuda"])
def test_a_machine_without_a_gpu_gets_no_kernel_driver_or_cuda(role: str, tmp_path: Path) -> None:
    played = play_alone(role, tmp_path, gpu=False, disposable=False, take_over=True)
    assert (played.ok, played.changed, played.failed) == (0, 0, 0), played.output
    assert "skipping: " in played.output


def test_a_machine_that_was_handed_over_gets_cuda(tmp_path: Path) -> None:
    """It is not skipped: it meets a version that there is none of, and says so."""
    played = play_alone(
        "cuda", tmp_path, gpu=True, disposable=False, take_over=True, cuda_version="0", cuda_cudnn=False
    )
    assert played.failed == 1
    assert "value of cuda_version must be one of" in " ".join(played.output.split())


def play_alone(role: str, folder: Path, **given: Any) -> Played:
    """One role, under the very conditions that image.yml gives it, in check mode on this computer."""
    (image,) = read(ANSIBLE / "image.yml")
    entries = [entry for entry in image["roles"] if entry["role"] == role]
    assert len(entries) == 1
    keys = {"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": entries}
    book = playbook(folder, [], **{**keys, "vars": image["vars"]})
    settings = yaml.safe_dump(given, default_flow_style=True, width=10_000)
    return outcome(
        ansible("--check", "--inventory=localhost,", f"--tags={TAGS}", f"--extra-vars={settings}", str(book))
    )
