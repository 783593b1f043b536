"""Twenty short clips of speech as people record it, made the same every time: in rooms, on telephones, in noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.support.noises import Sound, amid, band, noise, to_sound
from tests.support.speech import SENTENCES, speak

SAMPLE_RATE = 16_000
MARGIN = 0.3  # seconds of quiet around what is said


# Sentences that the demonstration model is sure of, so that no rounding of another processor changes a word.
CLEAR = [SENTENCES[n] for n in (0, 1, 2, 4, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 24, 25, 31, 32, 34, 40)]


@dataclass(frozen=True)
class Clip:
    """What is said, by whom, how fast in words a minute, and where."""

    text: str
    voice: str
    speed: int
    place: str

    @property
    def name(self) -> str:
        return f"{self.voice} at {self.speed} {self.place}: {self.text}"

    @property
    def sound(self) -> Sound:
        quiet = np.zeros(round(MARGIN * SAMPLE_RATE), np.float32)
        said = np.concatenate([quiet, speak(self.text, self.voice, self.speed), quiet])
        return PLACES[self.place](said)


def telephone(sound: Sound) -> Sound:
    """From some 300 to some 3,400 Hz."""
    hertz = np.maximum(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE), 20.0)
    return to_sound(np.fft.irfft(np.fft.rfft(sound) * band(250, 3_700)(hertz), len(sound)))


def hall(sound: Sound) -> Sound:
    """With an echo that is 60 dB softer after half a second."""
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    echo = 0.02 * np.random.default_rng(7).normal(size=len(time)) * 10 ** (-6 * time)
    echo[0] = 1.0
    length = len(sound) + len(time)
    heard = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(echo, length), length)
    return to_sound(heard / max(1.0, np.abs(heard).max()))


def beside(name: str, decibels: float) -> Callable[[Sound], Sound]:
    return lambda sound: amid(noise(name, len(sound) / SAMPLE_RATE), sound, decibels)


PLACES: dict[str, Callable[[Sound], Sound]] = {
    "in a studio": lambda sound: sound,
    "on the telephone": telephone,
    "in a hall": hall,
    "in the rain": beside("rain", 30),
    "by an engine": beside("an engine", 25),
}

CLIPS = tuple(
    Clip(text, ("mb-sw1", "mb-sw1", "mb-sw2")[number % 3], (130, 120, 140)[number // 3 % 3], place)
    for number, (text, place) in enumerate(zip(CLEAR, list(PLACES) * 4, strict=True))
)
