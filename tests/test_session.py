"""The whole way: the command, real speech, the real engine, and what a person finds afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pysubs2
import pytest

import runner
from runner.engine.models.chain import Checkpoint
from tests.support.command import Done, transcribe
from tests.support.disks import small_disk
from tests.support.recordings import encode, silent_film, truncated, wav
from tests.support.speech import SAMPLE_RATE, SENTENCES, speak, write_wav

pytestmark = pytest.mark.slow

SCHEMA = json.loads(
    files(runner).joinpath("filing").joinpath("metadata.schema.json").read_text(encoding="utf-8")
)
SPOKEN = SENTENCES[6]  # "Barnen leker i parken efter skolan."


@pytest.fixture(scope="module")
def environment(checkpoint: Checkpoint) -> dict[str, str]:
    return {"GPU_TRANSCRIBER_MODEL": str(checkpoint.folder)}


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sentence, about three seconds."""
    return write_wav(tmp_path_factory.mktemp("speech") / "en mening.wav", speak(SPOKEN))


def run_folder(folder: Path) -> Path:
    (run,) = (folder / "results").iterdir()
    assert re.fullmatch(r"\d{8}_\d{6}", run.name)
    return run


def metadata(result: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((result / "metadata.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, SCHEMA, format_checker=jsonschema.FormatChecker())
    return content


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, sentence: Path, environment: dict[str, str]
) -> tuple[Done, Path]:
    """One recording in every format."""
    folder = tmp_path_factory.mktemp("alone")
    return transcribe(
        sentence, "--formats", "txt,json,srt,vtt,tsv", folder=folder, environment=environment
    ), folder


def test_the_transcript_and_nothing_else_is_on_standard_output(alone: tuple[Done, Path]) -> None:
    done, folder = alone
    assert done.returncode == 0, done.stderr
    assert len(set(words(done.stdout)) & set(words(SPOKEN))) >= 4
    assert done.stdout == (run_folder(folder) / "en mening/transcription.txt").read_text(encoding="utf-8")
    assert "Results are in results/" in done.stderr


def test_nothing_of_what_is_said_is_on_standard_error(alone: tuple[Done, Path]) -> None:
    said = {word for word in words(alone[0].stdout) if len(word) > 4}
    assert said
    assert not said & set(words(alone[0].stderr))


def test_every_format_is_filed_and_tells_the_same(alone: tuple[Done, Path]) -> None:
    done, folder = alone
    result = run_folder(folder) / "en mening"
    assert sorted(path.name for path in result.iterdir()) == [
        "metadata.json", "transcription.json", "transcription.srt", "transcription.tsv", "transcription.txt",
        "transcription.vtt",
    ]  # fmt: skip
    assert words(json.loads((result / "transcription.json").read_text("utf-8"))["text"]) == words(done.stdout)
    for name in ("srt", "vtt"):
        cues = pysubs2.load(str(result / f"transcription.{name}"))
        assert words(" ".join(cue.plaintext for cue in cues)) == words(done.stdout)
    rows = (result / "transcription.tsv").read_text("utf-8").splitlines()[1:]
    assert words(" ".join(row.split("\t")[2] for row in rows)) == words(done.stdout)


def test_subtitles_bring_the_times_of_words(alone: tuple[Done, Path]) -> None:
    result = run_folder(alone[1]) / "en mening"
    assert metadata(result)["options"]["words"] is True
    segments = json.loads((result / "transcription.json").read_text("utf-8"))["segments"]
    for segment in segments:
        assert "".join(word["text"] for word in segment["words"]) == segment["text"]
    assert sum(len(segment["words"]) for segment in segments) == len(alone[0].stdout.split())


def test_unsure_words_are_marked_for_people_and_told_to_programs(
    sentence: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    everything = {**environment, "GPU_TRANSCRIBER_UNSURE_BELOW": "1"}
    done = transcribe(sentence, "--mark-unsure", folder=tmp_path, environment=everything)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(\[[^\[\]]+\?\]\W\s*)+", done.stdout), done.stdout
    result = run_folder(tmp_path) / "en mening"
    assert metadata(result)["options"]["unsure_below"] == 1
    read = json.loads((result / "transcription.json").read_text("utf-8"))
    assert "[" not in read["text"]
    assert all(0 < word["confidence"] <= 1 for segment in read["segments"] for word in segment["words"])


def test_the_metadata_are_true_and_obey_the_schema(alone: tuple[Done, Path], sentence: Path) -> None:
    content = metadata(run_folder(alone[1]) / "en mening")
    assert content["complete"] is True
    assert content["source"]["sha256"] == hashlib.sha256(sentence.read_bytes()).hexdigest()
    assert content["source"]["path"] == str(sentence)
    assert content["language"]["asked"] == content["language"]["detected"] == "sv"
    length = (sentence.stat().st_size - 44) / 2 / SAMPLE_RATE
    assert content["durations"]["audio"] == content["durations"]["heard"] == pytest.approx(length, abs=0.1)
    assert 0 < content["durations"]["speech"] <= length + 0.1
    assert {"install", "model", "load", "decode", "vad", "encoder", "decoder", "total"} <= set(
        content["timings"]
    )
    assert content["peak_memory_bytes"] > 100_000_000
    assert content["model"]["source"] == "folder"
    assert content["version"] == runner.__version__


@pytest.fixture(scope="module")
def many(
    tmp_path_factory: pytest.TempPathFactory, sentence: Path, environment: dict[str, str]
) -> tuple[Done, Path]:
    """A folder with good recordings and bad ones, and names that lead nowhere."""
    folder = tmp_path_factory.mktemp("många samtal")
    calls = folder / "samtal"
    (calls / "mer").mkdir(parents=True)
    (calls / "mer" / "en mening.wav").write_bytes(sentence.read_bytes() + b"\0\0")
    (calls / "en mening.wav").write_bytes(sentence.read_bytes())
    (calls / "empty.wav").touch()
    (calls / "text.mp3").write_text("Det här är ingen ljudfil. " * 100)
    (calls / "list.m4a").write_text("#EXTM3U\n#EXTINF:3,\nen mening.wav\n")
    write_wav(
        calls / "english.wav", speak("The weather is nice today and we are going to the beach.", "en-gb")
    )
    write_wav(calls / "tyst.wav", np.zeros(5 * SAMPLE_RATE, np.float32))
    write_wav(calls / "kort.wav", speak(SPOKEN)[: SAMPLE_RATE // 10])
    sound = speak(SPOKEN)[np.newaxis]  # (channels, samples)
    encode(calls / "film.mp4", sound, codec="aac", rate=SAMPLE_RATE, picture=True)
    silent_film(calls / "stumfilm.mp4")
    truncated(encode(calls / "avbruten.mp3", sound, codec="libmp3lame", rate=SAMPLE_RATE))
    wav(calls / "telefon.wav", sound[:, ::2], rate=SAMPLE_RATE // 2, subtype="ULAW")
    wav(calls / "studio.wav", np.tile(sound.repeat(6, axis=1), (6, 1)), rate=6 * SAMPLE_RATE)
    (folder / "inget").mkdir()
    return transcribe("samtal", "inget", "borta.mp3", folder=folder, environment=environment), folder


def test_bad_recordings_do_not_stop_the_others_and_the_worst_decides_the_exit_code(
    many: tuple[Done, Path],
) -> None:
    done, folder = many
    assert done.returncode == 3, done.stderr
    filed = sorted(path.name for path in run_folder(folder).iterdir())
    assert filed == [
        "avbruten", "en mening", "en mening_2", "english", "film", "kort", "studio", "telefon", "tyst",
    ]  # fmt: skip
    assert metadata(run_folder(folder) / "en mening_2")["source"]["name"] == "samtal/mer/en mening.wav"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("borta.mp3", "does not exist"),
        ("inget", "holds no audio or video"),
        ("samtal/empty.wav", "is empty"),
        ("samtal/text.mp3", "is not a recording"),
        ("samtal/list.m4a", "is a playlist"),
        ("samtal/stumfilm.mp4", "is a video without sound"),
    ],
)
def test_what_is_wrong_with_each_is_one_sentence(many: tuple[Done, Path], name: str, fault: str) -> None:
    told = [line for line in many[0].stderr.splitlines() if line.startswith("error: ") and name in line]
    assert len(told) == 1, many[0].stderr
    assert fault in told[0]


def test_no_traceback_is_shown(many: tuple[Done, Path]) -> None:
    assert "Traceback" not in many[0].stderr
    assert len([line for line in many[0].stderr.splitlines() if line.startswith("error: ")]) == 6


def test_each_transcript_has_its_name_above_it(many: tuple[Done, Path]) -> None:
    headings = re.findall(r"^== (.*) ==$", many[0].stdout, re.MULTILINE)
    assert headings == [
        "samtal/avbruten.mp3", "samtal/en mening.wav", "samtal/english.wav", "samtal/film.mp4", "samtal/kort.wav",
        "samtal/studio.wav", "samtal/telefon.wav", "samtal/tyst.wav", "samtal/mer/en mening.wav",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["en mening", "en mening_2", "film", "studio", "telefon"])
def test_the_same_sentence_is_heard_whatever_it_came_in(many: tuple[Done, Path], name: str) -> None:
    text = (run_folder(many[1]) / name / "transcription.txt").read_text("utf-8")
    assert len(set(words(text)) & set(words(SPOKEN))) >= 3, text


def test_a_recording_that_breaks_off_is_heard_as_far_as_it_goes_and_told(many: tuple[Done, Path]) -> None:
    content = metadata(run_folder(many[1]) / "avbruten")
    assert content["complete"] is True
    assert 0.5 < content["durations"]["audio"] < 2.0
    assert len(content["warnings"]) == 1
    assert f"warning: {content['warnings'][0]}" in many[0].stderr


def test_silence_gives_an_empty_transcript_and_not_invented_text(many: tuple[Done, Path]) -> None:
    done, folder = many
    for name in ("tyst", "kort"):
        assert (run_folder(folder) / name / "transcription.txt").read_text() == ""
        assert metadata(run_folder(folder) / name)["complete"] is True
    assert "samtal/tyst.wav: there is no speech in it" in done.stderr


def test_another_language_than_asked_for_is_warned_of(many: tuple[Done, Path]) -> None:
    done, folder = many
    assert "warning: samtal/english.wav sounds like en but was heard as sv: try --language en" in done.stderr
    assert done.stderr.count("sounds like") == 1
    assert metadata(run_folder(folder) / "english")["language"]["detected"] == "en"


def test_a_closing_table_lists_them_all(many: tuple[Done, Path]) -> None:
    table = many[0].stderr.partition("× real time   result")[2]
    for name in ("borta.mp3", "inget", "samtal/empty.wav", "samtal/tyst.wav", "samtal/mer/en mening.wav"):
        assert f"\n {name} " in table


def test_resuming_skips_what_is_done_without_loading_the_engine(
    many: tuple[Done, Path], environment: dict[str, str]
) -> None:
    _, folder = many
    before = {path: path.stat().st_mtime_ns for path in run_folder(folder).rglob("*")}
    done = transcribe("samtal", "--resume", folder=folder, environment=environment)
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    assert "Loading" not in done.stderr
    assert "9 of 13 are done already" in done.stderr
    assert done.stderr.count("done before: ") == 9
    assert {path: path.stat().st_mtime_ns for path in run_folder(folder).rglob("*")} == before


def test_a_stereo_call_through_a_pipe_keeps_its_speakers_apart(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    left, right = speak(SENTENCES[4]), speak(SENTENCES[6])
    apart = np.zeros((2, left.size + right.size + SAMPLE_RATE), np.float32)
    apart[0, SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + left.size] = left
    apart[1, -right.size :] = right
    sound = write_wav(
        tmp_path / "call.wav", np.pad(apart, ((0, 0), (2 * SAMPLE_RATE, SAMPLE_RATE)))
    ).read_bytes()
    words = ("-", "--channels", "split", "--start", "0:02", "--timestamps", "--quiet")
    done = transcribe(*words, folder=tmp_path, stdin=sound, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [
        re.fullmatch(r"\[00:00:(\d\d\.\d{3}) → .*\] (Channel \d): .+", line)
        for line in done.stdout.splitlines()
    ]
    assert [line and line[2] for line in lines] == ["Channel 1", "Channel 2"]
    assert all(line and float(line[1]) >= 2.0 for line in lines), (
        "times count from the start of the recording"
    )
    content = metadata(run_folder(tmp_path) / "standard input")
    assert content["source"] == {
        "name": "standard input",
        "path": None,
        "size_bytes": len(sound),
        "sha256": hashlib.sha256(sound).hexdigest(),
    }
    assert content["channels"] == 2


def test_a_terminal_sees_a_bar_and_standard_output_does_not(
    tmp_path: Path, sentence: Path, environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    drawn: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                drawn.append(data)
        except OSError:  # the other end is closed
            pass

    command = [sys.executable, "-m", "runner", "transcribe", str(sentence)]
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**inherited, **environment, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    reader = threading.Thread(target=read)
    reader.start()
    out, _ = process.communicate(timeout=300)
    reader.join()
    os.close(ours)
    shown = b"".join(drawn).decode()
    assert process.returncode == 0, shown
    assert "━" in shown
    assert "Loading" in shown
    assert b"\x1b" not in out
    assert b"\r" not in out
    assert words(out.decode())


def test_a_full_disk_keeps_no_half_of_a_result_and_loses_no_text(
    tmp_path: Path, sentence: Path, environment: dict[str, str]
) -> None:
    formats = ("--formats", "txt,json,srt,vtt,tsv")  # more files than the disk has room for
    with small_disk(tmp_path / "disk", 16) as disk:
        done = transcribe(
            sentence, "--output", disk / "results", *formats, folder=tmp_path, environment=environment
        )
        assert list(disk.iterdir()) == []
    assert done.returncode == 4
    assert f"error: no space left for results in {disk}/results/" in done.stderr
    assert len(set(words(done.stdout)) & set(words(SPOKEN))) >= 4
