"""What stands in the other slots changes no text: windows come and go beside each other, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.decode import Batch, Decoded, Job
from tests.support.needs import needs
from tests.support.noises import amid, noise
from tests.support.speech import SENTENCES, speak
from tests.support.windows import batch, hear, write

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.transcriber import Engine

SHORT, MIDDLING, NOISY, CUT_OFF, LONG = range(5)


@pytest.fixture(scope="module")
def heard(engine: Engine) -> Tensor:
    """Five windows whose texts take from five to some thirty steps, some plain and some hard to hear."""
    cold = speak(SENTENCES[6], "mb-sw2")
    return hear(
        engine,
        [
            speak("Hej."),
            speak(SENTENCES[6]),
            amid(noise("white noise, loud", len(cold) / 16_000), cold, 5),
            speak(SENTENCES[3])[:24_000],
            np.concatenate([speak(text) for text in SENTENCES[1:3]]),
        ],
    )


@pytest.fixture(scope="module")
def alone(engine: Engine, heard: Tensor) -> dict[int, list[Decoded]]:
    """What each is by itself, by beams."""
    return {
        beams: [write(engine, heard[n : n + 1], beams=beams, slots=1)[0] for n in range(len(heard))]
        for beams in (1, 3)
    }


def assert_same(ours: Sequence[Decoded], alone: Sequence[Decoded]) -> None:
    for one, expected in zip(ours, alone, strict=True):
        assert one.tokens == expected.tokens
        assert one.log_probabilities == pytest.approx(expected.log_probabilities, abs=2e-3)
        assert one.no_speech_probability == pytest.approx(expected.no_speech_probability, abs=1e-4)


@needs("speech")
@pytest.mark.parametrize(
    ("beams", "slots", "order"),
    [
        (1, 1, (4, 3, 2, 1, 0)),
        (1, 3, (3, 0, 4, 1, 2)),
        (1, 16, (1, 4, 0, 2, 3)),
        (3, 3, (3, 0, 4, 1, 2)),
        (3, 16, (1, 4, 0, 2, 3)),
    ],
)
def test_a_text_is_the_same_in_any_number_of_slots_and_any_order(
    engine: Engine,
    heard: Tensor,
    alone: dict[int, list[Decoded]],
    beams: int,
    slots: int,
    order: Sequence[int],
) -> None:
    assert_same(write(engine, heard, beams=beams, slots=slots, order=order), alone[beams])


@needs("speech")
@pytest.mark.parametrize(("beams", "steps"), [(3, 28), (1, 28)])
def test_a_window_that_enters_while_another_is_written_disturbs_neither(
    engine: Engine, heard: Tensor, alone: dict[int, list[Decoded]], beams: int, steps: int
) -> None:
    """Around the step at which the cache grows, too: three tokens of prompt and 29 of text are 32."""
    together: Batch[int] = batch(engine, slots=2, beams=beams)
    prompt = tuple(engine.vocabulary.prompt("sv", timestamps=True))
    done = dict(together.admit([Job(LONG, heard[LONG], prompt)]))
    for _ in range(steps):
        done.update(together.step())
    assert not done
    done.update(together.admit([Job(SHORT, heard[SHORT], prompt)]))
    while len(done) < 2:
        done.update(together.step())
    assert_same([done[SHORT], done[LONG]], [alone[beams][SHORT], alone[beams][LONG]])


@needs("speech")
def test_whichever_window_leaves_first_the_others_go_on_unmoved(
    engine: Engine, heard: Tensor, alone: dict[int, list[Decoded]]
) -> None:
    """The last takes the free slot, whether that was the first or the middle one."""
    some = (SHORT, MIDDLING, LONG)
    lengths = [len(alone[3][number].tokens) for number in some]
    assert lengths == sorted(set(lengths))
    for order in ((2, 0, 1), (1, 2, 0)):
        ours = write(engine, heard[list(some)], beams=3, slots=3, order=order)
        assert_same(ours, [alone[3][number] for number in some])


@needs("speech")
def test_a_text_drawn_by_chance_stands_beside_searched_ones_and_neither_is_changed(
    engine: Engine, heard: Tensor, alone: dict[int, list[Decoded]]
) -> None:
    drawn = write(engine, heard[MIDDLING : MIDDLING + 1], beams=3, temperature=0.8)[0]
    together: Batch[int] = batch(engine, slots=3, beams=3)
    prompt = tuple(engine.vocabulary.prompt("sv", timestamps=True))
    jobs = [
        Job(0, heard[CUT_OFF], prompt),
        Job(1, heard[MIDDLING], prompt, temperature=0.8, seed=0),
        Job(2, heard[NOISY], prompt),
    ]
    done = dict(together.admit(jobs))
    while len(done) < 3:
        done.update(together.step())
    assert_same([done[0], done[1], done[2]], [alone[3][CUT_OFF], drawn, alone[3][NOISY]])
    assert drawn.temperature == 0.8
