"""What must be there before anybody can hear: the model, in the layouts that are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.engine.device import choose_threads
from runner.engine.models.chain import Checkpoint, find_checkpoint
from runner.errors import CannotStart
from runner.settings import load_settings
from tests.bench import weights
from tests.bench.contestants import Entry
from tests.bench.options import Options
from tests.bench.output import tell
from tests.bench.terms import Terms


def home() -> Path:
    """The bench's own part of the cache: speech, weights, published sets."""
    return load_settings({}).cache.absolute() / "bench"


def find(options: Options) -> Checkpoint:
    """The checkpoint asked for, or the demonstration model; raises ModelUnavailable, ModelInvalid."""
    settings = load_settings({"model": options.model or None})
    return find_checkpoint(
        settings.model,
        cache=settings.cache,
        hub_timeout=settings.hub_timeout,
        allow_demonstration=True,
        notice=tell,
    )


def check(options: Options) -> None:
    """Raise CannotStart for a GPU that is not there, before anything is made ready."""
    if options.device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise CannotStart(
            "--device cuda needs an NVIDIA GPU that torch can use, and `doctor` says why there is none. On a T4 every "
            "contestant but whispercpp should say float16, and the limits should come near its data sheet's 65 TFLOPS "
            "in float16 and 320 GB/s; no figure of ours is known there yet."
        )


def agree(checkpoint: Checkpoint, entries: Sequence[Entry], options: Options) -> Terms:
    """The same weights for everybody, in the layouts that somebody reads."""
    reads = {entry.reads for entry in entries}
    return Terms(
        checkpoint=checkpoint.folder,
        model=checkpoint.model.id,
        revision=checkpoint.model.revision,
        ctranslate2=weights.ctranslate2(checkpoint, home()) if "ctranslate2" in reads else None,
        ggml=weights.ggml(checkpoint, home()) if "ggml" in reads else None,
        device=options.device,
        threads=choose_threads(options.threads),
    )
