"""What the words of `transcribe` ask the session for, and that a task's exit code is the program's."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.collection import Collection

from runner import commands, session
from runner.request import Request
from runner.settings import load_settings
from tests.support.program import run_tasks

pytestmark = pytest.mark.usefixtures("unchanged_environment")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that reached the session, which here only notes them and ends with 3."""
    requests: list[Request] = []

    def note(request: Request) -> int:
        requests.append(request)
        return 3

    monkeypatch.setattr(session, "transcribe", note)
    return requests


def run(*words: str) -> int:
    return run_tasks(Collection(commands.transcribe, commands.settings), *words, called="gpu-transcriber")


def test_nothing_said_means_the_settings(asked: list[Request]) -> None:
    assert run("transcribe", "a.mp3") == 3
    assert asked == [Request(files=("a.mp3",), settings=load_settings())]


def test_every_option_reaches_the_session(asked: list[Request], tmp_path: Path) -> None:
    words = (
        "--start 90 --end 1:01:30.5 --timestamps --channels split --formats txt,srt --model big --language auto "
        "--style strict --words --mark-unsure "
        f"--where local --device cpu --precision float32 --quiet --resume --log-json --output {tmp_path}"
    )
    assert run("transcribe", *words.split(), "a.mp3", "b.mp3") == 3
    (request,) = asked
    assert request.files == ("a.mp3", "b.mp3")
    assert (request.start, request.end) == (90.0, 3690.5)
    assert (request.timestamps, request.channels, request.quiet, request.resume) == (
        True,
        "split",
        True,
        True,
    )
    settings = request.settings
    assert (settings.formats, settings.model, settings.language) == ("txt,srt", "big", "auto")
    assert settings.style == "strict"
    assert (settings.words, settings.mark_unsure) == (True, True)
    assert (settings.where, settings.device, settings.precision) == ("local", "cpu", "float32")
    assert (settings.log_json, settings.output) == (True, tmp_path)


@pytest.mark.parametrize(
    ("options", "words", "below"),
    [
        ([], False, None),
        (["--formats", "txt,json,tsv"], False, None),
        (["--words"], True, None),
        (["--formats", "srt"], True, None),
        (["--formats", "txt,vtt"], True, None),
        (["--mark-unsure"], True, 0.7),
    ],
)
def test_words_are_worked_out_where_they_are_asked_for_or_needed(
    options: list[str],
    words: bool,
    below: float | None,
    asked: list[Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_UNSURE_BELOW", "0.7")
    run("transcribe", "a.mp3", *options)
    (request,) = asked
    assert (request.options()["words"], request.options()["unsure_below"]) == (words, below)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--channels", "3"], "--channels is '3', but it takes mix or split."),
        (["--style", "loud"], "--style is 'loud', but it takes standard, subtitle or strict."),
        (["--device", "tpu"], "--device is 'tpu', but it takes auto, cpu, cuda or cuda:N."),
        (["--start", "soon"], "--start 'soon' is not a time"),
    ],
)
def test_option_that_makes_no_sense_is_refused_before_the_session(
    words: list[str], sentence: str, asked: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("transcribe", "a.mp3", *words) == 2
    assert sentence in capsys.readouterr().err
    assert asked == []


def test_settings_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings", "--json") == 0
    assert '"hub_timeout"' in capsys.readouterr().out
