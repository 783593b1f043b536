"""Speech with known words to measure on: many files, half of them clean, half of them hard."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.sentences import sentences
from tests.support.speech import SAMPLE_RATE, speak, write_wav

Samples = NDArray[np.float32]

SECONDS = 150.0  # of each file, at least
_VERSION = 2  # part of the folder's name: another corpus is not mixed with this one


@dataclass(frozen=True, slots=True)
class Item:
    """One recording and what is said in it; `kind` is clean, or how it was made hard; duration in seconds."""

    path: Path
    text: str
    kind: str
    duration: float


def corpus(folder: Path, minutes: float) -> list[Item]:
    """At least so many minutes of speech below `folder`, made once and the same on every machine with these voices."""
    home = folder / f"speech-{_VERSION}"
    home.mkdir(parents=True, exist_ok=True)
    items: list[Item] = []
    while sum(item.duration for item in items) < 60 * minutes or len(items) % 2:
        items.append(_item(home, len(items)))
    return items


def _item(home: Path, number: int) -> Item:
    described = home / f"{number:03}.json"
    if described.exists():
        fields = json.loads(described.read_text(encoding="utf-8"))
        return Item(**{**fields, "path": home / fields["path"]})
    chance = np.random.default_rng(number)
    kinds = list(_HARD)
    kind = "clean" if number % 2 == 0 else kinds[number // 2 % len(kinds)]
    voice = "mb-sw2" if number % 6 == 4 else "mb-sw1"
    speed = 165 if kind == "fast" else int(chance.integers(115, 146))
    parts, said, length = [_pause(chance)], list[str](), 0
    for text in sentences(number):
        parts += [speak(text, voice, speed), _pause(chance)]
        said.append(text)
        length = sum(part.size for part in parts)
        if length >= SECONDS * SAMPLE_RATE:
            break
    samples = np.concatenate(parts)
    if kind != "clean":
        samples = _HARD[kind](samples, chance)
    path = write_wav(home / f"{number:03}.wav", samples)
    item = Item(path, " ".join(said), kind, length / SAMPLE_RATE)
    described.write_text(
        json.dumps({**asdict(item), "path": path.name}, ensure_ascii=False), encoding="utf-8"
    )
    return item


def _pause(chance: np.random.Generator) -> Samples:
    """Mostly a breath, now and then a silence that nobody fills."""
    seconds = chance.uniform(4, 9) if chance.random() < 0.05 else chance.uniform(0.25, 1.2)
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def telephone(samples: Samples, _chance: np.random.Generator) -> Samples:
    """100 to 3,400 Hz in eight bits on a logarithmic scale, as G.711 has it."""
    narrow = _band(samples, 100.0, 3400.0)
    narrow /= np.abs(narrow).max()
    squeezed = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    wide: Samples = (np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255).astype(np.float32)
    return wide


def noise(samples: Samples, chance: np.random.Generator, decibels: float = 9.0) -> Samples:
    """Pink noise, so many decibels below the speech."""
    spectrum = np.fft.rfft(chance.standard_normal(samples.size))
    frequencies = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20.0)), samples.size)
    speech = float(np.sqrt(np.mean(samples[np.abs(samples) > 0.01] ** 2)))
    level = speech / 10 ** (decibels / 20) / float(np.sqrt(np.mean(pink**2)))
    return _safe(samples + (pink * level).astype(np.float32))


def hall(samples: Samples, chance: np.random.Generator) -> Samples:
    """A room of half a second of echo."""
    tail = np.arange(int(0.5 * SAMPLE_RATE)) / SAMPLE_RATE
    room = (chance.standard_normal(tail.size) * np.exp(-tail * 13.8)).astype(np.float32) * 0.06
    room[0] = 1.0
    size = samples.size + room.size
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)[: samples.size]
    return _safe(wet.astype(np.float32))


def _fast(samples: Samples, _chance: np.random.Generator) -> Samples:
    return samples  # it is in how it was spoken


_HARD: dict[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "telephone": telephone,
    "noise": noise,
    "hall": hall,
    "fast": _fast,
}


def _band(samples: Samples, low: float, high: float) -> Samples:
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, samples.size).astype(np.float32)


def _safe(samples: Samples) -> Samples:
    return samples / max(1.0, float(np.abs(samples).max()))
