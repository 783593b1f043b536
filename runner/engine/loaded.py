"""A model on a device, with all that hearing takes."""

from __future__ import annotations

import time
from collections import Counter

import torch

from runner.engine import device as devices
from runner.engine.features import LogMel
from runner.engine.models.chain import Checkpoint
from runner.engine.tokens import Vocabulary
from runner.engine.vad import load_session
from runner.engine.weights import load_network
from runner.transcript import Fallback


class Loaded:
    """Weights, vocabulary and features on a device, and what was given up to get there.

    `counts` says how much was done since the load: windows encoded, steps of the decoder, tokens written for windows in
    these, and rows, which are tokens times beams.
    """

    def __init__(self, checkpoint: Checkpoint, device: str, precision: str, threads: int) -> None:
        began = time.perf_counter()
        self.checkpoint = checkpoint
        self.device, fallbacks = devices.choose_device(device)
        self.fallbacks = [*checkpoint.fallbacks, *fallbacks]
        self.wanted_precision = precision
        self._choose_precision()
        devices.prepare(self.device, self.precision, threads)
        self.vocabulary = Vocabulary.load(checkpoint.folder)
        self.detector = load_session()
        self._load_network()
        self.counts: Counter[str] = Counter()
        self.load_seconds = time.perf_counter() - began

    def _choose_precision(self) -> None:
        self.arithmetic = devices.choose_precision(self.wanted_precision, self.device)
        self.precision = devices.PRECISIONS[self.arithmetic]  # of what lies between products

    def _load_network(self) -> None:
        self.network = load_network(
            self.checkpoint.folder, self.device, self.precision, quantised=self.arithmetic == "int8"
        )
        self.log_mel = LogMel(self.network.dimensions.mels, self.device)

    def fall_back_to_cpu(self, reason: str) -> None:
        """Go on without the GPU after it failed; every later transcript says so."""
        self.fallbacks.append(Fallback("device", str(self.device), "cpu", reason))
        self.device = torch.device("cpu")
        self._choose_precision()
        self._load_network()
