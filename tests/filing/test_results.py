"""Results on the disk: whole or not at all, never one over another."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from runner.errors import DiskFull, OutputNotWritable
from runner.filing.results import RunFolder, earlier_runs, folder_name, is_run_folder
from tests.support.disks import read_only_disk, small_disk

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
FILES = {"transcription.txt": "Hej på dig.\n", "metadata.json": '{"complete": true}\n'}


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_gets_a_folder_named_by_its_second_and_each_recording_one_in_it(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "results", NOW)
    folder = run.file("möte ett", FILES)
    assert folder == tmp_path / "results/20260304_050607/möte ett"
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == FILES
    assert tree(run.path) == ["möte ett", "möte ett/metadata.json", "möte ett/transcription.txt"]


def test_runs_of_the_same_second_get_suffixes_however_many_start_at_once(tmp_path: Path) -> None:
    made: list[str] = []
    ready = threading.Barrier(8)

    def start() -> None:
        ready.wait()
        made.append(RunFolder.create(tmp_path / "results", NOW).path.name)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["20260304_050607", *(f"20260304_050607_{n}" for n in range(2, 9))]


def test_recordings_of_the_same_name_get_suffixes_however_many_are_filed_at_once(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, NOW)
    ready = threading.Barrier(8)

    def file() -> None:
        ready.wait()
        run.file("a", FILES)

    threads = [threading.Thread(target=file) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in run.path.iterdir()) == ["a", *(f"a_{n}" for n in range(2, 9))]
    assert all(len(list(path.iterdir())) == 2 for path in run.path.iterdir())


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("möte ett", "möte ett"),
        ("a/b\\c:d", "a_b_c_d"),
        ("..", "recording"),
        (".dold ", "dold"),
        ("", "recording"),
        ("rad\nbryt", "rad_nbryt"),
        ("ö" * 300, "ö" * 60),
        ("Föreläsning 3.1", "Föreläsning 3.1"),
    ],
)
def test_a_recording_keeps_its_name_as_far_as_file_systems_can(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_bytes_that_are_no_text_still_make_a_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, NOW).file(os.fsdecode(b"caf\xe9"), FILES)
    assert folder.name == "caf_xe9"


def test_a_result_gives_way_to_a_better_one(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, NOW)
    old = run.file("a", {"transcription.txt": "Hej", "transcription.srt": "1"})
    assert run.file("a", FILES, replacing=old) == old
    assert tree(run.path) == ["a", "a/metadata.json", "a/transcription.txt"]


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "new/results", NOW).discard_if_empty()
    assert tree(tmp_path) == []
    (tmp_path / "mine").mkdir()
    RunFolder.create(tmp_path / "mine", NOW).discard_if_empty()
    assert tree(tmp_path) == ["mine"]


def test_a_run_that_wrote_something_stays(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "results", NOW)
    folder = run.file("a", FILES)
    run.discard_if_empty()
    assert folder.is_dir()


def test_an_output_that_may_not_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    with read_only_disk(tmp_path / "disk") as disk:
        for output in (disk, disk / "results"):
            with pytest.raises(OutputNotWritable, match="choose another --output") as told:
                RunFolder.create(output, NOW)
            assert told.value.path == output
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritable):
        RunFolder.create(tmp_path / "file", NOW)


def test_a_full_disk_is_told_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "filler").write_bytes(b"\0" * 64 * 1024)
        with pytest.raises(DiskFull, match="free some"):
            RunFolder.create(disk / "results", NOW)
        assert tree(disk) == ["filler"]


def test_a_disk_that_fills_while_a_result_is_written_keeps_no_half_of_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        run = RunFolder.create(disk, NOW)
        first = run.file("a", FILES)
        with pytest.raises(DiskFull):
            run.file("b", {"transcription.txt": "x" * 20_000, "transcription.srt": "x" * 100_000})
        with pytest.raises(DiskFull):
            run.file("a", {"transcription.txt": "x" * 100_000}, replacing=first)
        assert tree(run.path) == ["a", "a/metadata.json", "a/transcription.txt"]


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from datetime import datetime, timezone;"
        "from runner.filing.results import RunFolder;"
        "run = RunFolder.create(Path(sys.argv[1]), datetime.now(timezone.utc));"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (5000, {resource.RLIM_INFINITY}));"
        "run.file('a', {'transcription.txt': 'x' * 6000})"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "DiskFull" in done.stderr.splitlines()[-1]
    assert tree(tmp_path) == [next(tmp_path.iterdir()).name]


def test_a_process_killed_while_writing_leaves_nothing_that_looks_like_a_result(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from datetime import datetime, timezone;"
        "from runner.filing.results import RunFolder;"
        "run = RunFolder.create(Path(sys.argv[1]), datetime.now(timezone.utc));"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL);"
        "run.file('a', {'transcription.txt': 'x', 'metadata.json': '{}'})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (run,) = earlier_runs(tmp_path)
    assert [path.name for path in run.path.iterdir() if not path.name.startswith(".")] == []
    assert run.filed() == []


def test_earlier_runs_come_newest_first_and_other_folders_not_at_all(tmp_path: Path) -> None:
    for name in ("20260101_000000", "20260304_050607_2", "20260304_050607_10", "20260304_050607", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "20260505_000000").write_text("a file")
    assert [run.path.name for run in earlier_runs(tmp_path)] == [
        "20260304_050607_10",
        "20260304_050607_2",
        "20260304_050607",
        "20260101_000000",
    ]
    assert list(earlier_runs(tmp_path / "nowhere")) == []
    assert is_run_folder(tmp_path / "20260101_000000", tmp_path)
    assert not is_run_folder(tmp_path / "mine/20260101_000000", tmp_path)


def test_what_an_earlier_run_filed_is_found_and_damaged_metadata_passed_over(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, NOW)
    metadata: dict[str, object] = {"source": {}, "options": {}, "durations": {}}
    run.file("a", {"metadata.json": json.dumps(metadata)})
    run.file("b", {"metadata.json": "{"})
    run.file("c", {"metadata.json": "[]"})
    assert [(filed.folder.name, filed.metadata) for filed in run.filed()] == [("a", metadata)]


def test_resuming_needs_a_folder_that_can_still_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder.create(tmp_path, NOW)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)  # a disk can turn read-only between two runs
    with pytest.raises(OutputNotWritable):
        RunFolder.resume(run.path)
