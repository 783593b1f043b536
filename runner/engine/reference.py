"""The yardstick: transformers' own Whisper, used as plainly as its documentation shows.

Slow on purpose. Our engine must write what this writes, from the same weights and the same windows, only sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import WhisperForConditionalGeneration, WhisperProcessor, pipeline

from runner.engine.features import SAMPLE_RATE


class Reference:
    """A checkpoint folder in transformers' hands, on the processor in float32."""

    def __init__(self, folder: Path) -> None:
        self.processor: Any = WhisperProcessor.from_pretrained(folder)
        self.model: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)

    def transcribe(self, samples: NDArray[np.float32], language: str = "sv", batch_size: int = 4) -> str:
        """Mono samples of any length → text, by the chunked pipeline with its defaults."""
        recognise: Any = pipeline(
            "automatic-speech-recognition",
            model=self.model,
            tokenizer=self.processor.tokenizer,
            feature_extractor=self.processor.feature_extractor,
            chunk_length_s=30,
            batch_size=batch_size,
        )
        speech = {"raw": samples, "sampling_rate": SAMPLE_RATE}
        return str(recognise(speech, generate_kwargs={"language": language})["text"])

    def tokens(
        self,
        windows: Sequence[NDArray[np.float32]],
        language: str = "sv",
        *,
        timestamps: bool = True,
        most: int = 224,
    ) -> list[list[int]]:
        """Windows of at most 30 s → the tokens that greedy generation writes for each, without prompt and end."""
        inputs = self.processor(list(windows), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        written = self.model.generate(
            inputs.input_features,
            language=language,
            task="transcribe",
            return_timestamps=timestamps,
            max_new_tokens=most,
            num_beams=1,
            do_sample=False,
            return_dict_in_generate=False,
        )
        vocabulary = self.processor.tokenizer
        end, start = vocabulary.eos_token_id, vocabulary.convert_tokens_to_ids("<|startoftranscript|>")
        no_stamps = vocabulary.convert_tokens_to_ids("<|notimestamps|>")
        steering = set(range(start, no_stamps + 1)) | {end}
        return [[token for token in row if token not in steering] for row in written.tolist()]
