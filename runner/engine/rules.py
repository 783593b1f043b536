"""Which tokens may come next: Whisper's own rules of decoding, for a whole batch at once.

Source: openai/whisper, decoding.py (SuppressBlank, SuppressTokens, ApplyTimestampRules). Everything stays on
the device, so that no step waits for the host.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runner.engine.tokens import Vocabulary

NEVER = float("-inf")


class Rules:
    """Masks logits (B, V) step by step; `observe` tells it which tokens (B,) were chosen."""

    def __init__(self, vocabulary: Vocabulary, batch: int, timestamps: bool, device: torch.device) -> None:
        self.vocabulary = vocabulary
        self.timestamps = timestamps
        self.first = True
        always = [token for token in vocabulary.suppressed if token >= 0] + [vocabulary.no_stamps]
        self.suppressed = torch.tensor(sorted(set(always)), device=device)
        self.suppressed_first = torch.tensor(vocabulary.suppressed_first, dtype=torch.long, device=device)
        self.last_was_stamp = torch.zeros(batch, dtype=torch.bool, device=device)
        self.one_before_was_stamp = torch.ones(batch, dtype=torch.bool, device=device)
        self.latest = torch.full((batch,), vocabulary.first_stamp - 1, device=device)  # the last stamp chosen

    def apply(self, logits: Tensor) -> Tensor:
        """Logits with every forbidden token at minus infinity; works in place."""
        logits.index_fill_(1, self.suppressed, NEVER)
        if self.first:
            logits.index_fill_(1, self.suppressed_first, NEVER)
        if self.timestamps:
            self._apply_stamps(logits)
        return logits

    def _apply_stamps(self, logits: Tensor) -> None:
        stamp, end = self.vocabulary.first_stamp, self.vocabulary.end
        stamps = logits[:, stamp:]
        if self.first:
            logits[:, :stamp] = NEVER
            if self.vocabulary.last_initial_stamp is not None:
                logits[:, self.vocabulary.last_initial_stamp + 1 :] = NEVER
        # Stamps come in pairs: after an opening one words follow, after a closing one another stamp or the end.
        opened = self.last_was_stamp & self.one_before_was_stamp
        closed = self.last_was_stamp & ~self.one_before_was_stamp
        stamps.masked_fill_(opened[:, None], NEVER)
        logits[:, :end].masked_fill_(closed[:, None], NEVER)
        # Time moves on, but for an opening stamp, which may equal the closing one before it.
        lowest = self.latest + 1 - closed.long()
        ids = torch.arange(stamp, logits.shape[1], device=logits.device)
        stamps.masked_fill_(ids < lowest[:, None], NEVER)
        # If a stamp is likelier than the likeliest word, however the stamps share it, take a stamp.
        likelier = stamps.logsumexp(1) > logits[:, :stamp].amax(1)
        logits[:, :stamp].masked_fill_(likelier[:, None], NEVER)

    def observe(self, tokens: Tensor) -> None:
        """Remember the tokens (B,) that were chosen."""
        is_stamp = tokens >= self.vocabulary.first_stamp
        self.latest = torch.where(is_stamp, tokens, self.latest)
        # The very first stamp opens: what came before it counts as one.
        self.one_before_was_stamp = torch.ones_like(is_stamp) if self.first else self.last_was_stamp
        self.last_was_stamp = is_stamp
        self.first = False

    def keep(self, rows: Tensor) -> None:
        """Follow only these rows (K,) of the batch."""
        self.last_was_stamp = self.last_was_stamp[rows]
        self.one_before_was_stamp = self.one_before_was_stamp[rows]
        self.latest = self.latest[rows]
