"""What the decoder remembers of each window while it writes.

A slot holds one window: the keys and values of what was heard, once for all its beams, and those of the tokens
written so far. Beams of a window share their entries too: which of them a beam descends from is a mask, so that
nothing is copied when the beams change places. Slots are independent: each is as far as it is.

Shapes: W slots, N beams, E = N · positions entries, H heads, T positions heard, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEVER = float("-inf")
GROWS_BY = 32  # tokens


@dataclass(frozen=True, slots=True)
class Now:
    """One step of the first `rows` slots: where its tokens stand, and what each beam may see."""

    rows: int
    entries: int
    slots: Tensor  # (rows, 1)
    positions: Tensor  # (rows,)
    places: Tensor  # (rows, N): the entry that each beam writes
    hidden: Tensor  # (rows, 1, N, entries): 0 where a beam sees an entry, else minus infinity


class Cache:
    """Room for `slots` windows of `beams` beams, allocated once and written in place."""

    def __init__(
        self,
        layers: int,
        heads: int,
        size: int,
        *,
        slots: int,
        beams: int,
        positions: int,
        heard: int,
        like: Tensor,
        dense: bool,
    ) -> None:
        self.beams = beams
        self.positions = positions
        self.dense = dense  # as small as may be, moved when it grows
        entries = beams * (min(GROWS_BY, positions) if self.dense else positions)
        # Zeros, since what is hidden and rows without a window must still be numbers: 0 · NaN is NaN.
        self.heard = [
            (like.new_zeros(slots, heads, heard, size), like.new_zeros(slots, heads, heard, size))
            for _ in range(layers)
        ]
        self.own = [
            (like.new_zeros(slots, heads, entries, size), like.new_zeros(slots, heads, entries, size))
            for _ in range(layers)
        ]
        self.hidden = like.new_full((slots, beams, entries), NEVER)
        self.lengths = torch.zeros(slots, dtype=torch.long, device=like.device)
        self.slots = torch.arange(slots, device=like.device)[:, None]
        self.beam = torch.arange(beams, device=like.device)

    def hear(self, layer: int, slots: slice, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put new windows in K slots: keys and values of what was heard, (K, H, T, D); gives them as they lie there."""
        keys, values = self.heard[layer]
        keys[slots] = k
        values[slots] = v
        return keys[slots], values[slots]

    def begin(self, layer: int, slots: slice, k: Tensor, v: Tensor) -> None:
        """A prompt's keys and values (K, H, S, D): every beam of these slots sees them, and nothing else."""
        prompt = k.shape[2]
        for room, new in zip(self.own[layer], (k, v), strict=True):
            room[slots, :, : prompt * self.beams : self.beams] = new  # in the first beam's entries
        self.lengths[slots] = prompt
        self.hidden[slots] = NEVER
        self.hidden[slots, :, : prompt * self.beams : self.beams] = 0.0

    def reserve(self, positions: int) -> int:
        """Have room for so many tokens of each beam; gives the number of entries that a step need look at.

        A processor's products copy what does not lie side by side, so there the room grows as it is needed.
        """
        wanted = min(self.positions, -(-positions // GROWS_BY) * GROWS_BY) * self.beams
        if self.dense and self.hidden.shape[2] != wanted:
            kept = min(wanted, self.hidden.shape[2])
            for layer, pair in enumerate(self.own):
                new = [room.new_zeros(*room.shape[:2], wanted, room.shape[3]) for room in pair]
                for room, old in zip(new, pair, strict=True):
                    room[:, :, :kept] = old[:, :, :kept]
                self.own[layer] = (new[0], new[1])
            hidden = self.hidden.new_full((*self.hidden.shape[:2], wanted), NEVER)
            hidden[..., :kept] = self.hidden[..., :kept]
            self.hidden = hidden
        return wanted

    def advance(self, rows: int, entries: int) -> Now:
        """Make room for one more token of every beam."""
        positions = self.lengths[:rows]
        places = positions[:, None] * self.beams + self.beam  # (rows, N)
        hidden = self.hidden[:rows]
        hidden.scatter_(2, places[..., None], 0.0)  # each beam sees itself
        now = Now(rows, entries, self.slots[:rows], positions.clone(), places, hidden[:, None, :, :entries])
        self.lengths[:rows].add_(1).clamp_(
            max=self.positions - 1
        )  # slots without a window stay within theirs
        return now

    def write(self, layer: int, k: Tensor, v: Tensor, now: Now) -> tuple[Tensor, Tensor]:
        """Add this step's keys and values (rows, H, N, D); give all so far, (rows, H, entries, D)."""
        keys, values = self.own[layer]
        keys[now.slots, :, now.places] = k.transpose(1, 2)
        values[now.slots, :, now.places] = v.transpose(1, 2)
        return keys[: now.rows, :, : now.entries], values[: now.rows, :, : now.entries]

    def heard_by(self, layer: int, now: Now) -> tuple[Tensor, Tensor]:
        k, v = self.heard[layer]
        return k[: now.rows], v[: now.rows]

    def heard_in(self, slots: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of what was heard in some slots, layer by layer; of a single one as they lie there."""
        where = slice(slots[0], slots[0] + 1) if len(slots) == 1 else list(slots)
        return [(k[where], v[where]) for k, v in self.heard]

    def follow(self, part: slice, parents: Tensor) -> None:
        """Every beam (rows, N) of part of the slots goes on from the one that it descends from."""
        if self.beams > 1:
            hidden = self.hidden[part]
            hidden.copy_(hidden.gather(1, parents[..., None].expand_as(hidden)))

    def move(self, source: int, target: int) -> None:
        """Copy the window of one slot to another."""
        for pair in (*self.heard, *self.own):
            for room in pair:
                room[target] = room[source]
        self.hidden[target] = self.hidden[source]
        self.lengths[target] = self.lengths[source]
