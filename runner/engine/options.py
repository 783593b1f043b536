"""What a caller asks of the engine, and what it is told while a recording is being heard."""

from __future__ import annotations

from dataclasses import dataclass

from runner.transcript import Segment

BEAM = 3  # as good as faster-whisper's beam of 5 by `invoke bench`, and a fifth quicker than our own 5


@dataclass(frozen=True, slots=True)
class Options:
    """How to hear a recording; language `auto` is detected, a batch size of 0 is chosen by the engine.

    `beam` texts of each window are followed at a time; 1 is greedy. `words` asks for each word's time and confidence.
    `prompt` stands before every window as if it had been said there, after `hotwords`, which are likely to be;
    `previous_text` puts the text of the windows before it there too, so that they are written one after another.
    """

    language: str = "sv"
    timestamps: bool = True
    batch_size: int = 0
    beam: int = BEAM
    words: bool = False
    prompt: str = ""
    hotwords: str = ""
    previous_text: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Progress: seconds of the recording heard so far, of `duration` if known, and the segments new since the last."""

    seconds: float
    duration: float | None
    segments: tuple[Segment, ...] = ()
