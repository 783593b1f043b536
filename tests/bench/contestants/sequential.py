"""faster-whisper's own loop: one window after another, each with the text of the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tests.bench.contestants import Heard, Piece, Samples
from tests.bench.contestants.batched import compute_type, load_model
from tests.bench.terms import Terms


class Sequential:
    """With voice activity, and else its defaults: temperature fall-back, conditioned on what was heard before."""

    def __init__(self, terms: Terms, beam: int) -> None:
        self.model = load_model(terms)
        self.language, self.beam = terms.language, beam
        self.about = {
            "faster-whisper": version("faster-whisper"),
            "ctranslate2": version("ctranslate2"),
            "precision": compute_type(terms),
            "beam": str(beam),
        }
        self.work: Mapping[str, float] = {}

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        for number, samples in enumerate(sounds):
            segments, _ = self.model.transcribe(
                samples, language=self.language, beam_size=self.beam, vad_filter=True
            )
            for segment in segments:
                heard(Piece(number, segment.start, segment.text))


def load(terms: Terms, beam: int) -> Sequential:
    return Sequential(terms, beam)
