"""Which files make a checkpoint in transformers' layout, and the sum that names those of a folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from runner.engine.models import store

SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "normalizer.json",
)  # fmt: skip
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def weights(names: Collection[str]) -> list[str]:
    """Of a checkpoint's files, those that hold the weights; the first form there of the three that can be read."""
    if "model.safetensors" in names:
        return ["model.safetensors"]
    if INDEX in names:
        return [INDEX, *sorted(name for name in names if _SHARD.fullmatch(name))]
    return ["pytorch_model.bin"] if "pytorch_model.bin" in names else []


def needed(names: Collection[str]) -> list[str]:
    """Of a repository's files, those that are needed, the small ones first."""
    return [name for name in (*SETTINGS, *TOKENIZER) if name in names] + weights(names)


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
