"""An engine that has lost files, and a model other than asked: told, never silent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import transcribe
from tests.support.needs import needs
from tests.support.speech import speak, write_wav


@pytest.mark.slow
@needs("speech")
def test_a_damaged_engine_is_told_in_a_sentence(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speak("Hej."))
    (tmp_path / "tokenizers.py").write_text("raise ImportError('half of it is gone')")
    done = transcribe("a.wav", folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "the engine's packages are damaged (half of it is gone): remove the folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@needs("speech")
def test_a_device_that_is_not_here_is_told_before_the_work(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speak("Hej."))
    done = transcribe("a.wav", "--device", "cuda:77", "--language", "sv", folder=tmp_path)
    assert done.returncode == 0
    assert 0 <= done.stderr.find("device: cpu instead of cuda:77") < done.stderr.find("real time")


@pytest.mark.slow
@needs("speech")
def test_another_model_than_asked_is_told_even_when_quiet(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speak("Hej."))
    offline = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # where nobody listens
    done = transcribe(
        "a.wav", "--quiet", "--model", "KBLab/kb-whisper-small", folder=tmp_path, environment=offline
    )
    assert done.returncode == 0
    assert "openai/whisper-base transcribes instead of KBLab/kb-whisper-small" in done.stderr
    metadata = next(tmp_path.glob("results/*/a/metadata.json"))
    assert json.loads(metadata.read_text())["fallbacks"][0]["subject"] == "model"
