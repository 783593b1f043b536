"""Whisper checkpoints that take no time to make: the right files and tensors, tiny, with random weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

Tensors = dict[str, npt.NDArray[Any]]

WEIGHTS = "model.safetensors"
LANGUAGES = ("en", "sv", "no", "nn", "da", "fi", "is")
_STAMPS = 1501
_NAMES = (
    "endoftext", "startoftranscript", *LANGUAGES, "translate", "transcribe", "startoflm", "startofprev", "nospeech",
    "notimestamps",
)  # fmt: skip
SIZES = {
    "vocab_size": len(_NAMES) + _STAMPS + 3,
    "d_model": 8,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
}


def tokens(languages: tuple[str, ...] = LANGUAGES) -> dict[str, int]:
    """The special tokens and their numbers, after three of plain text."""
    names = [name for name in _NAMES if name not in LANGUAGES or name in languages]
    return {f"<|{name}|>": number for number, name in enumerate(names, 3)}


def checkpoint_files(kilobytes: int = 1024, seed: int = 0) -> dict[str, bytes]:
    """The files of a checkpoint in transformers' layout, with noise beside the weights to make it so many kilobytes."""
    from safetensors.numpy import save

    noise = np.random.default_rng(seed).integers(0, 256, kilobytes * 1024, dtype=np.uint8)
    added = [{"id": number, "content": name, "special": True} for name, number in tokens().items()]
    generation = {
        "is_multilingual": True,
        "no_timestamps_token_id": tokens()["<|notimestamps|>"],
        "lang_to_id": {f"<|{name}|>": tokens()[f"<|{name}|>"] for name in LANGUAGES},
    }
    return {
        "config.json": json.dumps({"model_type": "whisper", **SIZES, "seed": seed}).encode(),
        "generation_config.json": json.dumps(generation).encode(),
        "preprocessor_config.json": b"{}",
        "tokenizer.json": json.dumps(
            {"added_tokens": added, "model": {"vocab": {"a": 0, "b": 1, "c": 2}}}
        ).encode(),
        WEIGHTS: save({**tensors(), "noise": noise}),
    }


def tensors() -> Tensors:
    """The weights that SIZES call for, as transformers saves a bare model's, all zeros."""
    width, inner = SIZES["d_model"], SIZES["encoder_ffn_dim"]
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (width, 80, 3),
        "encoder.conv2.weight": (width, width, 3),
        "encoder.conv1.bias": (width,),
        "encoder.conv2.bias": (width,),
        "encoder.embed_positions.weight": (1500, width),
        "decoder.embed_positions.weight": (448, width),
        "decoder.embed_tokens.weight": (SIZES["vocab_size"], width),
    }
    norms = ["encoder.layer_norm", "decoder.layer_norm"]
    for wing, layers, attentions in (
        ("encoder", 1, ["self_attn"]),
        ("decoder", 2, ["self_attn", "encoder_attn"]),
    ):
        for layer in (f"{wing}.layers.{number}" for number in range(layers)):
            norms += [f"{layer}.final_layer_norm", *(f"{layer}.{name}_layer_norm" for name in attentions)]
            shapes |= {f"{layer}.fc1.weight": (inner, width), f"{layer}.fc2.weight": (width, inner)}
            shapes |= {f"{layer}.fc1.bias": (inner,), f"{layer}.fc2.bias": (width,)}
            for part in (f"{layer}.{name}.{part}" for name in attentions for part in ("q", "k", "v", "out")):
                shapes[f"{part}_proj.weight"] = (width, width)
                if not part.endswith(".k"):
                    shapes[f"{part}_proj.bias"] = (width,)
    shapes |= {f"{norm}.{kind}": (width,) for norm in norms for kind in ("weight", "bias")}
    return {f"model.{name}": np.zeros(shape, np.float16) for name, shape in shapes.items()}
