from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)

from runner.engine.rules import NEVER, Allowed, Rules
from runner.engine.tokens import Vocabulary

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint

CPU = torch.device("cpu")
EVERY = slice(None)


@pytest.fixture(scope="module")
def vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    return Vocabulary.load(checkpoint.folder)


def masked(logits: Tensor, allowed: Allowed, vocabulary: Vocabulary) -> Tensor:
    """What may come next, as a row over the whole vocabulary (rows, N, V); the tokens that steer are never it."""
    scores = torch.full_like(logits, NEVER)
    scores[..., : vocabulary.end] = logits[..., : vocabulary.end].masked_fill(
        allowed.every_word[..., None] == NEVER, NEVER
    )
    scores[..., vocabulary.end] = allowed.end
    scores[..., vocabulary.first_stamp :] = allowed.stamps
    return scores


def some_logits(vocabulary: Vocabulary, rows: int, beams: int, random: torch.Generator, step: int) -> Tensor:
    """Random ones, tilted so that stamps, words and the end all come up."""
    logits = torch.randn(rows, beams, vocabulary.first_stamp + 1501, generator=random) * 3
    logits[..., vocabulary.first_stamp :] += torch.randn(rows, beams, 1, generator=random) * 8 - 4
    logits[..., vocabulary.first_stamp + 3 * step :][..., :40] += 4.0
    logits[..., vocabulary.end + 1 : vocabulary.first_stamp] = -50.0
    return logits


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_beams_are_masked_as_transformers_masks_them(
    checkpoint: Checkpoint, vocabulary: Vocabulary, seed: int, beams: int
) -> None:
    """Followed for 40 steps, while beams change places."""
    random = torch.Generator().manual_seed(seed)
    rows = 4
    config = GenerationConfig.from_pretrained(Path(checkpoint.folder))
    prompt = torch.tensor(vocabulary.prompt("sv", timestamps=True))
    begin = len(prompt)
    theirs = [
        SuppressTokensAtBeginLogitsProcessor(list(vocabulary.suppressed_first), begin_index=begin),
        SuppressTokensLogitsProcessor(list(vocabulary.suppressed)),
        WhisperTimeStampLogitsProcessor(config, begin_index=begin),
    ]
    ours = Rules(vocabulary, rows, beams, True, CPU)
    ours.begin(EVERY)
    written = prompt.expand(rows, beams, -1)
    steering = slice(vocabulary.end + 1, vocabulary.first_stamp)
    stamps = 0
    for step in range(40):
        logits = some_logits(vocabulary, rows, beams, random, step)
        expected = logits.flatten(0, 1)
        for processor in theirs:
            expected = processor(written.flatten(0, 1), expected)
        expected = expected.unflatten(0, (rows, beams)).clone()
        expected[..., steering] = NEVER
        allowed = ours.apply(logits, EVERY)
        scores = masked(logits, allowed, vocabulary)
        torch.testing.assert_close(scores, expected, msg=f"step {step}")
        words = expected[..., : vocabulary.end]
        torch.testing.assert_close(allowed.every_word, words.logsumexp(-1), atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(allowed.words, words.topk(beams).values)
        tokens = scores.softmax(-1).flatten(0, 1).multinomial(1, generator=random).view(rows, beams)
        tokens = torch.where(tokens == vocabulary.end, 300, tokens)  # go on after the end would come
        parents = torch.randint(0, beams, (rows, beams), generator=random)
        tokens = tokens.gather(1, parents)
        ours.follow(EVERY, parents, tokens)
        stamps += int((tokens >= vocabulary.first_stamp).sum())
        written = written.gather(1, parents[..., None].expand_as(written))
        written = torch.cat([written, tokens[..., None]], dim=2)
    assert stamps > 20 * beams  # the case was no idle one


def test_without_timestamps_no_stamp_is_allowed_and_the_first_token_is_a_word(vocabulary: Vocabulary) -> None:
    rules = Rules(vocabulary, 1, 1, False, CPU)
    rules.begin(EVERY)
    logits = torch.zeros(1, 1, vocabulary.first_stamp + 1501)
    scores = masked(logits, rules.apply(logits, EVERY), vocabulary)
    allowed = set(scores[0, 0].isfinite().nonzero()[:, 0].tolist())
    assert allowed == set(range(vocabulary.end)) - {*vocabulary.suppressed, *vocabulary.suppressed_first}
    rules.follow(EVERY, torch.tensor([[0]]), torch.tensor([[300]]))
    logits = torch.zeros(1, 1, vocabulary.first_stamp + 1501)
    scores = masked(logits, rules.apply(logits, EVERY), vocabulary)
    allowed = set(scores[0, 0].isfinite().nonzero()[:, 0].tolist())
    assert allowed == set(range(vocabulary.end + 1)) - set(vocabulary.suppressed)


@pytest.mark.parametrize("timestamps", [True, False])
def test_a_checkpoint_that_suppresses_nothing_may_say_every_word(
    vocabulary: Vocabulary, timestamps: bool
) -> None:
    free = replace(vocabulary, suppressed=(), suppressed_first=(-1,))
    rules = Rules(free, 1, 1, timestamps, CPU)
    rules.begin(EVERY)
    allowed = rules.apply(torch.zeros(1, 1, vocabulary.first_stamp + 1501), EVERY)
    assert bool(allowed.words.isfinite().all()) is not timestamps  # a stamp comes first where there are any
    assert bool(allowed.stamps.isfinite().any()) is timestamps


def test_a_slot_that_moves_takes_its_history_and_one_that_begins_has_none(vocabulary: Vocabulary) -> None:
    rules = Rules(vocabulary, 3, 1, True, CPU)
    rules.begin(EVERY)
    stamp = vocabulary.first_stamp
    rules.follow(
        EVERY, torch.zeros(3, 1, dtype=torch.long), torch.tensor([[stamp], [stamp + 5], [stamp + 9]])
    )
    rules.move(2, 0)
    rules.begin(slice(1, 2))
    assert rules.latest[:, 0].tolist() == [stamp + 9, stamp - 1, stamp + 9]
    allowed = rules.apply(torch.zeros(3, 1, stamp + 1501), EVERY)
    assert allowed.stamps[0].isinf().all()  # after an opening stamp come words
    assert allowed.every_word[0].isfinite().all()
    assert allowed.stamps[1].isfinite().any()  # a text begins with a stamp
    assert allowed.every_word[1].isinf().all()
