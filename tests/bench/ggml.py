"""A checkpoint folder → whisper.cpp's file: sizes, mel filters, vocabulary, tensors.

The format is described at the head of models/convert-pt-to-ggml.py in github.com/ggml-org/whisper.cpp. Everything
is little-endian; a tensor's sizes stand from the innermost to the outermost.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from runner.engine.features import mel_filters
from runner.engine.network import Dimensions
from runner.engine.tokens import read_tokenizer
from runner.engine.weights import read_dimensions, read_tensors

_MAGIC = 0x67676D6C  # "ggml"
_FLOAT32, _FLOAT16 = 0, 1

# Parts of names in transformers' layout, and what OpenAI's checkpoints and whisper.cpp call them.
_RENAMED = {
    "layers": "blocks",
    "self_attn": "attn",
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn": "cross_attn",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "final_layer_norm": "mlp_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "out",
    "embed_tokens": "token_embedding",
}
_RENAMED_WHOLE = {
    "encoder.layer_norm.weight": "encoder.ln_post.weight",
    "encoder.layer_norm.bias": "encoder.ln_post.bias",
    "decoder.layer_norm.weight": "decoder.ln.weight",
    "decoder.layer_norm.bias": "decoder.ln.bias",
    "encoder.embed_positions.weight": "encoder.positional_embedding",
    "decoder.embed_positions.weight": "decoder.positional_embedding",
}


def write(folder: Path, target: Path) -> None:
    """Write the weights as float16, and in float32 what whisper.cpp wants so: vectors and positions."""
    dimensions = read_dimensions(folder)
    with target.open("wb") as file:
        _integers(file, _MAGIC, *_sizes(dimensions), _FLOAT16)
        filters = mel_filters(dimensions.mels)
        _integers(file, *filters.shape)
        file.write(filters.astype("<f4").tobytes())
        words = vocabulary(folder)
        _integers(file, len(words))
        for word in words:
            _integers(file, len(word))
            file.write(word)
        for name, tensor in read_tensors(folder).items():
            if name != "proj_out.weight":  # the embedding again
                _tensor(file, rename(name), tensor.float().numpy())


def rename(name: str) -> str:
    """model.encoder.layers.0.fc1.weight → encoder.blocks.0.mlp.0.weight"""
    short = name.removeprefix("model.")
    return _RENAMED_WHOLE.get(short) or ".".join(_RENAMED.get(part, part) for part in short.split("."))


def vocabulary(folder: Path) -> list[bytes]:
    """The words in the order of their ids, up to the first special token: whisper.cpp knows those by itself."""
    ids = read_tokenizer(folder).get_vocab()
    words = sorted((number, word) for word, number in ids.items() if number < ids["<|endoftext|>"])
    letters = _letters()
    return [bytes(letters[letter] for letter in word) for _, word in words]


def _letters() -> dict[str, int]:
    """The byte that each letter of GPT-2's vocabulary stands for; bytes that show no sign have one from 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + i): byte for i, byte in enumerate(unseen)}


def _sizes(d: Dimensions) -> tuple[int, ...]:
    hearing = (d.audio_positions, d.width, d.heads, d.encoder_layers)
    writing = (d.text_positions, d.width, d.heads, d.decoder_layers)
    return (d.vocabulary, *hearing, *writing, d.mels)


def _tensor(file: BinaryIO, name: str, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        numbers = numbers[:, None]  # added to (width, positions)
    wide = numbers.ndim < 2 or numbers.shape[-1] == 1 or name.endswith("positional_embedding")
    encoded = name.encode()
    _integers(file, numbers.ndim, len(encoded), _FLOAT32 if wide else _FLOAT16, *reversed(numbers.shape))
    file.write(encoded)
    file.write(numbers.astype("<f4" if wide else "<f2").tobytes())


def _integers(file: BinaryIO, *numbers: int) -> None:
    file.write(struct.pack(f"<{len(numbers)}i", *numbers))
