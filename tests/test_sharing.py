"""Several recordings of one run: heard in the same batches, delivered in the order in which they were asked for."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from runner.engine.models.chain import Checkpoint
from tests.support.command import running, transcribe
from tests.support.speech import SENTENCES, speak, speech_file, write_wav

pytestmark = pytest.mark.slow

NAMES = ("a.wav", "b.wav", "c.wav", "d.wav")


@pytest.fixture(scope="module")
def environment(checkpoint: Checkpoint) -> dict[str, str]:
    return {"GPU_TRANSCRIBER_MODEL": str(checkpoint.folder), "GPU_TRANSCRIBER_BEAM": "1"}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One longer than a window, two of a sentence, and between them one that nobody can read."""
    folder = tmp_path_factory.mktemp("recordings")
    speech_file(40, path=folder / "a.wav")
    write_wav(folder / "b.wav", speak(SENTENCES[6]))
    (folder / "c.wav").write_bytes(b"RIFF" + bytes(64))
    write_wav(folder / "d.wav", speak(SENTENCES[4]))
    return folder


def test_short_recordings_wait_for_the_long_one_before_them(
    recordings: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = transcribe(*(recordings / name for name in NAMES), folder=tmp_path, environment=environment)
    assert done.returncode == 3, done.stderr
    headings = re.findall(r"^== .*/(.*) ==$", done.stdout, re.MULTILINE)
    assert headings == ["a.wav", "b.wav", "d.wav"]
    places = [done.stderr.find(f"{name}: done") for name in ("a.wav", "b.wav", "d.wav")]
    assert -1 < places[0] < places[1] < done.stderr.find("c.wav is") < places[2]
    table = done.stderr.partition("× real time   result")[2]
    assert re.findall(r"/(\w\.wav)  ", table) == list(NAMES)
    for name in ("a", "b", "d"):
        (metadata,) = tmp_path.glob(f"results/*/{name}/metadata.json")
        content = json.loads(metadata.read_text("utf-8"))
        assert content["complete"] is True
        stages = sum(content["timings"][stage] for stage in ("vad", "features", "encoder", "decoder"))
        assert content["timings"]["total"] == pytest.approx(stages, abs=0.01), "its share of the batches"


def test_a_stream_that_is_long_in_coming_keeps_nobody_waiting(
    recordings: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    os.mkfifo(tmp_path / "stream.wav")
    names = [recordings / "b.wav", tmp_path / "stream.wav"]
    with running(*names, folder=tmp_path, environment=environment) as run:
        run.wait_for(lambda line: "b.wav: done" in line)
        (tmp_path / "stream.wav").write_bytes((recordings / "d.wav").read_bytes())
        done = run.end()
    assert done.returncode == 0, done.stderr
    assert "stream.wav: done" in done.stderr


def test_a_signal_keeps_what_is_finished_of_each_and_the_next_run_does_the_rest(
    recordings: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    names = [recordings / name for name in ("b.wav", "a.wav", "d.wav")]
    with running(*names, "--log-json", folder=tmp_path, environment=environment) as run:
        run.wait_for(lambda line: json.loads(line).get("message") == "progress" and "a.wav" in line)
        run.interrupt(signal.SIGINT)
        done = run.end()
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    filed = {path.parent.name for path in tmp_path.glob("results/*/*/metadata.json")}
    assert filed == {heading[0] for heading in re.findall(r"^== .*/(.*) ==$", done.stdout, re.MULTILINE)}
    assert "b" in filed

    again = transcribe(*names, "--resume", folder=tmp_path, environment=environment)
    assert again.returncode == 0, again.stderr
    for name in ("a", "b", "d"):
        (metadata,) = tmp_path.glob(f"results/*/{name}/metadata.json")
        assert json.loads(metadata.read_text("utf-8"))["complete"] is True
