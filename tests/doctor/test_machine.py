"""What the doctor says of system, processor, memory and terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.doctor.machine import memory_limit, processor, processor_quota, system, terminal
from tests.support.doctor import ROOT
from tests.support.needs import needs


@pytest.mark.parametrize(
    ("name", "architecture", "libc", "state", "word"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), "ok", ""),
        ("Linux", "x86_64", ("glibc", "2.17"), "problem", "2.28"),
        ("Linux", "x86_64", ("", ""), "problem", "glibc"),  # musl
        ("Darwin", "arm64", ("", ""), "ok", ""),
        ("Darwin", "x86_64", ("", ""), "problem", "Intel"),
        ("Windows", "AMD64", ("", ""), "problem", "Use WSL"),
    ],
)
def test_a_system_is_supported_or_refused_in_one_sentence(
    name: str, architecture: str, libc: tuple[str, str], state: str, word: str
) -> None:
    finding = system(name, architecture, libc)
    assert finding.state == state
    assert word in finding.mend


@pytest.mark.slow
@needs("linux")
def test_the_precision_told_is_the_one_that_the_engine_takes() -> None:
    import torch

    from runner.engine.device import choose_precision

    chosen = choose_precision("auto", torch.device("cpu"))
    assert processor().found.endswith(f"auto precision is {chosen}")


def test_a_container_with_less_than_its_cores_is_told(tmp_path: Path) -> None:
    assert processor_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert processor_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert processor_quota(tmp_path) == 1.5
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) is None
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert memory_limit(tmp_path) == 2**30


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    for folder, name, value in [
        ("cpu", "cpu.cfs_quota_us", "50000"),
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("memory", "memory.limit_in_bytes", "9223372036854771712"),
    ]:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(f"{value}\n")
    assert processor_quota(tmp_path) == 0.5
    assert memory_limit(tmp_path) is None


def test_a_terminal_without_utf8_is_told() -> None:
    assert terminal("utf-8", "UTF-8").state == "ok"
    assert terminal("iso8859-1", "utf-8").state == "note"


def test_a_terminal_without_utf8_is_written_to_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "å"
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "GPU_TRANSCRIBER_OUTPUT": str(folder)}
    command = [sys.executable, "-m", "runner", "doctor"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "\\xe5" in done.stdout
    assert "prints ascii" in done.stdout
