"""What the build does while cloud-init is still at work, by how that ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

SCRIPT = ROOT / "packer/scripts/settled"


def settle(folder: Path, code: int, wait: str = "true") -> subprocess.CompletedProcess[str]:
    """Run the script where cloud-init ends with this exit code and, asked at length, says why."""
    programs = {
        "sudo": 'exec "$@"',
        "cloud-init": f'echo "$*" >> {folder}/asked\n[ "$2" = --long ] && echo "detail: no such mirror"\nexit {code}',
    }
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "asked").touch()
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "WAIT": wait}
    return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("code", [0, 2])
def test_what_cloud_init_recovered_from_ends_no_build(code: int, tmp_path: Path) -> None:
    done = settle(tmp_path, code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stage: start\n", "")
    assert (tmp_path / "asked").read_text() == "status --wait\n"


def test_a_failure_is_told_in_cloud_inits_own_words(tmp_path: Path) -> None:
    done = settle(tmp_path, 1)
    assert done.returncode == 1
    assert "exit code 1" in done.stderr
    assert "detail: no such mirror" in done.stderr + done.stdout


def test_on_somebodys_own_machine_it_is_not_waited_for(tmp_path: Path) -> None:
    assert settle(tmp_path, 1, wait="false").returncode == 0
    assert (tmp_path / "asked").read_text() == ""


def test_a_machine_without_cloud_init_has_nothing_to_wait_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPT], env={"PATH": str(tmp_path), "WAIT": "true"}, capture_output=True, timeout=60
    )
    assert done.returncode == 0
