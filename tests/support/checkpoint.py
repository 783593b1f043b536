"""The model that tests hear with: real weights, fetched once into the same cache that the program uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """The demonstration model, whisper-base. Skips, as something that should run, where it cannot be had."""
    from runner.engine.models.chain import DEMONSTRATION, find_checkpoint
    from runner.errors import ModelUnavailable
    from runner.settings import Settings

    settings = Settings()
    try:
        return find_checkpoint(
            DEMONSTRATION, cache=settings.cache, hub_timeout=3.0, allow_demonstration=True, notice=print
        )
    except ModelUnavailable as error:
        pytest.skip(f"needs the demonstration model ({error})")
