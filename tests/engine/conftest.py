"""One engine for all tests of this folder: float32, so that what it writes does not depend on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine


@pytest.fixture(scope="session")
def engine(checkpoint: Checkpoint) -> Engine:
    from runner.engine.transcriber import Engine

    return Engine.load(checkpoint, device="cpu", precision="float32")
