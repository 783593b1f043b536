"""The software report: what was made and what is in it, all of it in tables that markdown can show."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from runner.image.report import Build, write_report
from runner.image.stages import Stage
from runner.image.wheel import Commit

INVENTORY: dict[str, Any] = {
    "platform": {"id": "ubuntu", "version": "22.04"},
    "kernel": "5.15.0-1115-aws",
    "disk": {"bytes": 30_000_000_000, "free": 12_000_000_000},
    "setup_complete": {
        "kernel": "5.15.0-1115-aws",
        "driver": {"version": "530.30.02", "flavour": "open"},
        "cuda": "11.8",
        "torch": "2.7.1+cu118",
        "project": "0.1.0",
        "wheel_sha256": "a" * 64,
        "model": {
            "id": "KBLab/kb-whisper-small",
            "style": "standard",
            "revision": "abc",
            "files": {"model.safetensors": "b" * 64},
        },
    },
    "debian": [
        {"name": "bash", "version": "5.1", "held": False, "licences": ["GPL-3+"]},
        {"name": "nvidia-dkms-530-open", "version": "530.30.02-0ubuntu1", "held": True, "licences": []},
    ],
    "python": [],
}
CHECKS: dict[str, Any] = {
    "verdict": "green",
    "sealed": False,
    "seconds": 12.3,
    "passed": 61,
    "failed": 0,
    "left_out": [{"name": "test_clock", "reason": "own clock"}],
    "subjects": {"kernel": {"passed": 5, "failed": 0, "left_out": 1}},
    "checks": [{"name": "test_load", "measured": {"load_s": 1.2}}, {"name": "test_kernel", "measured": {}}],
}
BILL: dict[str, Any] = {
    "components": [
        {"name": "torch", "version": "2.7.1+cu118", "licenses": [{"license": {"id": "BSD-3-Clause"}}]},
        {"name": "a|b", "version": "1"},
    ]
}


def build(**changes: Any) -> Build:
    told: dict[str, Any] = {
        "made": {"eu-north-1": "ami-0123456789abcdef0"},
        "finished": datetime(2026, 1, 31, 14, 25, tzinfo=timezone.utc),
        "packer": "1.16.0",
        "commit": Commit("f" * 40, False),
        "stages": [Stage("launch", 0.0, 61.0), Stage("nvidia_driver", 61.0, 200.0)],
        "inventory": INVENTORY,
        "checks": [CHECKS],
        "bill": BILL,
    }
    return Build(**{**told, **changes})


def test_it_names_the_image_and_every_version() -> None:
    text = write_report(build())

    assert text.startswith("# ami-0123456789abcdef0\n")
    for row in (
        "| eu-north-1 | ami-0123456789abcdef0 |",
        "| driver | 530.30.02 open |",
        "| torch | 2.7.1+cu118 |",
        "| cuDNN | none |",
        f"| our wheel | {'a' * 64} |",
        f"| model: model.safetensors | {'b' * 64} |",
        "| disk | 18 GB used, 12 GB free |",
    ):
        assert row in text


def test_it_tells_stages_checks_packages_and_licences() -> None:
    text = write_report(build())

    for row in (
        "| launch | 1:01 |",
        "| all | 3:20 |",
        "| kernel | 5 | 0 | 1 |",
        "| test_clock | own clock |",
        "| test_load | load_s 1.2 |",
        "| torch | 2.7.1+cu118 | BSD-3-Clause |",
        "| nvidia-dkms-530-open | 530.30.02-0ubuntu1 | held | unknown |",
    ):
        assert row in text


def test_a_commit_with_changes_is_not_passed_off_as_the_commit() -> None:
    assert f"{'f' * 40}, with changes that are in no commit" in write_report(
        build(commit=Commit("f" * 40, True))
    )


def test_without_checks_or_a_record_it_says_so() -> None:
    text = write_report(build(checks=[], inventory={**INVENTORY, "setup_complete": None}))

    assert "No result of the checks was found." in text
    assert "| torch | none |" in text


def test_every_table_has_as_many_cells_in_each_row() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", write_report(build()), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
