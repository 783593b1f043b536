"""What the doctor says of what renting would use."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.doctor.rental import aws, packer
from tests.support.doctor import Tool, run


def test_credentials_are_seen_and_never_read_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws().state == "note"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAHEMLIGT")
    (tmp_path / "home/.aws/sso/cache").mkdir(parents=True)
    (tmp_path / "home/.aws/sso/cache/x.json").write_text("{}")
    (tmp_path / "home/.aws/credentials").write_text("[default]\naws_secret_access_key = hemligt")
    finding = aws()
    assert finding.state == "ok"
    assert "AWS_ACCESS_KEY_ID is set; credentials file" in finding.found
    assert "single sign-on" in finding.found
    assert "hemligt" not in finding.found.lower()
    assert finding.mend == "Not needed for local runs."


def test_packer_is_told_from_the_other_program_of_that_name(tool: Tool) -> None:
    path = tool("packer", "echo 'Packer v1.14.2'")
    assert packer("packer").found == f"1.14.2 at {path}"
    tool("packer", "echo 'skipping line: 1'")
    assert packer("packer").state == "note"
    assert "is not HashiCorp's Packer" in packer("packer").found


def test_packer_is_the_one_that_the_settings_name(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("packer", "echo 'Packer v1.6.6'")
    named = tool("packer-of-today", "echo 'Packer v1.14.2'")
    monkeypatch.setenv("GPU_TRANSCRIBER_PACKER", str(named))
    assert run()[1]["packer"].found == f"1.14.2 at {named}"
    monkeypatch.setenv("GPU_TRANSCRIBER_PACKER", "no-such-packer")
    assert "Packer is not installed (no-such-packer)" in run()[1]["packer"].found
