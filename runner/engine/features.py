"""Sound → log-mel features, as Whisper was trained on them.

Source: openai/whisper, audio.py: 25 ms frames every 10 ms, mel bands after Slaney, range of 8 decades of ten.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 16_000
WINDOW_SECONDS = 30
WINDOW_SAMPLES = WINDOW_SECONDS * SAMPLE_RATE
FRAME = 400
HOP = 160


class LogMel:
    """Computes features on the model's device; `mels` bands (80, or 128 for large-v3)."""

    def __init__(self, mels: int, device: torch.device) -> None:
        self.device = device
        self.window = torch.hann_window(FRAME, device=device)
        self.filters = torch.from_numpy(mel_filters(mels)).to(device)  # (mels, 201)

    def __call__(self, windows: Sequence[NDArray[np.float32]]) -> Tensor:
        """Mono samples of at most 30 s each → (B, mels, 3000) float32, padded with silence."""
        samples = torch.zeros(len(windows), WINDOW_SAMPLES)
        for row, window in zip(samples, windows, strict=True):
            row[: len(window)] = torch.from_numpy(window)
        spectrum = torch.stft(samples.to(self.device), FRAME, HOP, window=self.window, return_complex=True)
        power = (spectrum[..., :-1].abs() ** 2).contiguous()  # (B, 201, 3000)
        log = (self.filters @ power).clamp(min=1e-10).log10()
        log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (log + 4.0) / 4.0


def mel_filters(mels: int) -> NDArray[np.float32]:
    """Triangles of equal area on Slaney's mel scale, 0 to 8,000 Hz: (mels, 201)."""
    edges = mel_to_hertz(np.linspace(hertz_to_mel(0.0), hertz_to_mel(SAMPLE_RATE / 2), mels + 2))
    bins = np.linspace(0, SAMPLE_RATE / 2, FRAME // 2 + 1)
    widths = np.diff(edges)
    rising = (bins - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges[2:] - edges[:-2])
    return (triangles * area[:, None]).astype(np.float32)


# Slaney's scale is linear below 1,000 Hz (15 mel) and logarithmic above (27 steps to a factor of 6.4).
KNEE_HERTZ, KNEE_MEL, STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def hertz_to_mel(hertz: float) -> float:
    if hertz < KNEE_HERTZ:
        return 3.0 * hertz / 200.0
    return float(KNEE_MEL + np.log(hertz / KNEE_HERTZ) / STEP)


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < KNEE_MEL, 200.0 * mel / 3.0, KNEE_HERTZ * np.exp(STEP * (mel - KNEE_MEL)))
