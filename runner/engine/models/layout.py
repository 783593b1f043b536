"""What makes a folder a Whisper checkpoint in transformers' layout, and which files of many belong to it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from runner.engine.models import store
from runner.errors import ModelInvalid

SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "normalizer.json",
)  # fmt: skip
_INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_POINTER = b"version https://git-lfs"  # what a clone holds where Git LFS is not installed


def weights(names: Collection[str]) -> list[str]:
    """Of a checkpoint's files, those that hold the weights; the first form there of the three that can be read."""
    if "model.safetensors" in names:
        return ["model.safetensors"]
    if _INDEX in names:
        return [_INDEX, *sorted(name for name in names if _SHARD.fullmatch(name))]
    return ["pytorch_model.bin"] if "pytorch_model.bin" in names else []


def needed(names: Collection[str]) -> list[str]:
    """Of a repository's files, those that are needed, the small ones first."""
    return [name for name in (*SETTINGS, *TOKENIZER) if name in names] + weights(names)


def check_config(folder: Path, model: str) -> None:
    """Raise ModelInvalid unless config.json says Whisper."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except FileNotFoundError:
        raise ModelInvalid(
            f"{model} has no config.json, so it is no model in transformers' layout", model=model
        ) from None
    except (OSError, ValueError, AttributeError) as error:
        raise ModelInvalid(
            f"config.json of {model} cannot be read: copy the model again", model=model
        ) from error
    if kind != "whisper":
        raise ModelInvalid(
            f"{model} is a {kind or 'nameless'} model and not Whisper: name a Whisper model", model=model
        )


def check_names(names: Collection[str], model: str) -> None:
    """Raise ModelInvalid unless the files of a tokenizer and of weights are among `names`."""
    if not weights(names):
        other = {"model.bin": "CTranslate2's", "ggml-model.bin": "whisper.cpp's"}
        found = next((f" (it holds {whose} {name})" for name, whose in other.items() if name in names), "")
        raise ModelInvalid(
            f"{model} has no weights in transformers' layout{found}: it needs model.safetensors or pytorch_model.bin",
            model=model,
        )
    if "tokenizer.json" not in names and not {"vocab.json", "merges.txt"} <= set(names):
        raise ModelInvalid(
            f"{model} has no tokenizer.json: copy that of the model it was made from", model=model
        )


def check_folder(folder: Path, model: str) -> None:
    """Raise ModelInvalid unless `folder` holds a whole Whisper checkpoint; reads no weights, only their headers."""
    from safetensors import SafetensorError, safe_open

    names = {path.name for path in folder.iterdir() if path.is_file()}
    if weights(names):
        check_config(folder, model)
    check_names(names, model)
    for name in weights(names):
        path = folder / name
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise ModelInvalid(
                    f"{path} is only a Git LFS pointer: run `git lfs pull` in {folder}", model=model
                )
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, "numpy"):
                    pass
            except SafetensorError as error:
                raise ModelInvalid(f"{path} is cut short or damaged: copy it again", model=model) from error


def digest(folder: Path, cache: Path) -> str:
    """SHA-256 that names the weights of a folder; remembered in `cache` until one of their files changes."""
    files = [folder / name for name in weights({path.name for path in folder.iterdir()})]
    state = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    memory = store.models(cache) / "folders.json"
    try:
        known = dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    if known.get(str(folder), {}).get("state") == state:
        return str(known[str(folder)]["sha256"])
    found = [store.sha256(path) for path in files]
    whole = found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()
    with suppress(OSError):  # a cache that cannot be written costs a second, not the run
        store.write_json(memory, {**known, str(folder): {"state": state, "sha256": whole}})
    return whole
