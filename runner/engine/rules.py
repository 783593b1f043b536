"""Which tokens may come next: Whisper's own rules of decoding, for every beam at once.

Source: openai/whisper, decoding.py (SuppressBlank, SuppressTokens, ApplyTimestampRules). Everything stays on the
device, so that no step waits for the host, and no mask as long as the vocabulary is ever made: the words are
allowed together or not at all, and what may never be said is in a bias.

Shapes: R slots, N beams, V vocabulary, S time stamps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from runner.engine.tokens import Vocabulary

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The scores of what may be said next, in float32, each with minus infinity for what may not."""

    words: Tensor  # (R, N, N): the likeliest words
    word_ids: Tensor  # (R, N, N)
    every_word: Tensor  # (R, N): the sum of all words' scores as powers, as a logarithm
    end: Tensor  # (R, N)
    stamps: Tensor  # (R, N, S)


class Rules:
    """Follows what each beam has written; `apply` tells what may come next."""

    def __init__(
        self, vocabulary: Vocabulary, slots: int, beams: int, timestamps: bool, device: torch.device
    ) -> None:
        self.end, self.first_stamp = vocabulary.end, vocabulary.first_stamp
        self.timestamps = timestamps
        self.beams = beams
        self.suppressed = torch.tensor(
            sorted({token for token in vocabulary.suppressed if 0 <= token < vocabulary.end}),
            dtype=torch.long,
            device=device,
        )
        self.suppressed_first = torch.tensor(
            [token for token in vocabulary.suppressed_first if 0 <= token < vocabulary.end],
            dtype=torch.long,
            device=device,
        )
        self.last_initial = vocabulary.last_initial_stamp
        shape = (slots, beams)
        self.first = torch.ones(shape, dtype=torch.bool, device=device)
        self.last_was_stamp = torch.zeros(shape, dtype=torch.bool, device=device)
        self.one_before_was_stamp = torch.ones(shape, dtype=torch.bool, device=device)
        self.latest = torch.full(shape, self.first_stamp - 1, device=device)  # the last stamp written

    def begin(self, slots: slice) -> None:
        """Nothing is written yet in these slots."""
        self.first[slots] = True
        self.last_was_stamp[slots] = False
        self.one_before_was_stamp[slots] = True
        self.latest[slots] = self.first_stamp - 1

    def apply(self, logits: Tensor, part: slice) -> Allowed:
        """What may follow in part of the slots; changes the logits (rows, N, V) in place."""
        first = self.first[part]
        words, end = logits[..., : self.end], logits[..., self.end].float()
        stamps = logits[..., self.first_stamp :].float()
        words.index_fill_(2, self.suppressed, NEVER)
        if not self.timestamps:
            begins = words[..., self.suppressed_first]
            words[..., self.suppressed_first] = begins.masked_fill(first[..., None], NEVER)
        top, ids = highest(words, self.beams)
        if self.timestamps:
            last, before = self.last_was_stamp[part], self.one_before_was_stamp[part]
            # Stamps come in pairs: after an opening one words follow, after a closing one another or the end.
            opened, closed = last & before, last & ~before
            # Time moves on, but for an opening stamp, which may equal the closing one before it.
            lowest = self.latest[part] + 1 - closed.long()
            numbers = torch.arange(self.first_stamp, logits.shape[2], device=logits.device)
            forbidden = opened[..., None] | (numbers < lowest[..., None])
            if self.last_initial is not None:
                forbidden |= first[..., None] & (numbers > self.last_initial)
            stamps = stamps.masked_fill(forbidden, NEVER)
            # If a stamp is likelier than the likeliest word, however the stamps share it, take a stamp.
            likeliest = torch.where(closed, end, torch.maximum(top[..., 0].float(), end))
            only_stamp = first | (stamps.logsumexp(2) > likeliest)
            no_word, no_end = only_stamp | closed, only_stamp
        else:
            stamps = torch.full_like(stamps, NEVER)
            no_word, no_end = torch.zeros_like(first), first
        # The sum is taken in float32 without a copy of all scores in it.
        every = (words - top[..., :1]).exp_().sum(2, dtype=torch.float32).log() + top[..., 0]
        return Allowed(
            top.float().masked_fill(no_word[..., None], NEVER),
            ids,
            every.masked_fill(no_word, NEVER),
            end.masked_fill(no_end, NEVER),
            stamps,
        )

    def follow(self, part: slice, parents: Tensor, tokens: Tensor) -> None:
        """Every beam (rows, N) goes on from its parent with a token."""
        is_stamp = tokens >= self.first_stamp
        before = torch.where(self.first[part], True, self.last_was_stamp[part])
        # The very first stamp opens: what came before it counts as one.
        self.one_before_was_stamp[part] = before.gather(1, parents)
        latest = self.latest[part].gather(1, parents)
        self.latest[part] = torch.where(is_stamp, tokens, latest)
        self.last_was_stamp[part] = is_stamp
        self.first[part] = False

    def move(self, source: int, target: int) -> None:
        """Copy what is known of one slot to another."""
        for state in (self.first, self.last_was_stamp, self.one_before_was_stamp, self.latest):
            state[target] = state[source]


def highest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest of the last dimension and where they are; a maximum is quicker than a sort of one."""
    if count == 1:
        value, place = scores.max(-1, keepdim=True)
    else:
        value, place = scores.topk(count, -1)
    return value, place
