"""Who takes part, and under which name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from runner.errors import UsageError
from tests.bench.terms import Terms

Samples = NDArray[np.float32]


class Piece(NamedTuple):
    """Some text of one of the recordings, from `start` seconds on."""

    recording: int
    start: float
    text: str


Heard = Callable[[Piece], None]


class Contestant(Protocol):
    """A model in memory; `about` names versions and settings, `work` tells what the last call did, if it knows."""

    about: Mapping[str, str]
    work: Mapping[str, float]

    def transcribe(self, sounds: Sequence[Samples], heard: Heard) -> None:
        """Hear mono recordings at 16 kHz; each piece is told as soon as it is known, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One way of one engine; slow ones hear the first minutes only."""

    name: str
    family: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reads: str = "checkpoint"  # which layout of the weights
    slow: bool = False

    @property
    def is_ours(self) -> bool:
        return self.family == OURS

    def load(self, terms: Terms) -> Contestant:
        """Load the model in this process."""
        module = import_module(f"tests.bench.contestants.{self.module}")
        contestant: Contestant = module.load(terms, **self.options)
        return contestant


OURS = "ours"
_BATCHED = "faster-whisper batched"

ENTRIES = (
    Entry("ours", OURS, "ours"),  # with its defaults
    *(
        Entry(f"fw-{beam}-b{batch}", _BATCHED, "batched", {"beam": beam, "batch": batch}, "ctranslate2")
        for beam in (1, 5)
        for batch in (8, 16)
    ),
    Entry("greedy", OURS, "ours", {"beam": 1}),
    Entry("sequential", "faster-whisper sequential", "sequential", {"beam": 5}, "ctranslate2", slow=True),
    Entry("transformers", "transformers pipeline", "pipeline", slow=True),
    Entry("whispercpp", "whisper.cpp", "whispercpp", reads="ggml", slow=True),
)


def entry(name: str) -> Entry:
    """The entry of exactly this name."""
    return next(entry for entry in ENTRIES if entry.name == name)


def choose(names: str) -> list[Entry]:
    """Entries by name or by the beginning of it, `fw-1` being fw-1-b8 and fw-1-b16; all where nothing is asked.

    Raises UsageError for a name that nobody has.
    """
    chosen: list[Entry] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        found = [entry for entry in ENTRIES if f"{entry.name}-".startswith(f"{name}-")]
        if not found:
            known = ", ".join(entry.name for entry in ENTRIES)
            raise UsageError(f"There is no contestant {name!r}; there are {known}.")
        chosen += [entry for entry in found if entry not in chosen]
    return chosen or list(ENTRIES)
