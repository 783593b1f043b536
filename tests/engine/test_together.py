"""Recordings that are heard together: each reads as it does alone, and the work is shared."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.audio.recording import open_recording
from runner.engine.options import Options
from tests.support.clips import CLIPS
from tests.support.hearing import hear_together
from tests.support.needs import needs
from tests.support.speech import write_wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from runner.engine.transcriber import Engine
    from tests.engine.conftest import Together

GREEDY = Options(beam=1)


@needs("speech")
def test_twenty_short_recordings_share_their_batches(clips_heard: Together) -> None:
    """A step of one window is counted as one token, so the tokens are the steps that they would take one by one."""
    assert all(one.complete and one.text for one in clips_heard.transcripts)
    assert clips_heard.counts["windows"] == len(CLIPS)
    assert clips_heard.counts["steps"] < 0.25 * clips_heard.counts["tokens"]


@needs("speech")
@pytest.mark.parametrize("number", [0, 19])
def test_a_recording_heard_among_twenty_reads_as_it_does_alone(
    engine: Engine, clips_heard: Together, number: int
) -> None:
    (alone,) = hear_together(engine, [CLIPS[number].sound], GREEDY)
    together = clips_heard.transcripts[number]
    assert together.text == alone.text
    for ours, expected in zip(together.segments, alone.segments, strict=True):
        assert (ours.start, ours.end) == (expected.start, expected.end)
        assert ours.average_log_probability == pytest.approx(expected.average_log_probability, abs=1e-3)


@needs("speech")
def test_among_others_one_may_be_a_breath_long_one_silent_and_one_broken_off(
    engine: Engine, clips_heard: Together, tmp_path: Path
) -> None:
    sounds = {
        "whole": CLIPS[1].sound,
        "breath": CLIPS[1].sound[8_000:8_800],
        "one sample": np.ones(1, np.float32),
        "silent": np.zeros(32_000, np.float32),
        "broken": CLIPS[4].sound,
        "last": CLIPS[2].sound,
    }
    with ExitStack() as stack:
        recordings = {
            name: stack.enter_context(open_recording(write_wav(tmp_path / f"{name}.wav", sound), name=name))
            for name, sound in sounds.items()
        }
        broken = recordings["broken"]
        blocks = list(broken.blocks())
        broken.blocks = lambda: breaking(blocks)  # type: ignore[method-assign]  # no disk here fails by itself
        works = {name: engine.transcribe(recording, GREEDY) for name, recording in recordings.items()}
        for _ in engine.run(works.values()):
            pass
    texts = {name: work.transcript.text for name, work in works.items()}
    assert (texts["whole"], texts["last"]) == tuple(clips_heard.transcripts[n].text for n in (1, 2))
    assert texts["breath"] == texts["one sample"] == texts["silent"] == ""
    assert {name for name, work in works.items() if not work.complete} == {"broken"}
    assert isinstance(works["broken"].failure, OSError)
    (cut,) = hear_together(engine, [np.concatenate(blocks, axis=1)[0, :32_000]], GREEDY)
    assert texts["broken"] == cut.text != ""


def breaking(blocks: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    yield np.concatenate(blocks, axis=1)[:, :32_000]
    raise OSError("the disk is gone")


@needs("speech")
def test_a_recording_waits_for_no_other_once_its_own_windows_are_written(
    engine: Engine, tmp_path: Path
) -> None:
    """The short one ends first, although it was begun last."""
    long = np.concatenate([CLIPS[number].sound for number in range(5)])
    with ExitStack() as stack:
        begun = [
            engine.transcribe(
                stack.enter_context(open_recording(write_wav(tmp_path / f"{n}.wav", sound), name=str(n))),
                GREEDY,
            )
            for n, sound in enumerate([long, CLIPS[2].sound])
        ]
        over = [work for work, _ in engine.run(begun) if work.is_over]
    assert over.index(begun[1]) < over.index(begun[0])
    assert all(work.complete for work in begun)
