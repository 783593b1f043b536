"""What the hub and others on the way are told: proxies, authorities, tokens, and nothing where nothing is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fetching import MODEL, child, fetch
from tests.support.hub import Hub, running_hub
from tests.support.loopback import Authority, forwarding
from tests.support.needs import needs
from tests.support.whisper import checkpoint_files

pytestmark = pytest.mark.slow


@needs("debian:openssl")
def test_a_proxy_and_an_authority_of_ones_own_are_enough(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "hub.test", "storage.test")
    with (
        running_hub(authority) as hub,
        forwarding(dict(zip(("hub.test", "storage.test"), hub.ports, strict=True))) as (proxy, seen),
    ):
        hub.storage = "https://storage.test"
        revision = hub.publish(MODEL, checkpoint_files())
        company = {"HF_ENDPOINT": "https://hub.test", "HTTPS_PROXY": f"http://127.0.0.1:{proxy}"}
        with child(tmp_path / "a", **company, SSL_CERT_FILE=str(authority.certificate)) as trusting:
            out, err = trusting.communicate(timeout=60)
        with child(tmp_path / "b", **company) as stranger:
            _, refused = stranger.communicate(timeout=60)

    assert f"revision {revision}" in out, err
    assert set(seen) == {"CONNECT hub.test:443", "CONNECT storage.test:443"}
    assert "the certificate of hub.test is not trusted here, which SSL_CERT_FILE can mend" in refused


def test_the_token_is_for_the_hub_and_not_for_its_storage(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.publish(MODEL, checkpoint_files())

    fetch(tmp_path)

    shown = {asked.host: asked.headers.get("Authorization") for asked in hub.asked}
    assert shown == {"hub": "Bearer hf_secret", "storage": None}


def test_nothing_is_told_to_the_hub_but_what_is_wanted(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(kilobytes=1)
    hub.publish(MODEL, files)
    environment = {"AI_AGENT": "someone", "HF_HOME": str(tmp_path / "home")}
    with child(tmp_path / "cache", **environment) as process:
        out, err = process.communicate(timeout=60)

    assert "revision" in out, err
    assert hub.names() == ["listing", *files]
    assert not [asked for asked in hub.asked if "torch" in asked.headers["User-Agent"]]


def test_offline_mode_is_obeyed(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files())
    with child(tmp_path, HF_HUB_OFFLINE="1") as process:
        _, err = process.communicate(timeout=60)

    assert "HubUnreachable: HF_HUB_OFFLINE is set" in err
    assert hub.asked == []
