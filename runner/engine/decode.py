"""The decoder's loop: encoded windows in, tokens of each out, as many windows at a time as there are slots.

A window that has ended leaves its slot at once and one that waits takes it, so that slots stay full however long
the texts are. Which windows share the batch changes nothing in what is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

from runner.engine.alignment import Text, align, alignment_heads
from runner.engine.cache import Cache
from runner.engine.features import WINDOW_SECONDS
from runner.engine.graphs import Capture, Graphs
from runner.engine.network import Decoder, Dimensions
from runner.engine.repetition import loop
from runner.engine.rules import Rules
from runner.engine.search import Chance, Search
from runner.engine.tokens import Vocabulary

MOST_TOKENS = 224  # half of Whisper's 448 text positions, as in openai/whisper's DecodingOptions.sample_len
ALIGNED_TOGETHER = 4  # windows: their attention to all positions is in memory at once
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
    # Seconds in the window at which each token begins, and the end after the last; none if nobody asked.
    times: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Job(Generic[Owner]):
    """A window to be written: heard (T, W) from the encoder, the prompt before its text, and whose it is.

    `length` is the seconds of sound in it; after that comes silence that nobody recorded.
    """

    owner: Owner
    heard: Tensor
    prompt: tuple[int, ...]
    temperature: float = 0.0
    seed: int = 0
    length: float = WINDOW_SECONDS


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
        words: bool = False,
        prompt: int = 4,
        capture: Capture | None = None,
    ) -> None:
        self.decoder, self.vocabulary, self.beams = decoder, vocabulary, beams
        layers, heads = dimensions.decoder_layers, dimensions.heads
        self.aligned = alignment_heads(vocabulary.alignment_heads, layers, heads) if words else {}
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
            dense=capture is None and device.type == "cpu",
        )
        self.rules = Rules(vocabulary, slots, beams, timestamps, device)
        self.search = Search(slots, beams, self.positions, vocabulary.end, vocabulary.first_stamp, device)
        self.next = torch.zeros(
            slots, beams, dtype=torch.long, device=device
        )  # the tokens of the coming step
        self.graphs = Graphs(self._advance, slots, capture) if capture else None
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
        chances = self._count(self.slots[first:])
        self._choose(self.decoder.write(x[:, -1:]).expand(-1, self.beams, -1).contiguous(), slots, chances)
        return self._finished()

    @torch.inference_mode()
    def step(self) -> list[tuple[Owner, Decoded]]:
        """One more token for every window that is being written; gives those that are finished by it."""
        rows = len(self.slots)
        longest = max(len(slot.job.prompt) + slot.steps for slot in self.slots)
        entries = self.cache.reserve(longest)
        chances = self._count(self.slots)
        if self.graphs is not None and not chances:
            self.graphs(rows, entries)
        else:
            self._advance(rows, entries, chances)
        return self._finished()

    def _count(self, slots: list[_Slot[Owner]]) -> list[Chance]:
        """One more step for these slots; gives how each draws its token, nothing where none draws by chance."""
        for slot in slots:
            slot.steps += 1
        if not any(slot.job.temperature for slot in slots):
            return []
        return [Chance(slot.job.temperature, slot.job.seed * 1000 + slot.steps) for slot in slots]

    def _advance(self, rows: int, entries: int, chances: Sequence[Chance] = ()) -> None:
        """One more token in the first `rows` slots; without chances all of it happens on the device."""
        logits = self.decoder.step(self.next[:rows], self.cache, rows, entries)
        self._choose(logits, slice(0, rows), chances)

    def _choose(self, logits: Tensor, part: slice, chances: Sequence[Chance]) -> None:
        """Take the next tokens from logits (rows, N, V) of part of the slots."""
        allowed = self.rules.apply(logits, part)
        parents, tokens = self.search.advance(logits, allowed, part, chances)
        self.rules.follow(part, parents, tokens)
        self.cache.follow(part, parents)
        self.next[part] = tokens

    def _finished(self) -> list[tuple[Owner, Decoded]]:
        """Take out the windows that have come to their end."""
        self.steps += 1
        look = self.next.device.type == "cpu" or self.steps % HOST_WAITS_EVERY == 0
        texts = self.search.ended[: len(self.slots)].tolist() if look else []
        ended = {number for number, count in enumerate(texts) if count >= self.beams}
        looped = self._loops(ended) if look else {}
        over = [
            number
            for number, slot in enumerate(self.slots)
            if slot.steps >= slot.most or number in looped or number in ended
        ]
        results = [self._result(number, looped.get(number)) for number in over]
        if self.aligned:
            results = self._align(over, results)
        done = [(self.slots[number].job.owner, result) for number, result in zip(over, results, strict=True)]
        for number in reversed(over):
            self._leave(number)
        return done

    def _align(self, numbers: list[int], results: list[Decoded]) -> list[Decoded]:
        """The same with times of their tokens, as far as they are kept; slots still hold what was heard."""
        aligned = list(results)
        written = [place for place, result in enumerate(results) if result.tokens]
        for first in range(0, len(written), ALIGNED_TOGETHER):
            places = written[first : first + ALIGNED_TOGETHER]
            slots = [numbers[place] for place in places]
            texts = [
                Text(self.slots[slot].job.prompt, kept(results[place]), self.slots[slot].job.length)
                for slot, place in zip(slots, places, strict=True)
            ]
            times = align(self.decoder, texts, self.cache.heard_in(slots), self.aligned)
            for place, one in zip(places, times, strict=True):
                aligned[place] = replace(results[place], times=one)
        return aligned

    def _loops(self, ended: set[int]) -> dict[int, int]:
        """Slots, those that ended apart, whose likeliest beam only repeats itself, and the token from which it does."""
        every = LOOPS_EVERY if self.next.device.type == "cpu" else 1  # a GPU is looked at seldom enough
        due = [
            number
            for number, slot in enumerate(self.slots)
            if slot.steps % every == 0 and number not in ended
        ]
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


def kept(decoded: Decoded) -> tuple[int, ...]:
    """The tokens without what they only repeat."""
    return decoded.tokens[: decoded.loop]


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
