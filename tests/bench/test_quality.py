"""Errors over a folder, and what is said where a folder or an option makes no sense."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.bench.process import ROOT
from tests.bench.published import SETS, unpack
from tests.bench.quality import Judged, pairs, summary
from tests.bench.words import Errors, as_published, errors
from tests.support.speech import SENTENCES, speech_file, write_wav

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )


def test_a_folder_is_heard_and_its_errors_are_counted(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    right = speech_file(4.0, sentences=SENTENCES[8:9], path=folder / "right.wav")
    right.path.with_suffix(".txt").write_text(right.text)
    # What is really said is the first sentence alone: the seven words that the text has beside it are left out.
    wrong = speech_file(4.0, sentences=SENTENCES[8:9], path=folder / "wrong.wav")
    wrong.path.with_suffix(".txt").write_text(f"{wrong.text} sju ord som ingen har sagt här")
    write_wav(folder / "silence.wav", np.zeros(32_000, np.float32))
    (folder / "silence.txt").write_text("")
    target = tmp_path / "quality.json"
    here = f"--folder={tmp_path}"  # where a person calls ./invoke from
    run = bench("--quality=set", f"--model={checkpoint.folder}", "--json=quality.json", "--threads=2", here)
    assert run.returncode == 0, run.stderr
    (row,) = json.loads(target.read_text())["contestants"]
    heard = {one["name"]: one["heard"] for one in row["recordings"]}
    assert heard["right.wav"] == heard["wrong.wav"]
    assert heard["silence.wav"] == ""
    alone = errors(right.text, heard["right.wav"], as_published)
    assert alone.rate < 0.4
    assert row["errors"]["words"] == 2 * alone.words + 7
    assert row["errors"]["deletions"] + row["errors"]["substitutions"] - 2 * alone.count in (7, 6)
    assert row["errors"]["hallucinated"] == 0
    assert row["recordings"][0]["name"] == "wrong.wav"
    assert "wrong.wav: " in run.stdout


def test_the_mean_of_recordings_is_not_the_rate_of_all_words() -> None:
    judged = [
        Judged("short", Errors(words=1, substitutions=1), "", ""),
        Judged("long", Errors(words=9), "", ""),
        Judged("silent", Errors(insertions=2, hallucinated=2), "", ""),
    ]
    row = summary("ours", judged)
    assert row["wer"] == pytest.approx(0.3)
    assert row["wer_mean"] == pytest.approx(0.5)
    assert [one["name"] for one in row["recordings"]] == ["silent", "short", "long"]


@pytest.mark.parametrize(
    ("made", "arguments", "said"),
    [
        ([], ["--quality={}"], "audio"),
        (["a.wav", "b.wav", "b.txt"], ["--quality={}"], "There is no text for a.wav: put a .txt"),
        ([], ["--quality={}/none"], "There is no folder"),
        ([], ["--contestants=ours,theirs"], "There is no contestant 'theirs'; there are ours, fw-1-b8"),
        ([], ["--json={}/none/bench.json"], "/none to write bench.json to."),
        ([], ["--minutes=none"], "none is not a number above 0"),
        ([], ["--threads=-1"], "-1 is not a whole number"),
    ],
    ids=["empty", "no text", "no folder", "contestant", "target", "minutes", "threads"],
)
def test_what_makes_no_sense_is_told_in_a_sentence(
    made: list[str], arguments: list[str], said: str, tmp_path: Path
) -> None:
    for name in made:
        (tmp_path / name).touch()
    run = bench(*(argument.format(tmp_path) for argument in arguments))
    assert run.returncode == 2
    assert said in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    run = bench("--quality=fleurs-sv", GPU_TRANSCRIBER_CACHE=str(tmp_path), **nowhere)
    assert run.returncode == 2
    assert "fleurs-sv cannot be fetched from the hub (google/fleurs: " in run.stderr
    assert "name the folder" in run.stderr


def test_a_published_set_is_laid_out_as_recordings_with_texts(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "10.wav", np.zeros(1600, np.float32))
    archive, table = tmp_path / "test.tar.gz", tmp_path / "test.tsv"
    with tarfile.open(archive, "w:gz") as members:
        members.add(sound, "test/10.wav")
        members.add(sound, "../../11.wav")
        members.add(sound, "test/12.wav")
    rows = [
        ("1", "10.wav", "Hej, du!", "hej du", "h e j", "1600"),
        ("2", "11.wav", "Nej.", "nej", "n e j", "1600"),
    ]
    table.write_text("".join("\t".join(row) + "\n" for row in rows))
    unpack(SETS["fleurs-sv"], table, archive, tmp_path / "set")
    assert {pair.path.name: pair.said.strip() for pair in pairs(tmp_path / "set")} == {
        "10.wav": "hej du",
        "11.wav": "nej",
    }
    assert not (tmp_path.parent / "11.wav").exists()
