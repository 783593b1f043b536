"""What cannot be begun: refused in a sentence before any work is done, and without loading the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import transcribe
from tests.support.disks import read_only_disk, small_disk
from tests.support.needs import needs
from tests.support.speech import speak, write_wav
from tests.support.whisper import checkpoint_files

pytestmark = pytest.mark.slow

SOUND = b"sound"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Something that is there; nobody gets to hear it."""
    path = tmp_path / "a.wav"
    path.write_bytes(SOUND)
    return path


def test_no_room_for_what_is_piped_in_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        done = transcribe("-", folder=tmp_path, stdin=SOUND * 10_000, environment={"TMPDIR": str(disk)})
    assert (done.returncode, done.stdout) == (4, "")
    assert "error: standard input cannot be copied to" in done.stderr
    assert "set TMPDIR to a folder with room" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--where", "aws", "a.wav"], "--where aws is coming and not there yet: run on this machine"),
        (["--where", "ssh://me@there", "a.wav"], "--where ssh://me@there is coming"),
        (["https://example.org/a.mp3"], "download it first"),
        (["a.wav", "--start", "1:00", "--end", "30"], "--end 30 is not after --start 60"),
        (
            ["a.wav", "--style", "strict", "--language", "no"],
            "NbAiLab/nb-whisper-small has no style strict, only standard",
        ),
        (["a.wav", "--start", "soon"], "--start 'soon' is not a time"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = transcribe(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert told in done.stderr.splitlines()[-1]
    assert not (tmp_path / "results").exists()


@needs("speech")
def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speak("Hej."))
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, body in checkpoint_files(kilobytes=1).items():
        (folder / name).write_bytes(body)
    done = transcribe("a.wav", "--model", "./mine", "--language", "fo", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "mine does not know the language 'fo'; it knows da, en, fi, is, nn, no, sv" in done.stderr
    assert "Loading" not in done.stderr
    (folder / "model.safetensors").rename(folder / "model.bin")
    done = transcribe("a.wav", "--model", "./mine", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no weights (it holds CTranslate2's model.bin)" in done.stderr


def test_an_output_that_may_not_be_written_to_is_refused_before_any_work(
    tmp_path: Path, recording: Path
) -> None:
    with read_only_disk(tmp_path / "disk"):
        done = transcribe(recording, "--output", "disk/results", folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "error: results cannot be written to disk/results (Read-only file system)" in done.stderr
    assert "Loading" not in done.stderr
