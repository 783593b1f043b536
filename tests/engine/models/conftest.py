"""A stand-in for the hub that does not keep a test waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.engine.models import hub as client
from tests.support.hub import Hub, running_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running
