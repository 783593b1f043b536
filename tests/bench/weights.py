"""One checkpoint in the layouts that the others read, made once and kept in the cache."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from runner.engine.models.chain import Checkpoint

VERSION = 1  # of what is written here: another is not mixed with this one


def ctranslate2(checkpoint: Checkpoint, cache: Path) -> Path:
    """The folder that faster-whisper loads; weights keep the checkpoint's precision and are quantised at load."""
    return _once(_home(checkpoint, cache) / "ctranslate2", lambda to: _convert(checkpoint.folder, to))


def ggml(checkpoint: Checkpoint, cache: Path) -> Path:
    """The file that whisper.cpp loads, float16."""
    from tests.bench.ggml import write

    return _once(_home(checkpoint, cache) / "ggml-f16.bin", lambda to: write(checkpoint.folder, to))


def _home(checkpoint: Checkpoint, cache: Path) -> Path:
    name = checkpoint.model.id.strip("/").replace("/", "--")
    return cache / f"weights-{VERSION}" / f"{name}-{checkpoint.model.revision[:12]}"


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """Whole or not at all: made beside its place, then put there."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        make(made)
        if not target.exists():
            os.replace(made, target)
    return target


def _convert(folder: Path, target: Path) -> None:
    from ctranslate2.converters import TransformersConverter

    files = [name for name in ("tokenizer.json", "preprocessor_config.json") if (folder / name).exists()]
    converter = TransformersConverter(str(folder), copy_files=files, load_as_float16=_is_float16(folder))
    converter.convert(str(target), quantization="float16" if _is_float16(folder) else None)
    if not (target / "tokenizer.json").exists():  # faster-whisper would ask the hub for one
        shutil.copy(folder / "tokenizer.json", target)


def _is_float16(folder: Path) -> bool:
    from runner.engine.weights import read_tensors

    return all(str(tensor.dtype) == "torch.float16" for tensor in read_tensors(folder).values())
