"""whisper.cpp as its Python wheel has it built, window after window, without voice activity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from pywhispercpp.model import Model, Segment

from tests.bench.contestants import Heard, Piece, Samples
from tests.bench.terms import Terms


class WhisperCpp:
    """Greedy; its build, which the wheel's makers chose, is in `about`."""

    def __init__(self, terms: Terms) -> None:
        self.model = Model(
            str(terms.ggml),
            n_threads=terms.threads,
            language=terms.language,
            print_progress=False,
            print_realtime=False,
        )
        built = " ".join(Model.system_info().split())
        self.about = {
            "pywhispercpp": version("pywhispercpp"),
            "precision": "float16",
            "beam": "1",
            "built": built,
        }
        self.work: Mapping[str, float] = {}

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        for number, samples in enumerate(sounds):

            def new(segment: Segment, number: int = number) -> None:
                heard(Piece(number, segment.t0 / 100, segment.text))

            self.model.transcribe(samples, new_segment_callback=new)


def load(terms: Terms) -> WhisperCpp:
    return WhisperCpp(terms)
