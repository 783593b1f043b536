"""Whisper's network, read from top to bottom: encoder, then decoder with its key-value cache.

Shapes: B windows, S tokens of one call, T positions heard (1,500 for 30 s), W width, H heads, D = W / H.
Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (2022), section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
    def self_cache_numbers(self) -> int:
        """Numbers that one window's self-attention keys and values take."""
        return self.decoder_layers * 2 * self.text_positions * self.width


class FromCheckpoint:
    """Leaves a layer's weights as they lie in memory, since a checkpoint's take their place."""

    def reset_parameters(self) -> None:
        return


class Linear(FromCheckpoint, nn.Linear): ...


class Conv1d(FromCheckpoint, nn.Conv1d): ...


class LayerNorm(FromCheckpoint, nn.LayerNorm): ...


class Embedding(FromCheckpoint, nn.Embedding): ...


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, S, W) → (B, H, S, D)"""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, H, S, D) → (B, S, W)"""
    return x.transpose(1, 2).flatten(-2)


class SelfAttention(nn.Module):
    """Self-attention with queries, keys and values from one product; Whisper's keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # each (B, S, W)
        return split_heads(q, self.heads), split_heads(k, self.heads), split_heads(v, self.heads)


class CrossAttention(nn.Module):
    """Attention from text to what was heard; its keys and values are made once a window."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = Linear(width, width)
        self.kv = Linear(width, 2 * width)
        self.out = Linear(width, width)

    def remember(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        k, v = self.kv(heard).chunk(2, dim=-1)  # each (B, T, W)
        # Laid out head by head once, or every step's product would copy them again.
        return split_heads(k, self.heads).contiguous(), split_heads(v, self.heads).contiguous()

    def forward(self, x: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q = split_heads(self.q(x), self.heads)  # (B, H, S, D)
        # Two plain products: with one query a fused kernel is several times slower on a processor.
        weights = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)  # (B, H, S, T)
        return self.out(join_heads(weights @ v))  # type: ignore[no-any-return]  # nn.Module calls are Any


class EncoderLayer(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(d.width)
        self.attention = SelfAttention(d.width, d.heads)
        self.mlp_norm = LayerNorm(d.width)
        self.mlp_in = Linear(d.width, d.feed_forward)
        self.mlp_out = Linear(d.feed_forward, d.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attention.project(self.attention_norm(x))
        x = x + self.attention.out(join_heads(F.scaled_dot_product_attention(q, k, v)))
        x = x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))
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


class Cache:
    """What the decoder remembers of each window in a batch.

    `own` are keys and values of the text so far, (B, H, positions, D) a layer, written in place;
    `heard` those of the audio, (B, H, T, D) a layer; `length` tokens are in `own`.
    """

    def __init__(self, heard: list[tuple[Tensor, Tensor]], positions: int) -> None:
        self.heard = heard
        self.length = 0
        batch, heads, _, size = heard[0][0].shape
        self.own = [
            (keys.new_empty(batch, heads, positions, size), keys.new_empty(batch, heads, positions, size))
            for keys, _ in heard
        ]

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.own[layer]
        end = self.length + k.shape[2]
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]

    def keep(self, rows: Tensor) -> None:
        """Drop the windows that are finished; `rows` (K,) are the ones that go on."""
        self.heard = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.heard]
        self.own = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.own]


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

    def forward(self, x: Tensor, cache: Cache, layer: int) -> Tensor:
        q, k, v = self.attention.project(self.attention_norm(x))
        keys, values = cache.write(layer, k, v)
        # Several tokens only ever come first, so the causal mask is square; one token sees all before it.
        attended = F.scaled_dot_product_attention(q, keys, values, is_causal=q.shape[2] > 1)
        x = x + self.attention.out(join_heads(attended))
        x = x + self.cross(self.cross_norm(x), *cache.heard[layer])
        x = x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))
        return x


class Decoder(nn.Module):
    def __init__(self, d: Dimensions) -> None:
        super().__init__()
        self.vocabulary = Embedding(d.vocabulary, d.width)
        self.positions = nn.Parameter(torch.empty(d.text_positions, d.width))
        self.layers = nn.ModuleList(DecoderLayer(d) for _ in range(d.decoder_layers))
        self.norm = LayerNorm(d.width)

    def remember(self, heard: Tensor, positions: int) -> Cache:
        """Begin a batch: (B, T, W) from the encoder → an empty cache for `positions` tokens each."""
        return Cache([layer.cross.remember(heard) for layer in self.layers], positions)  # type: ignore[operator, union-attr]  # ModuleList forgets its type

    def forward(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Tokens (B, S) after those in the cache → logits (B, S, vocabulary) in float32."""
        end = cache.length + tokens.shape[1]
        x = self.vocabulary(tokens) + self.positions[cache.length : end]  # (B, S, W)
        for number, layer in enumerate(self.layers):
            x = layer(x, cache, number)
        cache.length = end
        return F.linear(self.norm(x), self.vocabulary.weight).float()


class Whisper(nn.Module):
    """The whole network; `encoder` hears, `decoder` writes."""

    def __init__(self, dimensions: Dimensions) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.encoder = Encoder(dimensions)
        self.decoder = Decoder(dimensions)


def fuse(tensors: Sequence[Tensor | None]) -> Tensor:
    """Stack projections into one; a missing bias (Whisper's keys) is zero."""
    shape = next(tensor for tensor in tensors if tensor is not None)
    return torch.cat([torch.zeros_like(shape) if tensor is None else tensor for tensor in tensors])
