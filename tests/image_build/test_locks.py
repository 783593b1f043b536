"""Why there is no lock: an index that lets nobody in is told from versions that do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.image import locks


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("HTTP status client error (403 Forbidden) for url (https://index/torch)", "which does not answer"),
        ("lack of valid authentication credentials (401 Unauthorized).", "which does not answer"),
        ("error sending request for url (https://index/torch)", "which does not answer"),
        ("Because torch==2.4.401 depends on triton==4.0.3 and 407 more", "no versions .* that go together"),
        ("Because torch==2.7.1 (401 of them) has no wheels", "no versions .* that go together"),
    ],
)
def test_a_number_in_a_version_is_no_index_that_lets_nobody_in(
    said: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(uv))

    with pytest.raises(CannotStart, match=sentence):
        locks.write(locks.locks("cpu")[0], tmp_path / "cpu.txt")
