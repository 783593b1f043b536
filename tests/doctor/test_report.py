"""The doctor as a whole: what a person reads, and what the exit code says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner import __version__
from runner.doctor import report
from runner.doctor.disk import uv_cache
from tests.support.doctor import ROOT, Tool, run

UV_CACHE = uv_cache()  # the tests have another home


def test_a_machine_with_the_engine_can_transcribe_without_a_hub() -> None:
    code, found = run()
    assert code == 0
    assert found["engine"].state == "ok"
    assert found["program"].found.startswith(f"gpu-transcriber {__version__} ")
    assert found["hub"].state == found["model"].state == "note"
    assert "openai/whisper-base serves instead" in found["model"].found
    assert not [finding for finding in found.values() if "could not be examined" in finding.found]


def test_it_imports_neither_the_engine_nor_aws() -> None:
    code = (
        "import sys; from runner.doctor import report; report(True); sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    heavy = {"torch", "numpy", "av", "transformers", "huggingface_hub", "boto3", "invoke"}
    assert not heavy & set(done.stderr.split())


def test_a_wrong_setting_is_a_problem_and_the_rest_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_BATCH_SIZE", "many")
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", "")
    code, found = run()
    assert code == 1
    assert "GPU_TRANSCRIBER_BATCH_SIZE in the environment is 'many'" in found["settings"].found
    assert found["python"].state == "ok"


def test_every_problem_and_every_note_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tool: Tool, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPU_TRANSCRIBER_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("GPU_TRANSCRIBER_LANGAGE", "sv")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    monkeypatch.setenv("https_proxy", "socks5://localhost:1")
    tool("nvidia-smi", "exit 9")
    assert report(as_json=True) == 1
    rows = json.loads(capsys.readouterr().out)["findings"]
    mended = [row for row in rows if row["state"] != "ok"]
    assert {"room (models)", "settings", "certificates", "proxy", "gpu"} <= {row["subject"] for row in mended}
    assert not [row for row in mended if not row["mend"]]


def test_a_plain_report_has_one_row_a_line_and_a_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert report() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:6].strip() for line in lines[1:-2]} == {"ok", "note", ""}
    assert lines[-1] == "A local transcription can run."
    (tmp_path / "results").touch()
    assert report() == 1
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "A local transcription cannot run before the problem above."
    )


@pytest.mark.slow
def test_a_thin_install_tells_what_the_engine_would_cost(tmp_path: Path) -> None:
    """In a copy of the checkout with the thin part only, as after the first `./invoke`."""
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    for folder in (checkout, elsewhere):
        shutil.copytree(ROOT / "runner", folder / "runner", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
    python = checkout / ".venv/bin/python"
    locked = ["--constraints", "requirements.lock", "--build-constraints", "requirements.lock"]
    for command in (
        ["venv", "--python", sys.executable, ".venv"],
        ["pip", "install", "--python", str(python), "--editable", ".", *locked],
    ):
        uv = [sys.executable, "-m", "uv", "--quiet", "--cache-dir", str(UV_CACHE), *command]
        subprocess.run(uv, cwd=checkout, check=True, timeout=120)
    code, found = run(python, checkout)
    assert code == 0
    assert found["engine"].state == "note"
    assert "the first transcription does it" in found["engine"].found
    assert f"rm -rf {checkout}/.venv" in found["packages"].mend
    # What is not the checkout's own .venv is left to whoever made it.
    code, found = run(python, elsewhere)
    assert code == 1
    assert f"Use {elsewhere}/invoke" in found["engine"].mend
    assert found["packages"].mend == ""
