"""Whisper's network, read from top to bottom: encoder, then decoder with its key-value cache.

Shapes: B windows, N beams of each, S tokens of one call, T positions heard (1,500 for 30 s), W width, H heads,
D = W / H.
Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (2022), section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.cache import Cache, Now
from runner.engine.layers import Conv1d, Embedding, LayerNorm, Linear
from runner.engine.products import Packed, Quantised

SCORES_TOGETHER = 1500 * 1500  # attention scores that a core holds at once: one head's


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes that make one Whisper a tiny and another a large."""

    mels: int
    width: int
    heads: int
    feed_forward: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    audio_positions: int
    text_positions: int

    @property
    def cross_cache_numbers(self) -> int:
        """Numbers that one window's cross-attention keys and values take."""
        return self.decoder_layers * 2 * self.audio_positions * self.width

    @property
    def token_cache_numbers(self) -> int:
        """Numbers that one token's self-attention keys and values take."""
        return self.decoder_layers * 2 * self.width


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, S, W) → (B, H, S, D)"""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, H, S, D) → (B, S, W)"""
    return x.transpose(1, 2).flatten(-2)


class SelfAttention(nn.Module):
    """Self-attention with queries, keys and values from one product; Whisper's keys have no bias.

    Queries come out divided by the root of D: that is in the weights as they are loaded.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # each (B, S, W)
        return split_heads(q, self.heads), split_heads(k, self.heads), split_heads(v, self.heads)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every position looks at every other: three (B, H, T, D) → (B, H, T, D)."""
    if q.device.type != "cpu" or q.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v, scale=1.0)
    # Plain products of a few heads at a time, whose scores stay in the processor's cache: torch's fused kernel
    # multiplies bf16 at the pace of float32, and takes twice as long for this.
    batch, heads, positions, size = q.shape
    q, k, v = (each.flatten(0, 1) for each in (q, k, v))  # each (B·H, T, D)
    attended = torch.empty_like(q)
    together = max(1, torch.get_num_threads() * SCORES_TOGETHER // positions**2)
    scores = q.new_empty(together, positions, positions)
    for first in range(0, batch * heads, together):
        part = slice(first, min(first + together, batch * heads))
        weights = scores[: part.stop - first]
        torch.bmm(q[part], k[part].mT, out=weights)
        torch.softmax(weights, dim=-1, out=weights)
        torch.bmm(weights, v[part], out=attended[part])
    return attended.view(batch, heads, positions, size)


class EncoderLayer(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(d.width)
        self.attention = SelfAttention(d.width, d.heads)
        self.mlp_norm = LayerNorm(d.width)
        self.mlp_in = Linear(d.width, d.feed_forward)
        self.mlp_out = Linear(d.feed_forward, d.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention.out(join_heads(attend(*self.attention.project(self.attention_norm(x)))))
        x = x + self.mlp_out(self.mlp_in(self.mlp_norm(x), "gelu"))
        return x


class Encoder(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.conv1 = Conv1d(d.mels, d.width, kernel_size=3, padding=1)
        self.conv2 = Conv1d(d.width, d.width, kernel_size=3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.empty(d.audio_positions, d.width))
        self.layers = nn.ModuleList(EncoderLayer(d) for _ in range(d.encoder_layers))
        self.norm = LayerNorm(d.width)

    def forward(self, features: Tensor) -> Tensor:
        x = F.gelu(self.conv1(features))  # (B, mels, 2T) → (B, W, 2T)
        x = F.gelu(self.conv2(x))  # (B, W, T)
        x = x.mT + self.positions  # (B, T, W)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)  # type: ignore[no-any-return]  # nn.Module calls are Any


class CrossAttention(nn.Module):
    """Attention from text to what was heard; its keys and values are made once a window."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = Linear(width, width)
        self.kv = Linear(width, 2 * width)
        self.out = Linear(width, width)

    def remember(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, W) → keys and values, each (B, H, T, D)"""
        k, v = self.kv(heard).chunk(2, dim=-1)  # each (B, T, W)
        return split_heads(k, self.heads), split_heads(v, self.heads)

    def weights(self, x: Tensor, k: Tensor) -> Tensor:
        """What each of the tokens (B, S, W) listens to: (B, H, S, T)"""
        q = split_heads(self.q(x), self.heads)  # (B, H, S, D)
        # Two plain products: with few queries a fused kernel is several times slower on a processor.
        return torch.softmax(q @ k.mT, dim=-1)

    def scores(self, x: Tensor, k: Tensor, heads: Sequence[int]) -> Tensor:
        """What some of the heads make of each token (B, S, W) before the softmax: (B, heads, S, T) in float32."""
        chosen = list(heads)
        q = split_heads(self.q(x), self.heads)[:, chosen]
        return q.float() @ k[:, chosen].float().mT

    def forward(self, x: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.out(join_heads(self.weights(x, k) @ v))  # type: ignore[no-any-return]  # nn.Module calls are Any


class DecoderLayer(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(d.width)
        self.attention = SelfAttention(d.width, d.heads)
        self.cross_norm = LayerNorm(d.width)
        self.cross = CrossAttention(d.width, d.heads)
        self.mlp_norm = LayerNorm(d.width)
        self.mlp_in = Linear(d.width, d.feed_forward)
        self.mlp_out = Linear(d.feed_forward, d.width)

    def read(self, x: Tensor, heard: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Several tokens each (B, S, W) from the beginning; gives their keys and values too, (B, H, S, D)."""
        x, k, v = self.look_back(x)
        return self.hear(x, heard), k, v

    def look_back(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The first half of `read`: self-attention alone."""
        q, k, v = self.attention.project(self.attention_norm(x))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)
        return x + self.attention.out(join_heads(attended)), k, v

    def hear(self, x: Tensor, heard: tuple[Tensor, Tensor]) -> Tensor:
        """The second half of `read`: what was heard, and what is made of it."""
        x = x + self.cross(self.cross_norm(x), *heard)
        x = x + self.mlp_out(self.mlp_in(self.mlp_norm(x), "gelu"))
        return x

    def step(self, x: Tensor, cache: Cache, layer: int, now: Now) -> Tensor:
        """One more token each, (rows, N, W)."""
        q, k, v = self.attention.project(self.attention_norm(x))  # each (rows, H, N, D)
        keys, values = cache.write(layer, k, v, now)
        scores = q @ keys.mT + now.hidden  # (rows, H, N, entries)
        x = x + self.attention.out(join_heads(torch.softmax(scores, dim=-1) @ values))
        return self.hear(x, cache.heard_by(layer, now))


class Decoder(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.vocabulary = Embedding(d.vocabulary, d.width)
        self.positions = nn.Parameter(torch.empty(d.text_positions, d.width))
        self.layers = nn.ModuleList(DecoderLayer(d) for _ in range(d.decoder_layers))
        self.norm = LayerNorm(d.width)
        self.product: Packed | Quantised | None = None  # with the vocabulary, as in Linear

    def read(self, tokens: Tensor, heard: Tensor, into: tuple[Cache, slice] | None = None) -> Tensor:
        """Prompts (K, S) and (K, T, W) from the encoder → (K, S, W); begins these windows in K slots of a cache."""
        x = self.vocabulary(tokens) + self.positions[: tokens.shape[1]]
        for number, layer in enumerate(self.layers):
            k, v = layer.cross.remember(heard)  # type: ignore[operator, union-attr]  # ModuleList forgets its type
            # Laid out head by head once, or every product would copy them again.
            laid = (k.contiguous(), v.contiguous()) if into is None else into[0].hear(number, into[1], k, v)
            x, k, v = layer.read(x, laid)  # type: ignore[operator]
            if into is not None:
                into[0].begin(number, into[1], k, v)
        return x  # type: ignore[no-any-return]

    def listen(
        self, tokens: Tensor, heard: Sequence[tuple[Tensor, Tensor]], heads: Mapping[int, Sequence[int]]
    ) -> Iterator[Tensor]:
        """What texts (K, S) that are written listen to: scores of these heads, (K, heads, S, T), layer by layer.

        `heard` are every layer's keys and values. One pass with attention as always: the scores of these heads alone
        are worked out beside it, and what comes after the last of them is left out.
        """
        x = self.vocabulary(tokens) + self.positions[: tokens.shape[1]]
        for number, (layer, laid) in enumerate(zip(self.layers, heard, strict=True)):
            x, _, _ = layer.look_back(x)  # type: ignore[operator]  # ModuleList forgets its type
            if number in heads:
                yield layer.cross.scores(layer.cross_norm(x), laid[0], heads[number])  # type: ignore[operator, union-attr]
            if number == max(heads):
                return
            x = layer.hear(x, laid)  # type: ignore[operator]

    def step(self, tokens: Tensor, cache: Cache, rows: int, entries: int) -> Tensor:
        """The next token of every beam (rows, N) in the first `rows` slots → logits (rows, N, vocabulary).

        No window there has more than `entries` behind it, this step's among them.
        """
        now = cache.advance(rows, entries)
        x = self.vocabulary(tokens) + self.positions[now.positions][:, None]  # (rows, N, W)
        for number, layer in enumerate(self.layers):
            x = layer.step(x, cache, number, now)  # type: ignore[operator]
        return self.write(x)

    def write(self, x: Tensor) -> Tensor:
        """(…, W) → logits (…, vocabulary)"""
        x = self.norm(x)
        if self.product is not None:
            return self.product(x)
        return F.linear(x, self.vocabulary.weight)


class Whisper(nn.Module):
    """The whole network; `encoder` hears, `decoder` writes."""

    def __init__(self, dimensions: Dimensions) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.encoder = Encoder(dimensions)
        self.decoder = Decoder(dimensions)

    def lay_out(self, product: type[Packed | Quantised]) -> None:
        """Lay all weights out for products on a processor."""
        for module in [*self.modules()]:
            if isinstance(module, Linear):
                module.lay_out(product)
        self.decoder.product = product(self.decoder.vocabulary.weight, None)


def fuse(tensors: Sequence[Tensor | None]) -> Tensor:
    """Stack projections into one; a missing bias (Whisper's keys) is zero."""
    shape = next(tensor for tensor in tensors if tensor is not None)
    return torch.cat([torch.zeros_like(shape) if tensor is None else tensor for tensor in tensors])
