"""What the doctor says of the model that a transcription would take."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.doctor.models import models
from runner.doctor.reach import hub
from runner.settings import load_settings
from tests.support.doctor import MODEL, one, run
from tests.support.loopback import Authority, hub_pages, serving
from tests.support.needs import needs


@needs("debian:openssl")
def test_a_hub_that_has_the_model_is_fine_with_one_ca_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, since the program fills in the other variables at its start."""
    authority = Authority.make(tmp_path, "localhost")
    with serving(hub_pages(MODEL, {"config.json": b"{}"}), authority) as port:
        monkeypatch.setenv("HF_ENDPOINT", f"https://localhost:{port}")
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "PIP_CERT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        _, found = run()
        assert found["hub"].found == f"localhost answers and has {MODEL}"
        assert found["model"].found.endswith("which the first transcription downloads")
        assert str(authority.certificate) in found["certificates"].found
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        assert "certificate is not trusted" in hub(MODEL, 1.0).found


def test_a_model_of_ones_own_needs_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("GPU_TRANSCRIBER_MODEL", str(folder))
    assert one(models(load_settings()), "model").state == "problem"
    (folder / "config.json").touch()
    (folder / "model.safetensors").touch()
    found = list(models(load_settings()))
    assert one(found, "model").state == "ok"
    assert "hub" not in {finding.subject for finding in found}
