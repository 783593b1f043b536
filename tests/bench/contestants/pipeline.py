"""transformers' own pipeline with its defaults: the yardstick of runner.engine.reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import torch

from runner.engine.reference import Reference
from tests.bench.contestants import Heard, Piece, Samples
from tests.bench.terms import Terms


class Pipeline:
    """Chunks of 30 s that overlap, float32 on a processor and float16 on a GPU."""

    def __init__(self, terms: Terms) -> None:
        if terms.device == "cpu":
            torch.set_num_threads(terms.threads)
        self.reference = Reference(terms.checkpoint)
        precision = torch.float16 if terms.device == "cuda" else torch.float32
        self.reference.model.to(terms.device, precision)
        self.language = terms.language
        self.about = {
            "transformers": version("transformers"),
            "torch": version("torch"),
            "precision": str(precision).removeprefix("torch."),
        }
        self.work: Mapping[str, float] = {}

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        for number, samples in enumerate(sounds):
            heard(Piece(number, 0.0, self.reference.transcribe(samples, self.language)))


def load(terms: Terms) -> Pipeline:
    return Pipeline(terms)
