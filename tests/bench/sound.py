"""A file → its samples, decoded for every contestant alike and before its clock starts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from runner.engine.audio.recording import open_recording
from tests.bench.contestants import Samples


class Sound(NamedTuple):
    """Mono samples at 16 kHz, and the processor seconds that decoding took."""

    samples: Samples
    seconds_decoded: float


def read(path: Path) -> Sound:
    """Decode a recording; raises RecordingError."""
    with open_recording(path, name=path.name) as recording:
        blocks = list(recording.blocks())
        samples = np.concatenate(blocks, axis=1)[0] if blocks else np.zeros(0, np.float32)
        return Sound(samples, recording.seconds_decoded)
