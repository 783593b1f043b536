"""What the doctor says of the disk, and whether the commands that it gives do what it says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runner.doctor.disk import disk, measure, room
from runner.screen.tables import in_gigabytes
from runner.settings import load_settings
from tests.support.disks import read_only_disk, small_disk
from tests.support.doctor import one, run
from tests.support.needs import needs


def test_what_is_on_disk_is_counted_once_whatever_its_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_bytes(os.urandom(1_000_000))
    (tmp_path / "a/again").hardlink_to(tmp_path / "a/file")
    (tmp_path / "a/link").symlink_to(tmp_path)
    assert 1_000_000 <= measure([tmp_path / "a"]).size < 1_100_000
    assert measure([tmp_path / "gone"]).size == 0


def test_it_says_how_to_free_only_what_is_ours(tmp_path: Path) -> None:
    for name in ("results/20250102_030405", "results/20250102_030405_2", "results/precious", "cache/models"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(os.urandom(50_000))
    findings = list(disk(load_settings()))
    for subject in ("results", "models on disk"):
        command = one(findings, subject).mend.split("`")[1]
        subprocess.run(["sh", "-c", command], check=True)
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["precious"]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = room("room (results)", tmp_path / "file" / "below", "GPU_TRANSCRIBER_OUTPUT")
    assert finding.state == "problem"
    assert finding.found == f"{tmp_path}/file is not a folder"
    assert "GPU_TRANSCRIBER_OUTPUT" in finding.mend


@needs("linux", "root")
def test_a_read_only_cache_and_a_full_disk_are_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only_disk(tmp_path / "ro") as cache, small_disk(tmp_path / "full", 64) as output:
        monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(cache))
        monkeypatch.setenv("GPU_TRANSCRIBER_OUTPUT", str(output))
        code, found = run()
    assert code == 1
    assert found["room (models)"].found == f"{cache} cannot be written to"
    assert found["room (results)"].found == f"66 kB free in {output}"


@pytest.mark.parametrize(
    ("size", "shown"), [(5_700_000_000, "5.7 GB"), (290_000_000, "290 MB"), (12_345, "12 kB"), (0, "0 kB")]
)
def test_sizes_read_as_people_say_them(size: int, shown: str) -> None:
    assert in_gigabytes(size) == shown
