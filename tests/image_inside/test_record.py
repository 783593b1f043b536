"""The record of a finished machine: what it says is found on the machine."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engine.models import store
from runner.errors import CannotStart
from runner.machine import record

ASKED = {
    "gpu": False,
    "disposable": True,
    "take_over": False,
    "git_sha": "abc",
    "model": "a/model",
    "style": "subtitle",
    "demonstration": False,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder like /opt/transcribe, with two packages and a model of two files."""
    packages = tmp_path / "venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    for name in ("b-1.dist-info", "a_x-2.dist-info", "a-1.dist-info"):
        (packages / name).mkdir(parents=True)
        (packages / name / "RECORD").write_text(f"{name}/RECORD,,\n")
    (tmp_path / "venv" / "installed.json").write_text('{"lock_sha256": "l", "wheel_sha256": "w"}')
    held = store.Record("a/model", "rev", "hub", {"config.json": store.File(2, "0" * 64)}, "subtitle")
    store.write_record(tmp_path, held)
    folder = store.folder_of(tmp_path, held)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "warm.json").write_text('{"identity": {"gpu": null, "driver": null}}')
    return tmp_path


def test_it_says_what_was_asked_and_what_is_there(home: Path) -> None:
    found = record.describe(home, ASKED)
    assert {name: found[name] for name in ("schema", "gpu", "disposable", "take_over", "git_sha", "demonstration")} == {
        "schema": 1, "gpu": False, "disposable": True, "take_over": False, "git_sha": "abc", "demonstration": False,
    }  # fmt: skip
    assert (found["lock_sha256"], found["wheel_sha256"]) == ("l", "w")
    assert (found["driver"], found["cuda"], found["cudnn"]) == (None, None, None)
    assert found["python"] == platform.python_version()
    assert found["cache"] == {"gpu": None, "driver": None}


def test_the_models_sums_are_those_of_its_bytes_and_not_of_its_record(home: Path) -> None:
    found = record.describe(home, ASKED)["model"]
    assert found["files"] == {
        "config.json": hashlib.sha256(b"{}").hexdigest(),
        "model.safetensors": hashlib.sha256(b"weights").hexdigest(),
    }
    assert (found["id"], found["revision"], found["style"]) == ("a/model", "rev", "subtitle")
    assert found["folder"] == str(home / "models" / "a--model@subtitle" / "rev")


def test_the_sum_of_the_environment_is_the_one_that_a_shell_makes(home: Path) -> None:
    command = (
        f"cd {home}/venv/lib/python3.*/site-packages && LC_ALL=C sha256sum -- *.dist-info/RECORD | sha256sum"
    )
    shell = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert record.venv_sha256(home / "venv") == shell.stdout.split()[0]


def test_the_sum_of_the_environment_changes_with_any_package(home: Path) -> None:
    before = record.venv_sha256(home / "venv")
    next((home / "venv").glob("**/b-1.dist-info/RECORD")).write_text("b.py,sha256=x,1\n")
    assert record.venv_sha256(home / "venv") != before


@pytest.mark.parametrize("part", ["venv/installed.json", "cache/warm.json", "models/a--model@subtitle.json"])
def test_a_part_that_is_not_there_is_told_in_a_sentence(part: str, home: Path) -> None:
    (home / part).unlink()
    with pytest.raises(CannotStart, match=r"cannot be read .* did not finish\."):
        record.describe(home, ASKED)


@pytest.mark.parametrize("content", ["[]", '{"id": "a/model"}'])
def test_a_model_of_which_no_whole_record_is_there_is_told_in_a_sentence(content: str, home: Path) -> None:
    (home / "models" / "a--model@subtitle.json").write_text(content)
    with pytest.raises(CannotStart, match=r"subtitle\.json cannot be read .* did not finish\."):
        record.describe(home, ASKED)


def test_the_command_prints_json_and_its_failure_is_no_traceback(home: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "runner.machine.record",
        "--home",
        str(home),
        "--asked",
        json.dumps(ASKED),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert json.loads(done.stdout) == record.describe(home, ASKED)
    (home / "cache" / "warm.json").unlink()
    failed = subprocess.run(command, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
