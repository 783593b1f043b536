"""One engine for all tests of this folder: float32, so that what it writes does not depend on the processor."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine
    from runner.transcript import Transcript


@pytest.fixture(scope="session")
def engine(checkpoint: Checkpoint) -> Engine:
    from runner.engine.transcriber import Engine

    return Engine.load(checkpoint, device="cpu", precision="float32")


@dataclass(frozen=True)
class Together:
    """What recordings became that were heard in one go, and what the engine counted meanwhile."""

    transcripts: list[Transcript]
    counts: Counter[str]


@pytest.fixture(scope="session")
def clips_heard(engine: Engine) -> Together:
    """The clips of tests/support/clips.py, each a recording of its own, heard together and greedily."""
    from runner.engine.options import Options
    from tests.support.clips import CLIPS
    from tests.support.hearing import hear_together

    before = engine.counts.copy()
    transcripts = hear_together(engine, [clip.sound for clip in CLIPS], Options(beam=1))
    return Together(transcripts, engine.counts - before)
