"""Settings: where each comes from, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from runner import knobs
from runner import settings as module
from runner.errors import UsageError
from runner.formats import FORMATS
from runner.knobs import describe, show_settings, unknown_variables
from runner.settings import Settings, Takes, load_settings, settings_file

FileWriter = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileWriter:
    """Writes the settings file and names it in the environment."""

    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("GPU_TRANSCRIBER_SETTINGS", str(path))
        return path

    return write


def origins(settings: Settings) -> dict[str, str]:
    return {knob.name: knob.origin for knob in describe(settings)}


def test_without_a_word_everything_is_the_default() -> None:
    settings = load_settings()
    assert settings.model == "KBLab/kb-whisper-small"
    assert settings.language == "sv"
    assert set(origins(settings)) == set(Settings.model_fields)


def test_the_command_line_beats_the_environment_beats_the_file(
    written: FileWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written('threads = 1\nbatch_size = 1\nlanguage = "nn"')
    monkeypatch.setenv("GPU_TRANSCRIBER_BATCH_SIZE", "2")
    monkeypatch.setenv("GPU_TRANSCRIBER_LANGUAGE", "no")
    settings = load_settings({"language": "da", "device": None})
    assert (settings.threads, settings.batch_size, settings.language, settings.device) == (1, 2, "da", "auto")
    came = origins(settings)
    assert came["threads"] == f"file {path}"
    assert came["batch_size"] == "environment GPU_TRANSCRIBER_BATCH_SIZE"
    assert came["language"] == "command line"
    assert came["device"] == "default"


@pytest.mark.parametrize(
    ("language", "model"),
    [("sv", module.DEFAULT_MODEL), ("no", "NbAiLab/nb-whisper-small"), ("auto", "openai/whisper-small")],
)
def test_a_language_picks_its_model_where_none_is_named(language: str, model: str) -> None:
    settings = load_settings({"language": language})
    assert settings.model == model
    assert origins(settings)["model"] == ("default" if language == "sv" else f"language {language}")


@pytest.mark.parametrize("place", ["command line", "environment", "file"])
def test_a_model_that_is_named_anywhere_wins_over_the_language(
    place: str, written: FileWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"language": "fi"}
    if place == "command line":
        given["model"] = module.DEFAULT_MODEL
    elif place == "environment":
        monkeypatch.setenv("GPU_TRANSCRIBER_MODEL", module.DEFAULT_MODEL)
    else:
        written(f'model = "{module.DEFAULT_MODEL}"')
    assert load_settings(given).model == module.DEFAULT_MODEL


def test_the_users_own_file_is_read_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "user_config_path", lambda app: tmp_path / app)
    assert load_settings().threads == 0
    settings_file().parent.mkdir()
    settings_file().write_text("threads = 3")
    assert load_settings().threads == 3


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_MODEL", "")
    monkeypatch.setenv("GPU_TRANSCRIBER_SETTINGS", "")
    assert load_settings().model == module.DEFAULT_MODEL


def test_a_tilde_means_the_home_folder(written: FileWriter) -> None:
    written('output = "~/transcripts"')
    assert load_settings().output == Path.home() / "transcripts"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("batch_size", "many", "a whole number from 0 to 256"),
        ("batch_size", "257", "a whole number from 0 to 256"),
        ("beam", "0", "a whole number from 1 to 10"),
        ("beam", "wide", "a whole number from 1 to 10"),
        ("threads", "-1", "a whole number, 0 or more"),
        ("style", "verbatim", "standard, subtitle or strict"),
        ("precision", "int4", "auto, float32, bfloat16, float16 or int8"),
        ("device", "gpu", "auto, cpu, cuda or cuda:N"),
        ("language", "Swedish", "a language code such as sv, or auto to detect it"),
        ("formats", "txt,doc", "any of txt, json, srt, vtt and tsv, with commas between them"),
        ("where", "ssh://", "auto, local, aws or ssh://user@host"),
        ("hub_timeout", "inf", "a number of seconds above 0"),
        ("decode_memory", "0", "a whole number of MiB above 0"),
        ("unsure_below", "1.5", "a number from 0 to 1"),
        ("unsure_below", "nan", "a number from 0 to 1"),
        ("words", "some", "true or false"),
        ("log_json", "perhaps", "true or false"),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_takes(
    name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"GPU_TRANSCRIBER_{name.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable} in the environment is {value!r}, but it takes {allowed}."


def test_a_wrong_value_in_the_file_is_named_with_the_file(written: FileWriter) -> None:
    path = written("batch_size = 1000")
    with pytest.raises(UsageError, match=f"^batch_size in {path} is 1000, but it takes a whole number"):
        load_settings()


def test_a_wrong_option_is_named_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_BATCH_SIZE", "7")
    with pytest.raises(UsageError, match=r"^--batch-size is -1, but it takes"):
        load_settings({"batch_size": -1})


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_THREADS", "x")
    monkeypatch.setenv("gpu_transcriber_device", "y")
    with pytest.raises(
        UsageError, match=r"gpu_transcriber_device in the environment.*GPU_TRANSCRIBER_THREADS"
    ):
        load_settings()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("language = sv", "is not valid TOML: Invalid value .at line 1, column 12.."),
        ("langage = 'sv'", "sets langage, which is no setting; did you mean language?"),
        ("zzz = 1", "sets zzz, which is no setting; it may set model, language, "),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused(written: FileWriter, text: str, reason: str) -> None:
    path = written(text)
    with pytest.raises(UsageError, match=f"^The settings file {path} .GPU_TRANSCRIBER_SETTINGS. {reason}"):
        load_settings()


@pytest.mark.parametrize(("name", "reason"), [("gone.toml", "no such file"), ("", "is a directory")])
def test_a_named_file_that_cannot_be_read_is_refused(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_SETTINGS", str(tmp_path / name))
    with pytest.raises(UsageError, match=f"cannot be read: {reason}"):
        load_settings()


def test_bytes_that_are_no_text_are_refused(written: FileWriter) -> None:
    written("").write_bytes(b'model = "\xff"')
    with pytest.raises(UsageError, match="is not valid TOML"):
        load_settings()


def test_a_misspelt_variable_is_told_with_the_name_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_LANGAGE", "da")
    monkeypatch.setenv("GPU_TRANSCRIBER_QQQQ", "1")
    monkeypatch.setenv("GPU_TRANSCRIBER_SETTINGS", "")
    assert unknown_variables() == {
        "GPU_TRANSCRIBER_LANGAGE": "GPU_TRANSCRIBER_LANGUAGE",
        "GPU_TRANSCRIBER_QQQQ": None,
    }
    assert show_settings() == 0
    told = capsys.readouterr().err
    assert (
        "GPU_TRANSCRIBER_LANGAGE is no setting and does nothing; did you mean GPU_TRANSCRIBER_LANGUAGE?"
        in told
    )


def test_settings_are_shown_one_a_line_where_nobody_draws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_THREADS", "5")
    show_settings()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(Settings.model_fields)]] == list(
        Settings.model_fields
    )
    (threads,) = [line for line in lines if line.startswith("threads ")]
    assert "  5  " in threads
    assert "environment GPU_TRANSCRIBER_THREADS" in threads
    assert threads.endswith("0 takes every core allowed to us.")


def test_settings_as_json_hold_all_that_the_table_does(capsys: pytest.CaptureFixture[str]) -> None:
    show_settings(as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert {knob["name"] for knob in shown["settings"]} == set(Settings.model_fields)
    assert all(knob["doc"] and knob["takes"] and knob["variable"] for knob in shown["settings"])
    assert shown["file"]["exists"] is False


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithSecret(Settings):
        password: Annotated[SecretStr | None, Takes("20 letters or more")] = Field(None, min_length=20)

    for one in (module, knobs):
        monkeypatch.setattr(one, "Settings", WithSecret)
    monkeypatch.setenv("GPU_TRANSCRIBER_PASSWORD", "hemligt-hemligt-hemligt")
    (knob,) = [knob for knob in describe(load_settings()) if knob.name == "password"]
    assert knob.value == "********"
    monkeypatch.setenv("GPU_TRANSCRIBER_PASSWORD", "hemligt")
    with pytest.raises(UsageError, match="GPU_TRANSCRIBER_PASSWORD") as caught:
        load_settings()
    assert "hemligt" not in str(caught.value)


def test_formats_takes_what_there_is_a_writer_for() -> None:
    load_settings({"formats": ",".join(FORMATS)})
    (formats,) = [knob for knob in describe(load_settings()) if knob.name == "formats"]
    assert all(name in formats.takes for name in FORMATS)


def test_formats_in_the_file_may_be_a_list(written: FileWriter) -> None:
    written('formats = ["txt", "srt"]')
    assert load_settings().formats == "txt,srt"


@pytest.mark.parametrize("text", ['formats = ["txt", "doc"]', "formats = []", "formats = [1]"])
def test_a_list_of_other_things_is_no_formats(text: str, written: FileWriter) -> None:
    written(text)
    with pytest.raises(UsageError, match=r"^formats in .* is \[.*, but it takes any of txt"):
        load_settings()


@pytest.mark.parametrize("name", ["threads", "batch_size", "hub_timeout", "decode_memory"])
def test_true_is_no_number(name: str, written: FileWriter) -> None:
    written(f"{name} = true")
    with pytest.raises(UsageError, match=f"^{name} in .* is True, but it takes a "):
        load_settings()


def test_a_pipe_in_place_of_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    monkeypatch.setenv("GPU_TRANSCRIBER_SETTINGS", str(tmp_path / "pipe.toml"))
    with pytest.raises(UsageError, match=r"pipe\.toml .* cannot be read: it is not a regular file\.$"):
        load_settings()
