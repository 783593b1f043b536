"""When each token was spoken: where the heads that follow the sound look, and the likeliest way through it.

Source: openai/whisper, timing.py: shares of some heads, normalised over tokens, smoothed by a median, averaged, and
dynamic time warping over that.

Shapes: A heads, S tokens, T positions heard, 20 ms each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from runner.engine.network import Decoder

SECONDS_PER_POSITION = 0.02
SMOOTHED = 7  # positions whose median is taken
# Attention runs ahead of the sound: by 50 ms in the median of 316 starts and by 49 ms of as many ends (whisper-base,
# synthesised Swedish whose phonemes are timed, two voices and two paces, each within 15 ms of that).
AHEAD = 0.05  # seconds


def alignment_heads(told: Iterable[Sequence[int]], layers: int, heads: int) -> dict[int, tuple[int, ...]]:
    """By layer, the heads that follow the sound: those that the checkpoint names, else all of the upper half."""
    found: dict[int, tuple[int, ...]] = {}
    for layer, head in told:
        if layer < layers and head < heads:  # a distilled model may name those of its teacher
            found[layer] = (*found.get(layer, ()), head)
    return found or {layer: tuple(range(heads)) for layer in range(layers // 2, layers)}


@dataclass(frozen=True, slots=True)
class Text:
    """What was written of a window: its prompt, the tokens after it, and the seconds of sound in the window."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    length: float


def align(
    decoder: Decoder,
    texts: Sequence[Text],
    heard: Sequence[tuple[Tensor, Tensor]],
    heads: Mapping[int, Sequence[int]],
) -> list[tuple[float, ...]]:
    """Seconds from the start of the window at which each token of every text begins, and the end after the last.

    `heard` are every layer's keys and values of these windows. Attention to the silence after a window's sound is left
    out, since it attracts what belongs nowhere.
    """
    longest = max(len(text.prompt) + len(text.tokens) for text in texts)
    # What stands after a text is seen by nothing in it.
    rows = [[*text.prompt, *text.tokens, *[0] * longest][:longest] for text in texts]
    tokens = torch.tensor(rows, device=heard[0][0].device)
    focused = [torch.zeros((), device=tokens.device) for _ in texts]
    for scores in decoder.listen(tokens, heard, heads):
        for number, text in enumerate(texts):
            first = len(text.prompt) - 1  # a token is looked for while the one before it is read
            positions = min(scores.shape[-1], max(1, math.ceil(text.length / SECONDS_PER_POSITION)))
            some = scores[number, :, first : first + len(text.tokens) + 1, :positions]
            focused[number] = focused[number] + focus(some)
    return [token_times(one) for one in focused]


def focus(scores: Tensor) -> Tensor:
    """Where the tokens look more than others do: (A, S, T) before the softmax → (S, T), summed over heads."""
    shares = torch.softmax(scores, dim=-1)
    spread, mean = torch.std_mean(shares, dim=1, keepdim=True, unbiased=False)
    return ((shares - mean) / spread.clamp(min=1e-8)).sum(0)


def token_times(focused: Tensor) -> tuple[float, ...]:
    """Seconds from the start of the window at which each token of (S, T) begins."""
    return tuple((SECONDS_PER_POSITION * path(-smooth(focused).cpu().double().numpy()) + AHEAD).tolist())


def smooth(x: Tensor) -> Tensor:
    """Each of (S, T) becomes the median of its neighbourhood in time."""
    padded = F.pad(x, (SMOOTHED // 2, SMOOTHED // 2), mode="replicate")
    return padded.unfold(-1, SMOOTHED, 1).median(dim=-1).values


def path(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The position at which each token begins on the cheapest way through (S, T): (S,), never falling.

    Every token takes one position or more, and two neighbours may share one. A row is done at once: the cost of having
    come to t is the cost of the row up to t, plus the least, over all places of entry before it, of the way there less
    the row up to there.
    """
    tokens, positions = costs.shape
    everywhere = np.arange(positions)
    entries = np.empty((tokens, positions), np.int64)  # where the way that stands at t entered the row
    moved = np.zeros((tokens, positions), bool)  # whether it came from the position before, or shares it
    way = np.full(positions, np.inf)
    for row, cost in enumerate(costs):
        if row == 0:
            way[0] = 0.0
        else:
            before = np.concatenate([[np.inf], way[:-1]])
            moved[row] = before <= way
            way = np.minimum(before, way)
        total = np.cumsum(cost)
        entered = way - (total - cost)
        least = np.minimum.accumulate(entered)
        entries[row] = np.maximum.accumulate(np.where(entered == least, everywhere, 0))
        way = total + least
    begins = np.empty(tokens, np.int64)
    at = positions - 1
    for row in range(tokens - 1, -1, -1):
        begins[row] = at = entries[row, at]
        at -= moved[row, at]
    return begins
