from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from runner.engine.alignment import Text, align, alignment_heads, path, smooth
from tests.support.needs import needs
from tests.support.phonemes import speak_timed
from tests.support.speech import SENTENCES
from tests.support.windows import hear

if TYPE_CHECKING:
    from runner.engine.transcriber import Engine


def step_by_step(costs: NDArray[np.float64]) -> float:
    """The cost of the cheapest way, cell by cell."""
    tokens, positions = costs.shape
    total = np.full((tokens + 1, positions + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(tokens):
        for at in range(positions):
            total[row + 1, at + 1] = costs[row, at] + min(
                total[row, at], total[row, at + 1], total[row + 1, at]
            )
    return float(total[-1, -1])


def cost_of(begins: NDArray[np.int64], costs: NDArray[np.float64]) -> float:
    """The cheapest that a way with these beginnings can cost."""
    total = 0.0
    for row, first in enumerate(begins):
        last = costs.shape[1] - 1 if row == len(begins) - 1 else begins[row + 1]
        own = costs[row, first : last + 1]
        # The next begins where this one ends, or one position later.
        total += (
            own.sum()
            if row == len(begins) - 1
            else min(own.sum(), own[:-1].sum() if last > first else np.inf)
        )
    return float(total)


@pytest.mark.parametrize("seed", range(20))
def test_the_way_is_the_cheapest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.normal(size=(int(rng.integers(1, 12)), int(rng.integers(1, 40))))
    begins = path(costs)
    assert begins[0] == 0
    assert (np.diff(begins) >= 0).all()
    assert cost_of(begins, costs) == pytest.approx(step_by_step(costs))


def test_tokens_that_are_plain_to_see_are_found() -> None:
    costs = np.zeros((3, 30))
    costs[0, :10] = costs[1, 10:22] = costs[2, 22:] = -1.0
    assert path(costs).tolist() == [0, 10, 22]


def test_a_glance_is_smoothed_away_and_a_look_is_not() -> None:
    x = torch.zeros(1, 40)
    x[0, 5:8] = 1.0
    x[0, 20:30] = 1.0
    assert smooth(x)[0].nonzero().flatten().tolist() == list(range(20, 30))


def test_heads_are_those_of_the_checkpoint_or_the_upper_half() -> None:
    assert alignment_heads([(3, 1), (4, 2), (4, 3)], 6, 8) == {3: (1,), 4: (2, 3)}
    assert alignment_heads([], 4, 2) == {2: (0, 1), 3: (0, 1)}
    assert alignment_heads([(25, 1)], 4, 2) == {2: (0, 1), 3: (0, 1)}  # a teacher's


def test_the_demonstration_model_names_its_heads(engine: Engine) -> None:
    assert len(engine.vocabulary.alignment_heads) == 8
    assert all(layer >= 3 for layer, _ in engine.vocabulary.alignment_heads)


@needs("speech")
def test_windows_aligned_together_have_the_times_of_each_alone(engine: Engine) -> None:
    sounds = [speak_timed(SENTENCES[number])[0] for number in (0, 2)]
    prompt = tuple(engine.vocabulary.prompt("sv", timestamps=False))
    texts = [
        Text(
            prompt,
            tuple(engine.vocabulary.tokenizer.encode(" " + text, add_special_tokens=False).ids),
            len(sound) / 16_000,
        )
        for text, sound in zip((SENTENCES[0], SENTENCES[2]), sounds, strict=True)
    ]
    decoder = engine.network.decoder
    heads = alignment_heads(engine.vocabulary.alignment_heads, 6, 8)
    with torch.inference_mode():
        heard = [layer.cross.remember(hear(engine, sounds)) for layer in decoder.layers]  # type: ignore[operator, union-attr]
        together = align(decoder, texts, heard, heads)
        alone = [
            align(decoder, [text], [(k[n : n + 1], v[n : n + 1]) for k, v in heard], heads)[0]
            for n, text in enumerate(texts)
        ]
    for text, both, one in zip(texts, together, alone, strict=True):
        assert both == pytest.approx(one, abs=0.021)
        assert len(both) == len(text.tokens) + 1
        assert list(both) == sorted(both)
        assert both[-1] <= text.length + 0.1
