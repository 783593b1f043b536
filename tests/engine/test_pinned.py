"""What the demonstration model writes today, so that a change which alters it does not go unseen.

pinned.json holds it, by model and revision. Where another text is meant, write it anew and look at the difference:

    python -m tests.engine.test_pinned && git diff tests/engine/pinned.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from runner.engine.options import Options
from tests.support.clips import CLIPS, PLACES
from tests.support.hearing import hear_together
from tests.support.needs import needs

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine
    from runner.transcript import Transcript
    from tests.engine.conftest import Together
    from tests.support.noises import Sound

PINNED = Path(__file__).with_name("pinned.json")
PAUSE = np.zeros(16_000, np.float32)


def fours() -> dict[str, Sound]:
    """The clips four by four in a recording: as much as one window holds."""
    recordings = [CLIPS[first : first + 4] for first in range(0, len(CLIPS), 4)]
    return {
        " | ".join(clip.text for clip in some): np.concatenate(
            [p for clip in some for p in (clip.sound, PAUSE)]
        )
        for some in recordings
    }


def hear_fours(engine: Engine) -> dict[str, str]:
    """What the engine writes if nothing is said of beams."""
    sounds = fours()
    transcripts = hear_together(engine, list(sounds.values()))
    return {name: one.text for name, one in zip(sounds, transcripts, strict=True)}


def texts(transcripts: Sequence[Transcript]) -> dict[str, str]:
    return {clip.name: one.text for clip, one in zip(CLIPS, transcripts, strict=True)}


@pytest.fixture(scope="module")
def pinned(checkpoint: Checkpoint) -> dict[str, dict[str, str]]:
    model = json.loads(PINNED.read_text(encoding="utf-8"))[checkpoint.model.id]
    return dict(model[checkpoint.model.revision]["texts"])


@needs("speech")
def test_clip_by_clip_with_one_beam_the_texts_are_those_pinned(
    clips_heard: Together, pinned: dict[str, dict[str, str]]
) -> None:
    assert texts(clips_heard.transcripts) == pinned["one beam"]


@needs("speech")
def test_four_clips_to_a_window_with_the_beams_that_are_usual_the_texts_are_those_pinned(
    engine: Engine, pinned: dict[str, dict[str, str]]
) -> None:
    assert hear_fours(engine) == pinned["usual beams"]


def test_the_clips_are_twenty_of_every_voice_and_place() -> None:
    assert len({clip.name for clip in CLIPS}) == len(CLIPS) == 20
    assert {(clip.voice, clip.place) for clip in CLIPS} >= {
        (voice, place) for voice in ("mb-sw1", "mb-sw2") for place in PLACES
    }


def processor() -> str:
    """Its name, and what of it torch makes use of."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {torch.backends.cpu.get_cpu_capability()}"


def renew() -> None:
    """Hear the clips and write down what they became, beside what is pinned for other revisions."""
    from runner.engine.models.chain import DEMONSTRATION, find_checkpoint
    from runner.engine.transcriber import Engine
    from runner.settings import Settings

    checkpoint = find_checkpoint(
        DEMONSTRATION, cache=Settings().cache, hub_timeout=3.0, allow_demonstration=True, notice=print
    )
    engine = Engine.load(checkpoint, device="cpu", precision="float32")
    greedy = hear_together(engine, [clip.sound for clip in CLIPS], Options(beam=1))
    models = json.loads(PINNED.read_text(encoding="utf-8")) if PINNED.exists() else {}
    models.setdefault(checkpoint.model.id, {})[checkpoint.model.revision] = {
        "precision": "float32",
        "processor": processor(),
        "torch": torch.__version__,
        "texts": {"one beam": texts(greedy), "usual beams": hear_fours(engine)},
    }
    PINNED.write_text(json.dumps(models, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()
