"""Sounds in, transcripts out: any number of recordings through one engine, in the same batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.support.speech import write_wav

if TYPE_CHECKING:
    from runner.engine.options import Options
    from runner.engine.transcriber import Engine
    from runner.engine.transcription import Transcription
    from runner.transcript import Transcript


def hear_together(
    engine: Engine, sounds: Sequence[NDArray[np.float32]], options: Options | None = None
) -> list[Transcript]:
    """Each as a recording of its own, begun one after another and heard beside the others."""
    from runner.engine.audio.recording import open_recording

    with tempfile.TemporaryDirectory(prefix="tests-hearing-") as folder, ExitStack() as stack:
        begun: list[Transcription] = []

        def begin() -> Iterator[Transcription]:
            for number, sound in enumerate(sounds):
                path = write_wav(Path(folder) / f"{number}.wav", sound)
                recording = stack.enter_context(open_recording(path, name=path.name))
                begun.append(engine.transcribe(recording, options))
                yield begun[-1]

        for _ in engine.run(begin()):
            pass
        return [transcription.transcript for transcription in begun]
