"""The search for the likeliest text: beams that are reordered on the device, greedy where there is one, or samples.

Source: openai/whisper, decoding.py (BeamSearchDecoder with patience 1, MaximumLikelihoodRanker without penalty).

Shapes: R slots, N beams, P positions, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from runner.engine.rules import NEVER, Allowed, highest


@dataclass(frozen=True, slots=True)
class Found:
    """The best text of a slot: tokens without the end, and the log-probability of each and of the end."""

    tokens: list[int]
    log_probabilities: list[float]
    total: float


class Chance(NamedTuple):
    """How a token is drawn: the likeliest at temperature 0, else by dice from this seed."""

    temperature: float
    seed: int


class Search:
    """Beams of every slot and the best text that has come to its end; `advance` takes one step in all."""

    def __init__(
        self, slots: int, beams: int, positions: int, end: int, first_stamp: int, device: torch.device
    ) -> None:
        self.beams, self.end, self.first_stamp = beams, end, first_stamp
        self.written = torch.zeros(slots, dtype=torch.long, device=device)  # tokens of each beam
        self.totals = torch.zeros(slots, beams, device=device)  # sums of log-probabilities
        self.tokens = torch.zeros(slots, beams, positions, dtype=torch.long, device=device)
        self.log_probabilities = torch.zeros(slots, beams, positions, device=device)
        self.ended = torch.zeros(slots, dtype=torch.long, device=device)  # texts that came to their end
        self.best = torch.full((slots,), NEVER, device=device)  # the best of these: mean log-probability
        self.best_total = torch.zeros(slots, device=device)
        self.best_length = torch.zeros(slots, dtype=torch.long, device=device)
        self.best_tokens = torch.zeros(slots, positions, dtype=torch.long, device=device)
        self.best_log_probabilities = torch.zeros(slots, positions, device=device)
        self.itself = torch.arange(beams, device=device)[None]

    def begin(self, slots: slice, sampled: Tensor) -> None:
        """Nothing is written yet in these slots: beams come from one beginning, samples (K,) stand for themselves."""
        self.written[slots] = 0
        self.totals[slots] = torch.where((self.itself > 0) & ~sampled[:, None], NEVER, 0.0)
        self.ended[slots] = 0
        self.best[slots] = NEVER

    def advance(
        self, logits: Tensor, allowed: Allowed, part: slice, chances: Sequence[Chance] = ()
    ) -> tuple[Tensor, Tensor]:
        """One more token for every beam of part of the slots: the parent and the token of each, (rows, N).

        `chances` are those of every slot, or none where no token is drawn by chance.
        """
        n = self.beams
        stamps, stamp_ids = highest(allowed.stamps, n)
        # The best N words, the end and the best N stamps of each beam hold all that could be taken.
        scores = torch.cat([allowed.words, allowed.end[..., None], stamps], 2)
        ids = torch.cat(
            [allowed.word_ids, torch.full_like(stamp_ids[..., :1], self.end), stamp_ids + self.first_stamp], 2
        )
        normal = torch.logaddexp(
            torch.logaddexp(allowed.every_word, allowed.end), allowed.stamps.logsumexp(2)
        )  # (rows, N)
        own = scores - normal[..., None]  # (rows, N, 2N + 1): log-probability of the token alone
        totals, places = (self.totals[part, :, None] + own).flatten(1).topk(2 * n)  # (rows, 2N)
        parents = places // (2 * n + 1)
        tokens, own = ids.flatten(1).gather(1, places), own.flatten(1).gather(1, places)
        is_end = tokens == self.end
        # An end counts if fewer than N beams that go on are likelier.
        ends = is_end & ((~is_end).cumsum(1) < n) & (totals > NEVER) & (self.ended[part, None] < n)
        live = is_end.int().argsort(dim=1, stable=True)[:, :n]
        for row, (temperature, seed) in enumerate(chances):
            if temperature:
                chance = torch.Generator().manual_seed(seed)
                token, log_probability = sample(
                    logits[row],
                    allowed,
                    row,
                    normal[row],
                    temperature,
                    chance,
                    self.end,
                    self.first_stamp,
                )
                own_total = self.totals[part][row] + log_probability
                parents[row] = self.itself.repeat(1, 2)
                tokens[row], own[row] = token.repeat(2), log_probability.repeat(2)
                # What has ended is over, and is held as a candidate beside the samples that go on.
                totals[row] = torch.cat([own_total.masked_fill(token == self.end, NEVER), own_total])
                ends[row] = torch.cat([torch.zeros_like(token, dtype=torch.bool), token == self.end])
                ends[row] &= totals[row] > NEVER
                live[row] = self.itself[0]
        self._keep_best(part, parents, totals, ends)
        parents, tokens = parents.gather(1, live), tokens.gather(1, live)
        self.totals[part] = totals.gather(1, live)
        for history, new in ((self.tokens, tokens), (self.log_probabilities, own.gather(1, live))):
            some = history[part]
            if n > 1:
                some.copy_(some.gather(1, parents[..., None].expand_as(some)))
            some.scatter_(2, self.written[part, None, None].expand(-1, n, 1), new[..., None])
        self.written[part].add_(1).clamp_(max=self.tokens.shape[2] - 1)  # as in the cache
        return parents, tokens

    def _keep_best(self, part: slice, parents: Tensor, totals: Tensor, ends: Tensor) -> None:
        """Of the texts that end in this step, all of one length, keep the likeliest if it beats those before."""
        total, place = torch.where(ends, totals, NEVER).max(1)  # (rows,)
        written = self.written[part]
        mean = total / written.clamp(min=1)
        better = mean > self.best[part]
        parent = parents.gather(1, place[:, None])  # (rows, 1)
        for best_, history in (
            (self.best_tokens, self.tokens),
            (self.best_log_probabilities, self.log_probabilities),
        ):
            some = history[part].gather(1, parent[..., None].expand(-1, 1, history.shape[2]))[:, 0]
            best_[part] = torch.where(better[:, None], some, best_[part])
        self.best[part] = torch.where(better, mean, self.best[part])
        self.best_total[part] = torch.where(better, total, self.best_total[part])
        self.best_length[part] = torch.where(better, written, self.best_length[part])
        self.ended[part] += ends.sum(1)

    def result(self, slot: int, *, as_it_stands: bool = False) -> Found:
        """The best text that came to its end; the likeliest beam as it stands where none did, or if so asked."""
        if self.ended[slot] and not as_it_stands:
            length = int(self.best_length[slot])
            tokens, own = self.best_tokens[slot], self.best_log_probabilities[slot]
            total = float(self.best_total[slot])
        else:
            length = int(self.written[slot])
            beam = int(self.totals[slot].argmax())
            tokens, own = self.tokens[slot, beam], self.log_probabilities[slot, beam]
            total = float(self.totals[slot, beam])
        return Found(tokens[:length].tolist(), own[:length].tolist(), total)

    def likeliest(self, slots: list[int]) -> list[list[int]]:
        """The tokens of the likeliest beam of each of these slots; samples stand in no order."""
        if not slots:
            return []
        beams = self.totals[slots].argmax(1)
        written: list[list[int]] = self.tokens[slots, beams].tolist()
        return written

    def move(self, source: int, target: int) -> None:
        """Copy what is known of one slot to another."""
        for state in (
            self.written, self.totals, self.tokens, self.log_probabilities, self.ended, self.best, self.best_total,
            self.best_length, self.best_tokens, self.best_log_probabilities,
        ):  # fmt: skip
            state[target] = state[source]


def sample(
    logits: Tensor,
    allowed: Allowed,
    row: int,
    normal: Tensor,
    temperature: float,
    chance: torch.Generator,
    end: int,
    first_stamp: int,
) -> tuple[Tensor, Tensor]:
    """A token of chance for each of a slot's beams, (N,), from its logits (N, V), and what its log-probability was."""
    words = logits[:, :end].float().masked_fill(allowed.every_word[row, :, None] == NEVER, NEVER)
    scores = torch.cat([words, allowed.end[row, :, None], allowed.stamps[row]], 1)
    place = (scores / temperature).softmax(1).cpu().multinomial(1, generator=chance).to(scores.device)
    log_probability = scores.gather(1, place)[:, 0] - normal
    place = place[:, 0]
    return torch.where(place > end, place - end - 1 + first_stamp, place), log_probability
