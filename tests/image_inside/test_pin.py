"""The default model's revision, resolved and written where the image is held to it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runner.machine import pin
from tests.support.checkout import ROOT
from tests.support.hub import Hub
from tests.support.whisper import checkpoint_files

VERSIONS = ROOT / "ansible" / "group_vars" / "all" / "versions.yml"
MODEL = yaml.safe_load(VERSIONS.read_text())["default_model"]["id"]


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    path = tmp_path / "versions.yml"
    path.write_text(VERSIONS.read_text())
    return path


def run(versions: Path, room: Path) -> int:
    return pin.main(["--file", str(versions), "--room", str(room)])


def test_revision_sizes_and_sums_are_written_and_nothing_else_is_changed(
    hub: Hub, versions: Path, tmp_path: Path
) -> None:
    files = checkpoint_files(seed=1)
    revision = hub.publish(MODEL, files)
    (room := tmp_path / "room").mkdir()
    before = versions.read_text()
    assert run(versions, room) == 0

    held = yaml.safe_load(versions.read_text())
    assert held["default_model"]["revision"] == revision
    assert held["default_model"]["files"] == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    rest = {**held, "default_model": None}
    assert rest == {**yaml.safe_load(before), "default_model": None}
    comments = [line for line in before.splitlines() if "#" in line]
    assert [line for line in versions.read_text().splitlines() if "#" in line] == comments
    assert list(room.iterdir()) == []


def test_who_reads_meanwhile_has_the_whole_of_what_was_there(
    hub: Hub, versions: Path, tmp_path: Path
) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    versions.chmod(0o640)
    before = versions.read_text()
    with versions.open() as reader:
        assert run(versions, tmp_path) == 0
        assert reader.read() == before
    assert versions.stat().st_mode & 0o777 == 0o640
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_later_revision_takes_the_place_of_the_one_that_was_held(
    hub: Hub, versions: Path, tmp_path: Path
) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    run(versions, tmp_path)
    once = versions.read_text()
    run(versions, tmp_path)
    assert versions.read_text() == once

    revision = hub.publish(MODEL, checkpoint_files(seed=2))
    run(versions, tmp_path)
    assert yaml.safe_load(versions.read_text())["default_model"]["revision"] == revision
    assert len(versions.read_text().splitlines()) == len(once.splitlines())


def test_where_the_hub_cannot_be_reached_it_says_where_to_run_it(versions: Path, tmp_path: Path) -> None:
    before = versions.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "runner.machine.pin", "--file", str(versions), "--room", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip

    assert done.returncode == 2
    assert "cannot be resolved here" in done.stderr
    assert "runner.machine.pin` on a machine that reaches the hub" in done.stderr
    assert "Traceback" not in done.stderr
    assert versions.read_text() == before
