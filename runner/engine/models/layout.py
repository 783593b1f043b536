"""Which files make a checkpoint in transformers' layout, and the revision that its weights name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from runner.engine.models import store

SETTINGS = ("config.json", "generation_config.json", "preprocessor_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "normalizer.json",
)  # fmt: skip
INDEX = "model.safetensors.index.json"
_DIGITS = 12  # of a SHA-256 that names the revision of a folder
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


def revision(sums: Iterable[str]) -> str:
    """What names a checkpoint that nobody numbered: the sum of its weights, or of the sums of their parts."""
    one, *more = sums
    return (hashlib.sha256("".join((one, *more)).encode()).hexdigest() if more else one)[:_DIGITS]


def revision_of(folder: Path, cache: Path) -> str:
    """The revision of a folder; remembered in `cache` until one of the files of its weights changes."""
    files = [folder / name for name in weights({path.name for path in folder.iterdir()})]
    state = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    memory = store.models(cache) / "folders.json"
    try:
        known = dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    before = known.get(str(folder), {})
    if before.get("state") == state and "revision" in before:
        return str(before["revision"])
    found = revision(store.sha256(path) for path in files)
    with suppress(OSError):  # a cache that cannot be written costs a second, not the run
        store.write_json(memory, {**known, str(folder): {"state": state, "revision": found}})
    return found
