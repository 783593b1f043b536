"""Windows and texts made by hand, and what an engine writes without a recording around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.decode import Batch, Decoded
    from runner.engine.tokens import Vocabulary
    from runner.engine.transcriber import Engine
    from runner.engine.windows import Window


def window(samples: NDArray[np.float32], start: float = 0.0, channel: int | None = None) -> Window:
    """All of these samples, which lie so many seconds into a recording."""
    from runner.engine.windows import Piece, Window

    return Window((Piece(start, start + len(samples) / 16_000, 0.0),), samples, channel)


def hear(engine: Engine, sounds: Sequence[NDArray[np.float32]]) -> Tensor:
    """Samples of at most 30 s each → what the encoder made of them, (B, T, W)."""
    import torch

    with torch.inference_mode():
        heard: Tensor = engine.network.encoder(engine.log_mel(sounds).to(engine.precision))
    return heard


def batch(engine: Engine, *, slots: int, beams: int, timestamps: bool = True) -> Batch[int]:
    """Slots of this engine for windows that go by numbers."""
    from runner.engine.decode import Batch

    network = engine.network
    return Batch(
        network.decoder,
        network.dimensions,
        engine.vocabulary,
        slots=slots,
        beams=beams,
        timestamps=timestamps,
    )


def write(
    engine: Engine,
    heard: Tensor,
    *,
    beams: int = 1,
    slots: int = 16,
    timestamps: bool = True,
    temperature: float = 0.0,
    order: Sequence[int] | None = None,
) -> list[Decoded]:
    """What is written for each of some windows (B, T, W), taken in `order` into so many slots."""
    from runner.engine.decode import Job

    together = batch(engine, slots=slots, beams=beams, timestamps=timestamps)
    prompt = tuple(engine.vocabulary.prompt("sv", timestamps))
    waiting = [
        Job(number, heard[number], prompt, temperature, seed=number) for number in order or range(len(heard))
    ]
    done: dict[int, Decoded] = {}
    while len(done) < len(heard):
        if waiting and together.free:
            some, waiting = waiting[: together.free], waiting[together.free :]
            done.update(together.admit(some))
        else:
            done.update(together.step())
    return [done[number] for number in range(len(heard))]


def tokens_of(vocabulary: Vocabulary, *parts: float | str) -> tuple[int, ...]:
    """Seconds become stamps, text becomes words."""
    tokens: list[int] = []
    for part in parts:
        if isinstance(part, str):
            tokens += vocabulary.tokenizer.encode(part, add_special_tokens=False).ids
        else:
            tokens.append(vocabulary.first_stamp + round(part / 0.02))
    return tuple(tokens)
