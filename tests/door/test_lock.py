"""requirements.lock: what it may hold, and that uv holds packages to it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from tests.support.checkout import ROOT, tamper

LOCK = ROOT / "requirements.lock"


def test_names_packages_and_hashes_and_nothing_of_where_they_came_from() -> None:
    for line in LOCK.read_text().splitlines():
        pin = re.fullmatch(r"[a-z0-9-]+==[^\s;/@]+( ; [^/@]+)? \\", line)
        digest = re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        comment = re.fullmatch(
            r"    # via( [a-z0-9-]+( \(pyproject\.toml\))?)?|    #   [a-z0-9-]+( \(pyproject\.toml\))?", line
        )
        assert pin or digest or comment, line


def test_holds_what_builds_and_installs_the_project() -> None:
    pinned = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(), re.MULTILINE))
    assert {"uv", "hatchling", "editables", "invoke", "torch", "pytest"} <= pinned


@pytest.mark.parametrize("honest", [True, False])
def test_uv_refuses_what_does_not_have_the_locks_hash(honest: bool, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK.read_text())
    if not honest:
        tamper(lock, "mdurl")
    run = subprocess.run(
        [
            uv.find_uv_bin(),
            "pip",
            "install",
            "--python",
            sys.executable,
            "--target",
            tmp_path / "site",
            "mdurl",
            "-c",
            lock,
        ],
        capture_output=True,
        text=True,
    )
    assert (run.returncode == 0) is honest, run.stderr
    assert ("Hash mismatch for `mdurl" in run.stderr) is not honest
    assert (tmp_path / "site" / "mdurl").exists() is honest
