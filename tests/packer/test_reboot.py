"""How the build has a machine start anew, and knows that it did."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


@pytest.mark.parametrize(
    ("reboots", "asked"), [("true", ["touch /run/before-reboot", "systemctl reboot"]), ("false", [])]
)
def test_only_a_machine_that_may_be_started_anew_is(reboots: str, asked: list[str], tmp_path: Path) -> None:
    """The mark comes first: it lies in memory, and is gone once the machine has come up again."""
    (tmp_path / "asked").touch()
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n')
    sudo.chmod(0o755)
    done = subprocess.run(
        [ROOT / "packer/scripts/reboot"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "REBOOTS": reboots},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stage: reboot\n", "")
    assert (tmp_path / "asked").read_text().splitlines() == asked
