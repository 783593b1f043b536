"""What the doctor says of the hub, of proxies and of certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.doctor.reach import authorities, hub, proxy
from tests.support.doctor import MODEL, run
from tests.support.loopback import Page, serving


def test_a_hub_without_the_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/elsewhere": Page(b"")}) as port:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
        assert hub("no/such", 1.0).found == "127.0.0.1 answers but gives no no/such (404)"


def test_the_hub_is_not_asked_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub(MODEL, 1.0).found == "not asked: HF_HUB_OFFLINE is set"


def test_no_password_of_a_proxy_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://anna:hemligt@proxy.example:3128")
    assert proxy().found == "https_proxy=http://***@proxy.example:3128"
    _, found = run()
    assert not [finding for finding in found.values() if "hemligt" in f"{finding.found} {finding.mend}"]


def test_a_file_of_certificates_that_is_gone_or_empty_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ours.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert "cannot be read (no such file or directory)" in authorities().found
    file.write_text("nothing")
    assert "holds no certificates" in authorities().found
    assert "Unset SSL_CERT_FILE" in authorities().mend
