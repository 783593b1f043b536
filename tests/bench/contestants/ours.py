"""Our engine, from samples in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.engine.features import SAMPLE_RATE
from runner.engine.models.chain import Checkpoint
from runner.engine.options import Options
from runner.engine.transcriber import Engine
from runner.engine.transcription import Transcription
from runner.transcript import Model
from tests.bench.contestants import Heard, Piece, Samples
from tests.bench.terms import Terms


class InMemory:
    """What the engine asks of a recording, with the decoding done before."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.start = 0.0
        self.channels = 1
        self.duration: float | None = samples.size / SAMPLE_RATE
        self.seconds_decoded = 0.0
        self.warnings: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        for first in range(0, self.samples.size, SAMPLE_RATE):
            yield self.samples[None, first : first + SAMPLE_RATE]


class Ours:
    """The engine with its defaults, or with other options."""

    def __init__(self, terms: Terms, options: Options) -> None:
        model = Model(terms.model, terms.revision, "folder")
        self.engine = Engine.load(
            Checkpoint(terms.checkpoint, model), device=terms.device, threads=terms.threads
        )
        self.options = options
        self.about = {
            "torch": version("torch"),
            "precision": self.engine.arithmetic,
            "device": str(self.engine.device),
        }
        self.work: dict[str, float] = {}

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        self.engine.counts.clear()
        begun: list[Transcription] = []

        def begin() -> Iterator[Transcription]:
            for samples in sounds:
                begun.append(self.engine.transcribe(InMemory(samples), self.options))  # type: ignore[arg-type]
                yield begun[-1]

        for transcription, update in self.engine.run(begin()):
            for segment in update.segments:
                heard(Piece(begun.index(transcription), segment.start, segment.text))
        work = defaultdict[str, float](float, self.engine.counts)
        for transcription in begun:
            transcript = transcription.transcript
            work["speech"] += transcript.speech_duration
            for name, spent in transcript.timings.items():
                if name != "load":
                    work[f"seconds {name}"] += spent
        self.work = dict(work)


def load(terms: Terms, **options: Any) -> Ours:
    return Ours(terms, Options(language=terms.language, **options))
