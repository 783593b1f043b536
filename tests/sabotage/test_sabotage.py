"""A baked machine is broken in one way after another, and each time the check that should see it goes red."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sabotage.conductor import ALL
from tests.sabotage.sabotage import Outcome
from tests.support.machines import Root, machine
from tests.support.needs import needs

pytestmark = [needs("machines"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(baked: Root, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the checks said before, under and after every sabotage: one process, one connection."""
    file = tmp_path_factory.mktemp("sabotage") / "told.json"
    with machine(baked) as one:
        host = f"--hosts=ssh://{one.user}@{one.address}"
        command = [
            sys.executable,
            "-m",
            "tests.sabotage",
            host,
            f"--ssh-config={one.ssh_config}",
            "--timeout=0",
        ]
        done = subprocess.run([*command, f"--sabotage-json={file}"], cwd=ROOT, capture_output=True, text=True)
        assert file.exists(), done.stdout + done.stderr
        yield json.loads(file.read_text())


def test_machine_is_whole_before_anybody_breaks_it(told: dict[str, Any]) -> None:
    assert told["before"] == {}


@pytest.mark.parametrize("name", [sabotage.name for sabotage in ALL])
def test_is_noticed_that(told: dict[str, Any], name: str) -> None:
    outcome = Outcome(**next(row for row in told["outcomes"] if row["name"] == name))
    assert outcome.complaint == ""
    assert outcome.missed == [], "these checks should have gone red"
    assert outcome.strange == [], "these checks went red, and nothing that they are about was broken"


def test_machine_is_whole_again_afterwards(told: dict[str, Any]) -> None:
    assert told["after"] == {}
