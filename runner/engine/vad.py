"""Where is somebody speaking? Silero's voice-activity model over a stream of sound.

The sequence form of the model takes a block of frames in one call and gives the same numbers as the packaged
frame-by-frame loop. Source: silero-vad (MIT), sequence_vad.py; its weights come with that package.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from runner.errors import EngineMissing

FRAME = 512  # samples, 32 ms
CONTEXT = 64  # samples of the frame before, that the model wants in front of each


def load_session() -> onnxruntime.InferenceSession:
    """The model, on one processor thread: the rest belong to the network."""
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        raise EngineMissing(
            "the voice-activity model is not installed; run: pip install 'gpu-transcriber[engine]'"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class SpeechDetector:
    """Speech probability of each 32 ms frame of one channel, carried over from block to block."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self.session = session
        self.context = np.zeros(CONTEXT, np.float32)
        self.hidden = np.zeros((1, 1, 128), np.float32)
        self.cell = np.zeros((1, 1, 128), np.float32)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """A whole number of frames (N * 512,) → (N,) probabilities."""
        if not len(samples):
            return np.zeros(0, np.float32)
        frames = samples.reshape(-1, FRAME)
        before = np.vstack([self.context, frames[:-1, -CONTEXT:]])
        self.context = frames[-1, -CONTEXT:].copy()
        probabilities, self.hidden, self.cell = self.session.run(
            ["speech_probs", "hn", "cn"],
            {"input": np.concatenate([before, frames], axis=1), "h": self.hidden, "c": self.cell},
        )
        return np.asarray(probabilities, np.float32).reshape(-1)
