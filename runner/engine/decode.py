"""The decoder's loop: encoded windows in, tokens of each out, as many windows at a time as there are slots.

A window that has ended leaves its slot at once and one that waits takes it, so that slots stay full however long
the texts are. Which windows share the batch changes nothing in what is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor

from runner.engine.cache import Cache
from runner.engine.network import Decoder, Dimensions
from runner.engine.repetition import loop
from runner.engine.rules import Rules
from runner.engine.search import Search
from runner.engine.tokens import Vocabulary

MOST_TOKENS = 224  # half of Whisper's 448 text positions, as in openai/whisper's DecodingOptions.sample_len
LOOPS_EVERY = 8  # steps between two looks for text that repeats itself
HOST_WAITS_EVERY = 8  # steps between two looks at a GPU, which would otherwise be waited for

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one window became: tokens after the prompt and without the end, and how sure the model was of each."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    average_log_probability: float
    no_speech_probability: float
    language_probabilities: dict[str, float]
    temperature: float = 0.0
    loop: int | None = None  # the token from which the text only repeated itself, where it did


@dataclass(frozen=True, slots=True)
class Job(Generic[Owner]):
    """A window to be written: heard (T, W) from the encoder, the prompt before its text, and whose it is."""

    owner: Owner
    heard: Tensor
    prompt: tuple[int, ...]
    temperature: float = 0.0
    seed: int = 0


@dataclass
class _Slot(Generic[Owner]):
    job: Job[Owner]
    no_speech_probability: float
    language_probabilities: dict[str, float]
    steps: int = 0
    most: int = field(default=MOST_TOKENS)


class Batch(Generic[Owner]):
    """Slots for windows that are written together, each with so many beams."""

    def __init__(
        self,
        decoder: Decoder,
        dimensions: Dimensions,
        vocabulary: Vocabulary,
        *,
        slots: int,
        beams: int,
        timestamps: bool = True,
        prompt: int = 4,
    ) -> None:
        self.decoder, self.vocabulary, self.beams = decoder, vocabulary, beams
        weights = decoder.vocabulary.weight
        device = weights.device
        self.positions = min(
            dimensions.text_positions, prompt + MOST_TOKENS
        )  # `prompt`: tokens of the longest one
        self.cache = Cache(
            dimensions.decoder_layers,
            dimensions.heads,
            dimensions.width // dimensions.heads,
            slots=slots,
            beams=beams,
            positions=self.positions,
            heard=dimensions.audio_positions,
            like=weights,
        )
        self.rules = Rules(vocabulary, slots, beams, timestamps, device)
        self.search = Search(slots, beams, self.positions, vocabulary.end, vocabulary.first_stamp, device)
        self.next = torch.zeros(
            slots, beams, dtype=torch.long, device=device
        )  # the tokens of the coming step
        self.capacity = slots
        self.slots: list[_Slot[Owner]] = []
        self.steps = 0

    @property
    def free(self) -> int:
        return self.capacity - len(self.slots)

    @torch.inference_mode()
    def admit(self, jobs: Sequence[Job[Owner]]) -> list[tuple[Owner, Decoded]]:
        """Begin windows whose prompts are of one length; those that ended with their first token come back."""
        first = len(self.slots)
        device = self.next.device
        slots = slice(first, first + len(jobs))
        prompts = torch.tensor([job.prompt for job in jobs], device=device)  # (K, S)
        self.cache.reserve(
            max(prompts.shape[1], *(len(slot.job.prompt) + slot.steps for slot in self.slots), 0)
        )
        x = self.decoder.read(prompts, torch.stack([job.heard for job in jobs]), (self.cache, slots))
        self.rules.begin(slots)
        self.search.begin(slots, torch.tensor([job.temperature > 0 for job in jobs], device=device))
        start = jobs[0].prompt.index(self.vocabulary.start)
        # What follows <|startoftranscript|>: which language, or no speech.
        shares = self.decoder.write(x[:, start]).float().softmax(-1).cpu()  # (K, V)
        for job, share in zip(jobs, shares, strict=True):
            self.slots.append(
                _Slot(
                    job,
                    float(share[self.vocabulary.no_speech]),
                    language_probabilities(self.vocabulary, share),
                    most=min(MOST_TOKENS, self.positions - len(job.prompt)),
                )
            )
        self._write(self.decoder.write(x[:, -1:]).expand(-1, self.beams, -1).contiguous(), first)
        return self._finished()

    @torch.inference_mode()
    def step(self) -> list[tuple[Owner, Decoded]]:
        """One more token for every window that is being written; gives those that are finished by it."""
        rows = len(self.slots)
        longest = max(len(slot.job.prompt) + slot.steps for slot in self.slots)
        entries = self.cache.reserve(longest)
        self._write(self.decoder.step(self.next[:rows], self.cache, rows, entries))
        return self._finished()

    def _write(self, logits: Tensor, first: int = 0) -> None:
        """Take the next tokens from logits (rows, N, V) of the slots from `first` on."""
        slots = self.slots[first:]
        part = slice(first, first + len(slots))
        for slot in slots:
            slot.steps += 1
        temperatures = [slot.job.temperature for slot in slots]
        seeds = [slot.job.seed * 1000 + slot.steps for slot in slots]
        allowed = self.rules.apply(logits, part)
        parents, tokens = self.search.advance(logits, allowed, part, temperatures, seeds)
        self.rules.follow(part, parents, tokens)
        self.cache.follow(part, parents)
        self.next[part] = tokens

    def _finished(self) -> list[tuple[Owner, Decoded]]:
        """Take out the windows that have come to their end."""
        self.steps += 1
        look = self.next.device.type == "cpu" or self.steps % HOST_WAITS_EVERY == 0
        looped = self._loops()
        ended = self.search.ended[: len(self.slots)].tolist() if look else []
        done = []
        for number in reversed(range(len(self.slots))):
            slot = self.slots[number]
            over = slot.steps >= slot.most or number in looped
            if over or (ended and ended[number] >= self.beams):
                done.append((slot.job.owner, self._result(number, looped.get(number))))
                self._leave(number)
        return done[::-1]

    def _loops(self) -> dict[int, int]:
        """Slots whose likeliest beam only repeats itself, and the token from which it does."""
        due = [number for number, slot in enumerate(self.slots) if slot.steps % LOOPS_EVERY == 0]
        found = {}
        for number, written in zip(due, self.search.likeliest(due), strict=True):
            start = loop_start(written[: self.slots[number].steps], self.vocabulary.first_stamp)
            if start is not None:
                found[number] = start
        return found

    def _result(self, number: int, looped: int | None) -> Decoded:
        slot = self.slots[number]
        found = self.search.result(number, as_it_stands=looped is not None)
        return Decoded(
            tokens=tuple(found.tokens),
            log_probabilities=tuple(found.log_probabilities),
            average_log_probability=found.total / (len(found.tokens) + 1),
            no_speech_probability=slot.no_speech_probability,
            language_probabilities=slot.language_probabilities,
            temperature=slot.job.temperature,
            loop=looped if looped is not None else loop_start(found.tokens, self.vocabulary.first_stamp),
        )

    def _leave(self, number: int) -> None:
        """Free a slot: the last window moves there, so that those in use stay together."""
        last = len(self.slots) - 1
        if number != last:
            for part in (self.cache, self.rules, self.search):
                part.move(last, number)
            self.next[number] = self.next[last]
            self.slots[number] = self.slots[last]
        self.slots.pop()


def loop_start(tokens: Sequence[int], first_stamp: int) -> int | None:
    """Where tokens begin to repeat themselves until their end, time stamps apart."""
    words = [(place, token) for place, token in enumerate(tokens) if token < first_stamp]
    start = loop([token for _, token in words])
    return None if start is None else words[start][0]


def language_probabilities(vocabulary: Vocabulary, shares: Tensor) -> dict[str, float]:
    """Share of each language among the language tokens (V,) alone."""
    ids = torch.tensor(list(vocabulary.languages.values()))
    some = shares[ids] / shares[ids].sum()
    return dict(zip(vocabulary.languages, some.tolist(), strict=True))


@torch.inference_mode()
def detect_language(decoder: Decoder, vocabulary: Vocabulary, heard: Tensor) -> dict[str, float]:
    """One decoder step over windows (B, T, W) from the encoder: the mean share of each language."""
    start = torch.full((heard.shape[0], 1), vocabulary.start, device=heard.device)
    x = decoder.read(start, heard)
    return language_probabilities(vocabulary, decoder.write(x[:, 0]).float().softmax(-1).mean(0).cpu())
