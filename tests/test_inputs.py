"""What a person names, and the recordings that are meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import RecordingMissing, RecordingUnreadable, UsageError
from runner.filing.results import is_run_folder
from runner.inputs import find_inputs, printable, seconds
from tests.support.needs import needs


def nothing(_: Path) -> bool:
    return False


def found(*names: str | Path) -> list[str]:
    recordings, problems = find_inputs([str(name) for name in names], leave_out=nothing)
    assert problems == []
    return [recording.name for recording in recordings]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recordings among other things; the tests run in its parent."""
    for name in (
        "b.mp3",
        "A.WAV",
        "notes.txt",
        ".hidden.mp3",
        "2024/möte ett.m4a",
        "2024/film.mkv",
        ".cache/c.mp3",
    ):
        path = tmp_path / "calls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    monkeypatch.chdir(tmp_path)
    return Path("calls")


def test_a_folder_gives_its_audio_and_video_by_name_and_leaves_hidden_things_out(calls: Path) -> None:
    assert found(calls) == ["calls/A.WAV", "calls/b.mp3", "calls/2024/film.mkv", "calls/2024/möte ett.m4a"]


def test_a_file_is_taken_as_named_whatever_its_ending(calls: Path) -> None:
    assert found(calls / "notes.txt") == ["calls/notes.txt"]


def test_the_order_named_is_kept_and_nothing_comes_twice(calls: Path) -> None:
    Path("link.mp3").symlink_to(calls / "A.WAV")
    assert found("calls/b.mp3", "./calls/b.mp3", calls.resolve(), "link.mp3")[:2] == [
        "calls/b.mp3",
        f"{calls.resolve()}/A.WAV",
    ]
    assert len(found("calls/b.mp3", "./calls/b.mp3", calls.resolve(), "link.mp3")) == 4


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("calls/*.mp3", ["calls/b.mp3"]),
        ("calls/[A-Z]*", ["calls/A.WAV"]),
        ("calls/**/*.m??", ["calls/2024/film.mkv", "calls/2024/möte ett.m4a", "calls/b.mp3"]),
        ("call?", ["calls/A.WAV", "calls/b.mp3", "calls/2024/film.mkv", "calls/2024/möte ett.m4a"]),
    ],
)
def test_a_pattern_the_shell_did_not_expand_is_expanded(calls: Path, pattern: str, names: list[str]) -> None:
    assert found(pattern) == names


def test_a_name_that_looks_like_a_pattern_but_exists_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "interview [1].mp3"
    path.write_bytes(b"sound")
    assert found(path) == [str(path)]


def test_run_folders_are_not_searched_but_folders_that_only_look_like_them_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("results/20260102_030405/a", "results/other", "20260102_030405"):
        Path(folder).mkdir(parents=True)
        Path(folder, "x.mp3").write_bytes(b"sound")
    recordings, _ = find_inputs(["."], leave_out=lambda folder: is_run_folder(folder, Path("results")))
    assert [recording.name for recording in recordings] == ["20260102_030405/x.mp3", "results/other/x.mp3"]


def test_one_bad_name_leaves_the_others_and_is_told(calls: Path) -> None:
    Path("empty").mkdir()
    Path("nowhere.mp3").symlink_to("gone.mp3")
    named = ["missing.mp3", "empty", "*.flac", "nowhere.mp3", "calls/b.mp3"]
    recordings, problems = find_inputs(named, leave_out=nothing)
    assert [recording.name for recording in recordings] == ["calls/b.mp3"]
    assert [(type(problem), problem.name) for problem in problems] == [
        (RecordingMissing, "missing.mp3"),
        (RecordingMissing, "empty"),
        (RecordingMissing, "*.flac"),
        (RecordingMissing, "nowhere.mp3"),
    ]
    assert "does not exist" in str(problems[0])
    assert "holds no audio" in str(problems[1])


@needs("unprivileged")
def test_a_folder_that_may_not_be_read_is_told(calls: Path) -> None:
    Path(calls, "2024").chmod(0)
    recordings, problems = find_inputs([str(calls)], leave_out=nothing)
    Path(calls, "2024").chmod(0o700)
    assert len(recordings) == 2
    assert isinstance(problems[0], RecordingUnreadable)


def test_a_device_is_no_recording() -> None:
    _, (problem,) = find_inputs(["/dev/zero"], leave_out=nothing)
    assert isinstance(problem, RecordingUnreadable)


def test_a_named_pipe_is_read_once_so_its_size_is_unknown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (recording,), _ = find_inputs([str(tmp_path / "pipe")], leave_out=nothing)
    assert recording.path is not None
    assert recording.size is None


@pytest.mark.parametrize("address", ["https://example.org/x.mp3", "S3://bucket/x.mp3", "rtsp://camera"])
def test_a_web_address_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(UsageError, match=r"download it first"):
        find_inputs([address], leave_out=nothing)


@pytest.mark.parametrize("names", [[], [""], [" "]])
def test_nothing_named_is_refused(names: list[str]) -> None:
    with pytest.raises(UsageError):
        find_inputs(names, leave_out=nothing)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", 0),
        ("90", 90),
        ("7.25", 7.25),
        ("7,5", 7.5),
        ("1:30.5", 90.5),
        ("90:00", 5400),
        ("1:02:03", 3723),
    ],
)
def test_times_are_read_as_people_write_them(text: str, meant: float) -> None:
    assert seconds(text, option="--start") == meant


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:75:00", "a", "1:2:3:4", "nan", "1e3", "1:-2"])
def test_what_is_no_time_is_refused_naming_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--end"):
        seconds(text, option="--end")


def test_names_are_shown_without_what_a_terminal_would_obey() -> None:
    assert printable("möte ett.mp3") == "möte ett.mp3"
    assert printable("red\x1b[31m\n.mp3") == "red\\x1b[31m\\n.mp3"
    assert printable(os.fsdecode(b"caf\xe9.mp3")) == "caf\\xe9.mp3"


@needs("linux")
def test_what_a_search_finds_but_nobody_can_read_is_told_or_left_out(calls: Path) -> None:
    (calls / "gone.wav").symlink_to("nowhere.wav")
    os.mkfifo(calls / "pipe.wav")
    for name in (str(calls), str(calls / "*.[wW]*")):
        recordings, problems = find_inputs([name], leave_out=nothing)
        assert "calls/A.WAV" in [recording.name for recording in recordings]
        assert "calls/pipe.wav" not in [recording.name for recording in recordings]
        assert [str(problem) for problem in problems] == [
            "calls/gone.wav is a link to a file that does not exist"
        ]
