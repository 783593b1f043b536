"""Whisper checkpoints that take no time to make: the right files with random weights, for tests of fetching."""

from __future__ import annotations

import json

import numpy as np

WEIGHTS = "model.safetensors"


def checkpoint_files(kilobytes: int = 1024, seed: int = 0) -> dict[str, bytes]:
    """The files of a checkpoint in transformers' layout, whose weights are noise of about so many kilobytes."""
    from safetensors.numpy import save

    noise = np.random.default_rng(seed).integers(0, 256, kilobytes * 1024, dtype=np.uint8)
    return {
        "config.json": json.dumps({"model_type": "whisper", "seed": seed}).encode(),
        "generation_config.json": b"{}",
        "preprocessor_config.json": b"{}",
        "tokenizer.json": b"{}",
        WEIGHTS: save({"noise": noise}),
    }
