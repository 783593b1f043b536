"""metadata.json: held to its schema, true to what happened, and good for finding what is done already."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import runner
from runner.errors import RecordingUnreadable
from runner.filing.metadata import Run, Summed, describe, read_through
from runner.filing.results import RunFolder
from runner.filing.resume import find_earlier, is_worth_more
from runner.inputs import Input
from runner.transcript import Fallback, Model, Segment, Transcript

SCHEMA = json.loads(
    files(runner).joinpath("filing").joinpath("metadata.schema.json").read_text(encoding="utf-8")
)
OPTIONS = {
    "model": "KBLab/kb-whisper-small",
    "language": "sv",
    "style": "standard",
    "device": "auto",
    "precision": "auto",
    "batch_size": 0,
    "beam": 3,
    "where": "auto",
    "formats": ["txt"],
    "start": 10.0,
    "end": None,
    "timestamps": False,
    "words": False,
    "unsure_below": None,
    "prompt": "",
    "hotwords": "",
    "previous_text": False,
    "channels": "mix",
}
RUN = Run(OPTIONS, {"install": 0.0, "model": 0.1, "load": 1.0})
TRANSCRIPT = Transcript(
    segments=(Segment(11.0, 14.0, "Hej"), Segment(15.0, 18.0, "då")),
    language="sv",
    duration=120.0,
    model=Model("openai/whisper-base", "abc", "demonstration"),
    speech_duration=6.0,
    timings={"decode": 0.2, "vad": 0.3},
    fallbacks=(Fallback("model", "KBLab/kb-whisper-small", "openai/whisper-base", "no hub"),),
    warnings=("ends early",),
)


def recording(path: Path, content: bytes = b"sound") -> Input:
    path.write_bytes(content)
    return Input(path.name, path, len(content))


def described(transcript: Transcript, heard: Input, run: Run = RUN) -> dict[str, Any]:
    text = describe(transcript, heard, read_through(heard), run, audio=130.0, work=10.0)
    content: dict[str, Any] = json.loads(text)
    jsonschema.validate(content, SCHEMA, format_checker=jsonschema.FormatChecker())
    return content


def properties(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for described in schema.get("properties", {}).values():
        yield described
        yield from properties(described)
    if "items" in schema:
        yield from properties(schema["items"])


def test_the_schema_is_valid_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert all(described["description"] for described in properties(SCHEMA))


def test_a_finished_transcript_is_described(tmp_path: Path) -> None:
    content = described(TRANSCRIPT, recording(tmp_path / "a.mp3"))
    assert content["source"] == {
        "name": "a.mp3",
        "path": str(tmp_path / "a.mp3"),
        "size_bytes": 5,
        "sha256": hashlib.sha256(b"sound").hexdigest(),
    }
    assert content["durations"] == {"audio": 120.0, "heard": 120.0, "speech": 6.0}
    assert content["real_time_factor"] == 12.0
    assert content["timings"] == {
        "install": 0.0, "model": 0.1, "load": 1.0, "decode": 0.2, "vad": 0.3, "total": 10.0,
    }  # fmt: skip
    assert content["created"].endswith("Z")
    assert content["version"] == runner.__version__


def test_a_partial_transcript_says_how_far_it_got(tmp_path: Path) -> None:
    content = described(replace(TRANSCRIPT, complete=False), recording(tmp_path / "a.mp3"))
    assert content["complete"] is False
    assert content["durations"] == {"audio": 130.0, "heard": 8.0, "speech": 6.0}


def test_a_stream_is_summed_as_it_is_read() -> None:
    content = bytes(range(256)) * 20_000
    summed = Summed(io.BytesIO(content))
    reader = io.BufferedReader(summed)
    reader.read(1_000_000)
    assert (summed.size, summed.sha256) == (None, None)
    reader.read()
    assert (summed.size, summed.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_stream_that_was_not_read_to_its_end_is_still_described() -> None:
    text = describe(
        TRANSCRIPT, Input("standard input", None, None), Summed(io.BytesIO()), RUN, audio=None, work=0.0
    )
    jsonschema.validate(json.loads(text), SCHEMA)
    assert json.loads(text)["source"]["sha256"] is None


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    (tmp_path / "a.mp3").unlink()
    with pytest.raises(RecordingUnreadable, match=r"a\.mp3 cannot be read"):
        read_through(heard)


def file(run: RunFolder, heard: Input, transcript: Transcript = TRANSCRIPT, **options: Any) -> Path:
    text = describe(
        transcript, heard, read_through(heard), Run({**OPTIONS, **options}, {}), audio=None, work=1.0
    )
    return run.file(heard.name, {"transcription.txt": "", "metadata.json": text})


def run_of(output: Path, day: int) -> RunFolder:
    return RunFolder.create(output, datetime(2026, 1, day, tzinfo=timezone.utc))


def test_the_newest_run_with_a_result_of_these_recordings_is_gone_on_in(tmp_path: Path) -> None:
    a, b, c = (recording(tmp_path / name, name.encode()) for name in ("a.mp3", "b.mp3", "c.mp3"))
    file(run_of(tmp_path, 1), a)
    second = run_of(tmp_path, 2)
    done = file(second, a)
    partial = file(second, b, replace(TRANSCRIPT, complete=False))
    file(run_of(tmp_path, 3), c)
    earlier = find_earlier([a, b], tmp_path, OPTIONS)
    assert earlier is not None
    assert earlier.run.path == second.path
    assert {heard: filed.folder for heard, filed in earlier.finished.items()} == {a: done}
    assert {heard: filed.folder for heard, filed in earlier.unfinished.items()} == {b: partial}


def test_a_recording_that_moved_is_known_by_its_bytes(tmp_path: Path) -> None:
    file(run_of(tmp_path, 1), recording(tmp_path / "a.mp3"))
    earlier = find_earlier([recording(tmp_path / "b.mp3")], tmp_path, OPTIONS)
    assert earlier is not None
    assert len(earlier.finished) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "other/model"},
        {"language": "auto"},
        {"style": "strict"},
        {"channels": "split"},
        {"start": 11.0},
        {"end": 20.0},
        {"unsure_below": 0.5},
        {"prompt": "Ett möte."},
        {"hotwords": "Lisbeth"},
        {"previous_text": True},
    ],
)
def test_a_result_under_other_options_does_not_count(tmp_path: Path, changed: dict[str, Any]) -> None:
    heard = recording(tmp_path / "a.mp3")
    file(run_of(tmp_path, 1), heard)
    assert find_earlier([heard], tmp_path, {**OPTIONS, **changed}) is None
    assert find_earlier([heard], tmp_path, {**OPTIONS, "device": "cpu"}) is not None


def test_a_result_without_a_format_now_asked_for_is_done_again_in_its_place(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    file(run_of(tmp_path, 1), heard)
    earlier = find_earlier([heard], tmp_path, {**OPTIONS, "formats": ["txt", "srt"]})
    assert earlier is not None
    assert list(earlier.unfinished) == [heard]


def test_a_result_without_words_is_done_again_in_its_place_where_they_are_needed(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    file(run_of(tmp_path, 1), heard)
    earlier = find_earlier([heard], tmp_path, {**OPTIONS, "words": True})
    assert earlier is not None
    assert list(earlier.unfinished) == [heard]


def test_a_result_with_words_serves_where_none_are_needed(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    file(run_of(tmp_path, 1), heard, words=True)
    for words in (False, True):
        earlier = find_earlier([heard], tmp_path, {**OPTIONS, "words": words})
        assert earlier is not None
        assert list(earlier.finished) == [heard]


def test_a_result_from_before_there_were_words_serves_where_none_are_needed(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    metadata = file(run_of(tmp_path, 1), heard) / "metadata.json"
    content = json.loads(metadata.read_text())
    for name in ("words", "unsure_below", "prompt", "hotwords", "previous_text"):
        del content["options"][name]
    metadata.write_text(json.dumps(content))
    earlier = find_earlier([heard], tmp_path, OPTIONS)
    assert earlier is not None
    assert list(earlier.finished) == [heard]
    earlier = find_earlier([heard], tmp_path, {**OPTIONS, "words": True})
    assert earlier is not None
    assert list(earlier.unfinished) == [heard]


def test_a_copy_needs_a_result_of_its_own(tmp_path: Path) -> None:
    a, copy = recording(tmp_path / "a.mp3"), recording(tmp_path / "copy.mp3")
    file(run_of(tmp_path, 1), a)
    earlier = find_earlier([a, copy], tmp_path, OPTIONS)
    assert earlier is not None
    assert list(earlier.finished) == [a]


def test_a_result_does_not_give_way_to_one_that_ended_earlier_still(tmp_path: Path) -> None:
    heard = recording(tmp_path / "a.mp3")
    partial = replace(TRANSCRIPT, complete=False)  # heard until 18 seconds
    file(run_of(tmp_path, 1), heard, partial)
    earlier = find_earlier([heard], tmp_path, OPTIONS)
    assert earlier is not None
    unfinished = earlier.unfinished[heard]
    assert is_worth_more(unfinished, replace(partial, segments=TRANSCRIPT.segments[:1]), 10.0)
    assert not is_worth_more(unfinished, replace(partial, segments=(Segment(20.0, 25.0, "Hej"),)), 10.0)
    assert not is_worth_more(unfinished, replace(TRANSCRIPT, segments=()), 10.0)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"source": null}', '{"source": {"size_bytes": 5}, "options": 3}']
)
def test_metadata_that_others_wrote_is_passed_over(tmp_path: Path, text: str) -> None:
    run_of(tmp_path, 1).file("a", {"metadata.json": text})
    assert find_earlier([recording(tmp_path / "a.mp3")], tmp_path, OPTIONS) is None
