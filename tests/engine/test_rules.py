from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import GenerationConfig
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)

from runner.engine.rules import Rules
from runner.engine.tokens import Vocabulary

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


@pytest.fixture(scope="module")
def vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    return Vocabulary.load(checkpoint.folder)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_is_masked_as_transformers_masks_it(
    checkpoint: Checkpoint, vocabulary: Vocabulary, seed: int
) -> None:
    """Random logits, tilted so that stamps, words and the end all come up, followed for 40 steps."""
    random = torch.Generator().manual_seed(seed)
    batch, size = 5, vocabulary.first_stamp + 1501
    config = GenerationConfig.from_pretrained(Path(checkpoint.folder))
    prompt = torch.tensor([vocabulary.prompt("sv", timestamps=True)] * batch)
    begin = prompt.shape[1]
    theirs = [
        SuppressTokensAtBeginLogitsProcessor(list(vocabulary.suppressed_first), begin_index=begin),
        SuppressTokensLogitsProcessor(list(vocabulary.suppressed)),
        WhisperTimeStampLogitsProcessor(config, begin_index=begin),
    ]
    ours = Rules(vocabulary, batch, timestamps=True, device=torch.device("cpu"))
    written = prompt
    stamps = 0
    for step in range(40):
        logits = torch.randn(batch, size, generator=random) * 3
        logits[:, vocabulary.first_stamp :] += torch.randn(batch, 1, generator=random) * 8 - 4
        logits[:, vocabulary.first_stamp + 3 * step :][:, :40] += 4.0
        expected = logits
        for processor in theirs:
            expected = processor(written, expected)
        masked = ours.apply(logits.clone())
        assert torch.equal(masked.isinf(), expected.isinf()), f"step {step}"
        tokens = masked.softmax(-1).multinomial(1, generator=random)[:, 0]
        tokens = torch.where(tokens == vocabulary.end, 300, tokens)  # go on after the end would come
        ours.observe(tokens)
        stamps += int((tokens >= vocabulary.first_stamp).sum())
        written = torch.cat([written, tokens[:, None]], dim=1)
    assert stamps > 20  # the case was no idle one


def test_without_timestamps_no_stamp_rule_is_applied(vocabulary: Vocabulary) -> None:
    rules = Rules(vocabulary, 1, timestamps=False, device=torch.device("cpu"))
    logits = torch.zeros(1, vocabulary.first_stamp + 1501)
    masked = rules.apply(logits)
    forbidden = {*vocabulary.suppressed, *vocabulary.suppressed_first, vocabulary.no_stamps}
    assert set(masked[0].isinf().nonzero()[:, 0].tolist()) == forbidden


def test_rows_that_stay_keep_their_history(vocabulary: Vocabulary) -> None:
    rules = Rules(vocabulary, 3, timestamps=True, device=torch.device("cpu"))
    rules.apply(torch.zeros(3, vocabulary.first_stamp + 1501))
    stamp = vocabulary.first_stamp
    rules.observe(torch.tensor([stamp, stamp + 5, stamp + 9]))
    rules.keep(torch.tensor([2]))
    assert rules.latest.tolist() == [stamp + 9]
    masked = rules.apply(torch.zeros(1, stamp + 1501))
    assert masked[0, stamp:].isinf().all()  # after an opening stamp come words
