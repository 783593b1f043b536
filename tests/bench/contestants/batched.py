"""faster-whisper's batched pipeline, in the mode that writes times, as ours does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from faster_whisper import BatchedInferencePipeline, WhisperModel

from tests.bench.contestants import Heard, Piece, Samples
from tests.bench.terms import Terms


def load_model(terms: Terms) -> WhisperModel:
    """The same weights in CTranslate2: int8 on a processor, float16 on a GPU."""
    return WhisperModel(
        str(terms.ctranslate2),
        device=terms.device,
        compute_type=compute_type(terms),
        cpu_threads=terms.threads,
    )


def compute_type(terms: Terms) -> str:
    return "float16" if terms.device == "cuda" else "int8"


class Batched:
    """Windows of one recording go through together, `batch` at a time."""

    def __init__(self, terms: Terms, beam: int, batch: int) -> None:
        self.pipeline = BatchedInferencePipeline(load_model(terms))
        self.terms, self.beam, self.batch = terms, beam, batch
        self.about = {
            "faster-whisper": version("faster-whisper"),
            "ctranslate2": version("ctranslate2"),
            "precision": compute_type(terms),
            "beam": str(beam),
            "batch": str(batch),
        }
        self.work: Mapping[str, float] = {}

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        for number, samples in enumerate(sounds):
            segments, _ = self.pipeline.transcribe(
                samples,
                language=self.terms.language,
                beam_size=self.beam,
                batch_size=self.batch,
                without_timestamps=False,
                vad_filter=True,
            )
            for segment in segments:
                heard(Piece(number, segment.start, segment.text))


def load(terms: Terms, beam: int, batch: int) -> Batched:
    return Batched(terms, beam, batch)
