"""The least time that each stage could take here: counted work, over what this machine was measured to do.

A floor is what is left when nothing but the necessary is computed and everything runs at full speed, so a stage
never reaches it; the share says how near it came. A share above one means that a cache held what is counted as
read from memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from runner.engine.features import FRAME, HOP, SAMPLE_RATE, WINDOW_SAMPLES
from runner.engine.network import Dimensions

STAGES = ("decode", "vad", "features", "encoder", "decoder")
BESIDE = ("decode", "vad")  # done by another process or thread while the lanes work

# Multiply-adds of silero-vad's 16 kHz network for one frame of 512 samples: a spectrum (258 filters of 256 samples, 4
# places), convolutions of width 3 (129→128 at 4 places, 128→64 at 2, 64→64 and 64→128 at 1) and an LSTM of 128.
VAD_FRAME = 512
VAD_FLOPS = 2 * (
    258 * 256 * 4 + 3 * (129 * 128 * 4 + 128 * 64 * 2 + 64 * 64 + 64 * 128) + 4 * 128 * (128 + 128)
)


class Bytes(NamedTuple):
    """What a weight takes, and any other number."""

    weight: int
    number: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Seconds that a stage took, and that it would take at the limit; None where that is not counted."""

    name: str
    seconds: float
    floor: float | None

    @property
    def share(self) -> float | None:
        """Of the limit reached."""
        return self.floor / self.seconds if self.floor is not None and self.seconds > 0 else None


def stages(
    dimensions: Dimensions,
    work: Mapping[str, float],
    audio: float,
    limits: Mapping[str, float],
    sizes: Bytes,
) -> list[Stage]:
    """Every stage beside its floor.

    `work` holds "seconds STAGE" and the numbers of windows, of steps (batch by batch), of tokens (window by window)
    and of rows (beam by beam); `audio` is seconds heard.
    """
    floor = {
        "decode": audio * SAMPLE_RATE * (2 + 4) / limits["bandwidth"],  # 16 bits in, 32 out
        "vad": audio * SAMPLE_RATE / VAD_FRAME * VAD_FLOPS / limits["flops_float32"],
        "features": work["windows"] * features_flops(dimensions) / limits["flops_float32"],
        "encoder": work["windows"]
        * (
            (encoder_flops(dimensions) - attention_flops(dimensions)) / limits["flops"]
            + attention_flops(dimensions) / limits["flops_between"]
        ),
        "decoder": decoder_seconds(dimensions, work, limits, sizes),
    }
    named = [name.removeprefix("seconds ") for name in work if name.startswith("seconds ")]
    ordered = [name for name in STAGES if name in named] + [name for name in named if name not in STAGES]
    return [Stage(name, work[f"seconds {name}"], floor.get(name)) for name in ordered]


def features_flops(d: Dimensions) -> float:
    """A real Fourier transform a frame (2.5 n log2 n), and the mel filters over its bins."""
    return WINDOW_SAMPLES / HOP * (2.5 * FRAME * math.log2(FRAME) + 2 * (FRAME // 2 + 1) * d.mels)


def encoder_flops(d: Dimensions) -> float:
    """One window: two convolutions, then for each layer four square products, two wide ones, and attention."""
    positions, width = d.audio_positions, d.width
    convolutions = 2 * 2 * positions * 3 * d.mels * width + 2 * positions * 3 * width**2
    layer = 2 * positions * (4 * width**2 + 2 * width * d.feed_forward)
    return float(convolutions + d.encoder_layers * layer) + attention_flops(d)


def attention_flops(d: Dimensions) -> float:
    """One window in the encoder: every position with every other, twice a layer."""
    return float(d.encoder_layers * 4 * d.audio_positions**2 * d.width)


def decoder_weights(d: Dimensions) -> int:
    """Numbers that every step reads: six square products and two wide ones a layer, and the vocabulary."""
    return d.decoder_layers * (6 * d.width**2 + 2 * d.width * d.feed_forward) + d.vocabulary * d.width


def decoder_seconds(
    d: Dimensions, work: Mapping[str, float], limits: Mapping[str, float], sizes: Bytes
) -> float:
    """Weights once a step for the whole batch, or their products where those take longer; what was heard once a token.

    Before the first step keys and values of what was heard are made, once a window.
    """
    remember = work["windows"] * 2 * d.cross_cache_numbers * d.width / limits["flops"]
    weights = max(
        work["steps"] * decoder_weights(d) * sizes.weight / limits["bandwidth"],
        work["rows"] * 2 * decoder_weights(d) / limits["flops"],
    )
    heard = work["tokens"] * d.cross_cache_numbers * sizes.number / limits["bandwidth"]
    return float(remember + weights + heard)
