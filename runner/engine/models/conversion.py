"""A Whisper checkpoint in CTranslate2's format, rewritten exactly as the folder that transformers publishes.

CTranslate2's file (`model_spec.py` of that project, binary version 6): version, name of the specification, its
revision, then each variable as name, rank, dimensions, type, bytes; then aliases. Numbers are little-endian, strings
carry their length and a closing zero. Fused projections are stacked: query, key, value in self-attention; key, value
in cross-attention. Whisper's keys have no bias, so the stacked bias holds zeros there.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
# CTranslate2's module to transformers' modules, of which it may stack several; inside a layer, and outside.
_MODULES = {
    "embeddings": ("embed_tokens",),
    "position_encodings": ("embed_positions",),
    "conv1": ("conv1",),
    "conv2": ("conv2",),
    "layer_norm": ("layer_norm",),
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
_PARAMETERS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "encodings": "weight"}
_NAME = re.compile(r"(encoder|decoder)/(?:layer_(\d+)/)?(.+)/(\w+)")
# What CTranslate2 writes about the network rather than of it; `_network` reads those that carry something.
_DESCRIPTIONS = {
    "activation", "alibi", "alignment_heads", "alignment_layer", "num_heads", "pre_norm", "scale_embeddings",
    "start_from_zero_embedding",
}  # fmt: skip


class ConversionError(ValueError):
    """Bytes that are not a Whisper checkpoint in CTranslate2's format, version 6."""


def read_variables(data: bytes) -> dict[str, Array]:
    """Name to array, views into `data`. Raises ConversionError where the bytes are something else."""
    position = 0

    def number(kind: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from("<" + kind, data, position)
        position += struct.calcsize("<" + kind)
        return int(value)

    def name() -> str:
        nonlocal position
        length = number("H")
        position += length
        return data[position - length : position - 1].decode()

    variables: dict[str, Array] = {}
    try:
        version, specification, _revision = number("I"), name(), number("I")
        if (version, specification) != (6, "WhisperSpec"):
            raise ConversionError(f"it is {specification!r} in version {version}")
        for _ in range(number("I")):
            key = name()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = _TYPES[number("B")], number("I")
            count = size // np.dtype(kind).itemsize
            variables[key] = np.frombuffer(data, kind, count, position).reshape(shape)
            position += size
        for _ in range(number("I")):
            alias = name()
            variables[alias] = variables[name()]
    except ConversionError:
        raise
    except (struct.error, KeyError, ValueError) as error:
        raise ConversionError(f"it is damaged at byte {position}") from error
    if position != len(data):
        raise ConversionError(f"{len(data) - position} bytes are left over")
    return variables


def tensors(variables: dict[str, Array]) -> dict[str, Array]:
    """The same numbers under the names that transformers gives them; every variable is used or known to be none.

    The output projection shares the embedding's memory and is left out, as in published checkpoints.
    """
    named: dict[str, Array] = {}
    for key, array in variables.items():
        if key.split("/")[-1] in _DESCRIPTIONS or key == "decoder/projection/weight":
            continue
        found = _NAME.fullmatch(key)
        if not found or found[3] not in _MODULES or found[4] not in _PARAMETERS:
            raise ConversionError(f"it holds {key}, which Whisper has not")
        place = f"model.{found[1]}." + (f"layers.{found[2]}." if found[2] else "")
        modules, parameter = _MODULES[found[3]], _PARAMETERS[found[4]]
        for module, rows in zip(modules, np.split(array, len(modules)), strict=True):
            if module.endswith("k_proj") and parameter == "bias":
                if rows.any():
                    raise ConversionError(f"{key} has a bias for keys, which Whisper has not")
            else:
                named[f"{place}{module}.{parameter}"] = np.ascontiguousarray(rows)
    return dict(sorted(named.items()))


def _network(variables: dict[str, Array]) -> dict[str, Any]:
    """The sizes of the network, read from the shapes of its weights."""
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    layers = {
        wing: len(
            {
                key.split("/")[1]
                for key in variables
                if key.startswith(f"{wing}/layer_") and key.count("/") == 4
            }
        )
        for wing in ("encoder", "decoder")
    }
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "num_mel_bins": variables["encoder/conv1/weight"].shape[1],
        "max_source_positions": variables["encoder/position_encodings/encodings"].shape[0],
        "max_target_positions": variables["decoder/position_encodings/encodings"].shape[0],
        "encoder_layers": layers["encoder"],
        "decoder_layers": layers["decoder"],
        "num_hidden_layers": layers["encoder"],
        "encoder_attention_heads": int(variables["encoder/num_heads"]),
        "decoder_attention_heads": int(variables["decoder/num_heads"]),
        "encoder_ffn_dim": variables["encoder/layer_0/ffn/linear_0/weight"].shape[0],
        "decoder_ffn_dim": variables["decoder/layer_0/ffn/linear_0/weight"].shape[0],
    }


def write_checkpoint(
    weights: bytes, settings: dict[str, Any], tokenizer: dict[str, Any], folder: Path
) -> None:
    """Write config, generation config, feature settings, tokenizer and weights into `folder`.

    `settings` and `tokenizer` are the config.json and tokenizer.json beside CTranslate2's model.bin. The same input
    gives the same bytes.
    """
    from safetensors.numpy import save

    variables = read_variables(weights)
    network = _network(variables)
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    languages = {token: number for token, number in special.items() if number in set(settings["lang_ids"])}
    ends = {"bos_token_id": special["<|endoftext|>"], "eos_token_id": special["<|endoftext|>"]}
    rules = {
        **ends,
        "pad_token_id": special["<|endoftext|>"],
        "decoder_start_token_id": special["<|startoftranscript|>"],
        "suppress_tokens": settings["suppress_ids"],
        "begin_suppress_tokens": settings["suppress_ids_begin"],
        "max_length": network["max_target_positions"],
    }
    documents = {
        "config.json": {
            "architectures": ["WhisperForConditionalGeneration"],
            "model_type": "whisper",
            "is_encoder_decoder": True,
            "torch_dtype": "float16",
            "activation_function": "gelu",
            "activation_dropout": 0.0,
            "attention_dropout": 0.0,
            "dropout": 0.0,
            "encoder_layerdrop": 0.0,
            "decoder_layerdrop": 0.0,
            "init_std": 0.02,
            "scale_embedding": False,
            "use_cache": True,
            **network,
            **rules,
        },
        "generation_config.json": {
            **rules,
            "alignment_heads": settings["alignment_heads"],
            "is_multilingual": True,
            "lang_to_id": languages,
            "max_initial_timestamp_index": 50,
            "no_timestamps_token_id": special["<|notimestamps|>"],
            "prev_sot_token_id": special["<|startofprev|>"],
            "return_timestamps": False,
            "task_to_id": {task: special[f"<|{task}|>"] for task in ("transcribe", "translate")},
        },
        "preprocessor_config.json": {
            "feature_extractor_type": "WhisperFeatureExtractor",
            "processor_class": "WhisperProcessor",
            "chunk_length": 30,
            "feature_size": network["num_mel_bins"],
            "hop_length": 160,
            "n_fft": 400,
            "n_samples": 480_000,
            "nb_max_frames": 3000,
            "padding_side": "right",
            "padding_value": 0.0,
            "return_attention_mask": False,
            "sampling_rate": 16_000,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "WhisperTokenizer",
            "processor_class": "WhisperProcessor",
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "errors": "replace",
            "model_max_length": 1024,
            **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>"),
            "additional_special_tokens": list(special),
        },
    }
    for name, document in documents.items():
        (folder / name).write_text(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    (folder / "tokenizer.json").write_text(
        json.dumps(_with_timestamps(tokenizer, network["vocab_size"]), ensure_ascii=False), encoding="utf-8"
    )
    # Not save_file: it reports a full disk as a fault of its own, and lets nobody but the owner read.
    (folder / "model.safetensors").write_bytes(save(tensors(variables), metadata={"format": "pt"}))


def _with_timestamps(tokenizer: dict[str, Any], vocabulary: int) -> dict[str, Any]:
    """The tokenizer with the tokens <|0.00|> to <|30.00|>, which CTranslate2's copy leaves unnamed."""
    first = max(token["id"] for token in tokenizer["added_tokens"]) + 1
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    times = [
        {"id": number, "content": f"<|{(number - first) * 0.02:.2f}|>", **plain}
        for number in range(first, vocabulary)
    ]
    return {**tokenizer, "added_tokens": [*tokenizer["added_tokens"], *times]}
