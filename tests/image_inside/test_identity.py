"""What a warm-up holds for: GPU and driver, as the driver tells them in /proc."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.machine.identity import Identity, driver, gpu, identify

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  530.30.02  Wed Feb 22 04:11:39 UTC 2023\nGCC version:\n"
)
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder@U22)\n"
)
INFORMATION = "Model: \t\t Tesla T4\nIRQ:   \t\t 33\nGPU UUID: \t GPU-1\n"
NOTHING = Identity(None, None, "2.7.1", "0.1.0", "sum", "a/model", "rev", "standard")


@pytest.mark.parametrize(
    ("text", "version"), [(PROPRIETARY, "530.30.02"), (OPEN, "580.95.05"), ("?\n", None)]
)
def test_the_driver_is_read_where_it_says_its_version(text: str, version: str | None, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(text)
    assert driver(tmp_path) == version


def test_the_gpu_is_read_where_the_driver_lists_it(tmp_path: Path) -> None:
    folder = tmp_path / "gpus" / "0000:00:1e.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text(INFORMATION)
    assert gpu(tmp_path) == "Tesla T4"


def test_without_a_driver_there_is_neither(tmp_path: Path) -> None:
    assert (gpu(tmp_path), driver(tmp_path)) == (None, None)


def test_kernels_are_kept_apart_by_gpu_and_driver() -> None:
    t4 = replace(NOTHING, gpu="Tesla T4", driver="530.30.02")
    assert (NOTHING.key, t4.key) == ("cpu", "tesla-t4-530.30.02")
    assert t4.key != replace(t4, driver="535.183.06").key


def test_this_machine_is_identified_with_the_program_that_runs() -> None:
    found = identify("a/model", "rev", "standard")
    assert found.project
    assert found.program
    assert (found.model, found.revision, found.style) == ("a/model", "rev", "standard")
