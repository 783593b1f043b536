"""The decoder's loop: a batch of encoded windows in, tokens of each out.

All windows of a batch begin with the same prompt, so they stand at the same position in every step and share one
static cache. Those that have ended leave the batch when half of it is done.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.engine.network import Decoder
from runner.engine.rules import Rules
from runner.engine.tokens import Vocabulary

MOST_TOKENS = 224  # half of Whisper's 448 text positions, as in openai/whisper's DecodingOptions.sample_len


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one window became: tokens after the prompt and without the end, and how sure the model was."""

    tokens: tuple[int, ...]
    average_log_probability: float
    no_speech_probability: float
    language_probabilities: dict[str, float]


@torch.inference_mode()
def decode(
    decoder: Decoder, vocabulary: Vocabulary, heard: Tensor, language: str, *, timestamps: bool = True
) -> list[Decoded]:
    """Take the likeliest allowed token at each step, for windows (B, T, W) from the encoder."""
    batch, device = heard.shape[0], heard.device
    prompt = vocabulary.prompt(language, timestamps)
    most = min(MOST_TOKENS, decoder.positions.shape[0] - len(prompt))
    cache = decoder.remember(heard, len(prompt) + most)
    rules = Rules(vocabulary, batch, timestamps, device)

    logits = decoder(torch.tensor([prompt] * batch, device=device), cache)  # (B, prompt, V)
    at_start = logits[:, 0].softmax(-1)  # what follows <|startoftranscript|>: which language, or no speech
    scores = logits[:, -1]

    chosen = torch.full((batch, most), vocabulary.end, device=device)
    total = torch.zeros(batch, device=device)  # sum of log-probabilities
    rows = torch.arange(batch, device=device)  # which windows are still being written
    going = torch.ones(batch, dtype=torch.bool, device=device)
    for step in range(most):
        log_probabilities = rules.apply(scores).log_softmax(-1)  # (K, V)
        best, tokens = log_probabilities.max(-1)
        tokens = torch.where(going, tokens, vocabulary.end)
        chosen[rows, step] = tokens
        total[rows] += torch.where(going, best, 0.0)
        rules.observe(tokens)
        going &= tokens != vocabulary.end
        # Looking at `going` makes the host wait for the device, so do it seldom there.
        if device.type == "cpu" or step % 8 == 7:
            left = int(going.sum())
            if left == 0:
                break
            if left <= len(rows) // 2:
                stay = going.nonzero().squeeze(1)
                rows, going, tokens = rows[stay], going[stay], tokens[stay]
                cache.keep(stay)
                rules.keep(stay)
        scores = decoder(tokens[:, None], cache)[:, -1]

    return [
        finish(vocabulary, *window)
        for window in zip(chosen.tolist(), total.tolist(), at_start.cpu().unbind(), strict=True)
    ]


def finish(vocabulary: Vocabulary, tokens: list[int], total: float, at_start: Tensor) -> Decoded:
    written = tokens[: tokens.index(vocabulary.end)] if vocabulary.end in tokens else tokens
    return Decoded(
        tokens=tuple(written),
        average_log_probability=total / (len(written) + 1),
        no_speech_probability=float(at_start[vocabulary.no_speech]),
        language_probabilities=language_probabilities(vocabulary, at_start),
    )


def language_probabilities(vocabulary: Vocabulary, at_start: Tensor) -> dict[str, float]:
    """Share of each language among the language tokens (V,) alone."""
    ids = torch.tensor(list(vocabulary.languages.values()))
    shares = at_start[ids] / at_start[ids].sum()
    return dict(zip(vocabulary.languages, shares.tolist(), strict=True))


@torch.inference_mode()
def detect_language(decoder: Decoder, vocabulary: Vocabulary, heard: Tensor) -> dict[str, float]:
    """One decoder step over windows (B, T, W) from the encoder: the mean share of each language."""
    cache = decoder.remember(heard, 1)
    start = torch.full((heard.shape[0], 1), vocabulary.start, device=heard.device)
    return language_probabilities(vocabulary, decoder(start, cache)[:, 0].softmax(-1).mean(0).cpu())


def compression_ratio(text: str) -> float:
    """Bytes of the text by bytes of it compressed: text that repeats itself has a high one."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0
