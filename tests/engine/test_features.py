from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from runner.engine.features import WINDOW_SAMPLES, LogMel, mel_filters


@pytest.mark.parametrize("mels", [80, 128])
def test_the_mel_filters_are_those_of_transformers(mels: int) -> None:
    theirs = WhisperFeatureExtractor(feature_size=mels).mel_filters
    np.testing.assert_allclose(mel_filters(mels), theirs.T, atol=1e-7)


def test_features_of_a_batch_are_those_of_transformers_one_by_one() -> None:
    random = np.random.default_rng(1)
    windows = [
        random.normal(0, 0.1, length).astype(np.float32) for length in (1_600, 100_000, WINDOW_SAMPLES)
    ]
    ours = LogMel(80, torch.device("cpu"))(windows)
    extractor = WhisperFeatureExtractor()
    assert ours.shape == (3, 80, 3000)
    for row, window in zip(ours, windows, strict=True):
        theirs = extractor(window, sampling_rate=16_000, return_tensors="np").input_features[0]
        np.testing.assert_allclose(row, theirs, atol=1e-4)
