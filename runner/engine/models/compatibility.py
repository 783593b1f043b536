"""Whether a folder holds a Whisper checkpoint that the engine can load, told in one sentence before it is loaded.

No weights are read: what they are called and how large they are stands at the head of a safetensors file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from runner.engine.models import layout
from runner.engine.models.registry import MEANT
from runner.errors import ModelInvalid, UsageError

ENGLISH_ONLY = (
    51_864  # tokens; with any language one more, as openai/whisper's Whisper.is_multilingual has it
)
STAMPS = 1501  # tokens <|0.00|> to <|30.00|>, right after <|notimestamps|>
_TOKENS = ("endoftext", "startoftranscript", "translate", "transcribe", "notimestamps")
_SIZES = (
    "vocab_size", "d_model", "num_mel_bins", "max_source_positions", "max_target_positions", "encoder_layers",
    "decoder_layers", "encoder_attention_heads", "encoder_ffn_dim",
)  # fmt: skip
_POINTER = b"version https://git-lfs"  # what a clone holds where Git LFS is not installed
_NEEDED = "it needs model.safetensors or pytorch_model.bin in transformers' layout"
_FOREIGN = {
    "model.bin": "CTranslate2's",
    "ggml*.bin": "whisper.cpp's",
    "*.gguf": "whisper.cpp's",
    "*.nemo": "NeMo's",
    "*.pt": "OpenAI's own",
    "*.onnx": "ONNX's",
    "pytorch_model.bin.index.json": "PyTorch's weights in parts, by",
    "flax_model.msgpack": "Flax's",
    "tf_model.h5": "TensorFlow's",
}


def check_folder(folder: Path, model: str) -> None:
    """Raise ModelInvalid, saying what is wrong, unless `folder` holds a whole checkpoint of multilingual Whisper."""
    names = {path.name for path in folder.iterdir() if path.is_file()}
    check_names(names, model)
    check_settings(folder, model)
    _check_weights(folder, model, names)


def check_names(names: Collection[str], model: str) -> None:
    """Raise ModelInvalid unless the files of a tokenizer and of weights are among `names`."""
    if not layout.weights(names):
        if "adapter_config.json" in names:
            raise ModelInvalid(
                f"{model} is a LoRA adapter and no whole model: merge it into the model that it adapts first, with "
                "merge_and_unload() and save_pretrained() of peft",
                model=model,
            )
        raise ModelInvalid(f"{model} has no weights{_foreign(names)}: {_NEEDED}", model=model)
    if "config.json" not in names:
        raise ModelInvalid(
            f"{model} has no config.json, so it is no model in transformers' layout", model=model
        )
    if "tokenizer.json" not in names and not {"vocab.json", "merges.txt"} <= set(names):
        raise ModelInvalid(
            f"{model} has no tokenizer.json: copy that of the model it was made from", model=model
        )


def check_file(path: Path, model: str) -> None:
    """Raise ModelInvalid for a file that was named where a folder belongs, saying what it is and what is needed."""
    foreign = _foreign({path.name})
    with path.open("rb") as file:
        if file.read(4) in (b"lmgg", b"GGUF"):  # ggml's magic number, little-endian
            foreign = " (it is whisper.cpp's)"
    what = f"{model} is a file and not a folder{foreign}"
    raise ModelInvalid(
        f"{what}: {_NEEDED}" if foreign else f"{what}: name the folder that holds a model's files",
        model=model,
    )


def check_settings(folder: Path, model: str) -> None:
    """Raise ModelInvalid unless config, generation config and tokenizer are those of a multilingual Whisper."""
    config = read(folder / "config.json", model)
    if (kind := config.get("model_type")) != "whisper":
        raise ModelInvalid(
            f"{model} is a {kind or 'nameless'} model and not Whisper: name a Whisper model", model=model
        )
    wrong = [name for name in _SIZES if not isinstance(config.get(name), int) or config[name] < 1]
    if wrong:
        raise ModelInvalid(
            f"config.json of {model} says nothing useful of {', '.join(wrong)}: "
            "copy that of the model it was made from",
            model=model,
        )
    if "quantization_config" in config:
        raise ModelInvalid(
            f"{model} is quantised: name the model that it was made from, with weights of float32, bfloat16 or float16",
            model=model,
        )
    _check_vocabulary(folder, model, config)


def check_language(folder: Path, model: str, language: str) -> None:
    """Raise UsageError unless `language` is auto or one that the vocabulary in `folder` has a token for."""
    known = languages(folder, model)
    if language == "auto" or language in known:
        return
    meant = MEANT.get(language)
    hint = f"did you mean {meant}?" if meant in known else f"it knows {', '.join(sorted(known))}"
    raise UsageError(f"{model} does not know the language {language!r}; {hint}")


def languages(folder: Path, model: str) -> set[str]:
    """The codes of the languages that a checkpoint has tokens for, which lie between two others."""
    tokens = special_tokens(folder, model)
    first, last = tokens["startoftranscript"], tokens["translate"]
    return {name for name, number in tokens.items() if first < number < last}


def special_tokens(folder: Path, model: str) -> dict[str, int]:
    """Name, without <| and |>, to number of each special token, from tokenizer.json or what older models have."""
    numbers: dict[str, Any] = {}
    if (folder / "tokenizer.json").is_file():
        tokenizer = read(folder / "tokenizer.json", model)
        numbers |= (tokenizer.get("model") or {}).get("vocab") or {}
        numbers |= {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}
    else:
        for name in ("vocab.json", "added_tokens.json"):
            if (folder / name).is_file():
                numbers |= read(folder / name, model)
    return {
        name[2:-2]: int(number)
        for name, number in numbers.items()
        if name.startswith("<|") and name.endswith("|>")
    }


def read(path: Path, model: str) -> dict[str, Any]:
    """A file of JSON that holds an object; raises ModelInvalid."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalid(
            f"{path.name} of {model} cannot be read: copy the model again", model=model
        ) from error
    if not isinstance(content, dict):
        raise ModelInvalid(f"{path.name} of {model} cannot be read: copy the model again", model=model)
    return content


def _check_vocabulary(folder: Path, model: str, config: dict[str, Any]) -> None:
    path, size = folder / "generation_config.json", config["vocab_size"]
    generation = read(path, model) if path.is_file() else {}
    if size == ENGLISH_ONLY or generation.get("is_multilingual") is False:
        raise ModelInvalid(
            f"{model} is an English-only Whisper, which can neither be told nor detect a language: name its "
            "multilingual sister, whose name lacks the .en",
            model=model,
        )
    tokens = special_tokens(folder, model)
    if lacking := [name for name in _TOKENS if name not in tokens]:
        raise ModelInvalid(
            f"the tokenizer of {model} lacks <|{lacking[0]}|>, so it is not Whisper's: "
            "copy that of the model it was made from",
            model=model,
        )
    most = max(*tokens.values(), tokens["notimestamps"] + STAMPS) + 1
    said = {**{name.strip("<|>"): number for name, number in (generation.get("lang_to_id") or {}).items()}}
    if "no_timestamps_token_id" in generation:
        said["notimestamps"] = generation["no_timestamps_token_id"]
    differing = [name for name, number in said.items() if tokens.get(name) != number]
    if most > size:
        raise ModelInvalid(
            f"the tokenizer of {model} has {most} tokens and its config.json a vocab_size of {size}: "
            "copy the tokenizer's files of the model it was made from",
            model=model,
        )
    if differing:
        name = differing[0]
        raise ModelInvalid(
            f"the tokenizer of {model} numbers <|{name}|> {tokens.get(name)} and its generation_config.json "
            f"{said[name]}: copy both from the model it was made from",
            model=model,
        )


def _check_weights(folder: Path, model: str, names: Collection[str]) -> None:
    files = layout.weights(names)
    if layout.INDEX in files:
        mapped = read(folder / layout.INDEX, model).get("weight_map") or {}
        shards = sorted(set(mapped.values()))
        if missing := [name for name in shards if name not in names]:
            raise ModelInvalid(
                f"{model} lacks {', '.join(missing)} of its {len(shards)} parts: copy the rest of them",
                model=model,
            )
        files = shards
    shapes: dict[str, tuple[int, ...]] = {}
    for name in files:
        path = folder / name
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise ModelInvalid(
                    f"{path} is only a Git LFS pointer: run `git lfs pull` in {folder}", model=model
                )
        if path.suffix != ".safetensors":
            return  # PyTorch's own form has no head to read; the loader says what is wrong with it
        shapes |= _shapes(path, model)
    _check_shapes(shapes, model, read(folder / "config.json", model))


def _shapes(path: Path, model: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a safetensors file by name, as transformers names those of a bare model."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:  # also sees to it that the file is as long as its head says
            return {
                name.removeprefix("model."): tuple(file.get_slice(name).get_shape())
                for name in file.keys()  # noqa: SIM118
            }
    except SafetensorError as error:
        raise ModelInvalid(f"{path} is cut short or damaged: copy it again", model=model) from error


def _check_shapes(shapes: dict[str, tuple[int, ...]], model: str, config: dict[str, Any]) -> None:
    wanted = dict(_tensors(config))
    if missing := [name for name in wanted if name not in shapes]:
        raise ModelInvalid(
            f"{model} lacks {len(missing)} of the {len(wanted)} tensors that its config.json calls for "
            f"({missing[0]} for one): export the whole model again, as transformers' save_pretrained() does",
            model=model,
        )
    for name, shape in wanted.items():
        if shapes[name] != shape:
            raise ModelInvalid(
                f"the weights of {model} do not fit its config.json: {name} is {_by(shapes[name])} and should be "
                f"{_by(shape)}; copy both from the same place",
                model=model,
            )


def _tensors(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor that a checkpoint must hold, and its shape; a bias that Whisper may lack is left out."""
    width, inner = config["d_model"], config["encoder_ffn_dim"]
    yield "encoder.conv1.weight", (width, config["num_mel_bins"], 3)
    yield "encoder.conv1.bias", (width,)
    yield "encoder.conv2.weight", (width, width, 3)
    yield "encoder.conv2.bias", (width,)
    yield "encoder.embed_positions.weight", (config["max_source_positions"], width)
    yield "decoder.embed_positions.weight", (config["max_target_positions"], width)
    yield "decoder.embed_tokens.weight", (config["vocab_size"], width)
    for wing, attentions in (("encoder", ("self_attn",)), ("decoder", ("self_attn", "encoder_attn"))):
        layers = [f"{wing}.layers.{number}" for number in range(config[f"{wing}_layers"])]
        norms = [f"{wing}.layer_norm", *(f"{layer}.final_layer_norm" for layer in layers)]
        for layer in layers:
            yield f"{layer}.fc1.weight", (inner, width)
            yield f"{layer}.fc1.bias", (inner,)
            yield f"{layer}.fc2.weight", (width, inner)
            yield f"{layer}.fc2.bias", (width,)
            for attention in attentions:
                norms.append(f"{layer}.{attention}_layer_norm")
                for part in ("q", "k", "v", "out"):
                    yield f"{layer}.{attention}.{part}_proj.weight", (width, width)
                    if part != "k":
                        yield f"{layer}.{attention}.{part}_proj.bias", (width,)
        for norm in norms:
            yield f"{norm}.weight", (width,)
            yield f"{norm}.bias", (width,)


def _foreign(names: Collection[str]) -> str:
    """Which other program's weights are there, in brackets; nothing where none are."""
    found = next(
        ((whose, name) for pattern, whose in _FOREIGN.items() for name in names if Path(name).match(pattern)),
        None,
    )
    return f" (it holds {found[0]} {found[1]})" if found else ""


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
