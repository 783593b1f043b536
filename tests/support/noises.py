"""Sounds in which nobody speaks, made by numpy: mono at 16 kHz, and the same whenever they are made."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

Sound = NDArray[np.float32]
Signal = NDArray[np.float64]

# The first four formants of a man's vowels, in hertz; after Fant, Acoustic Theory of Speech Production.
FORMANTS = {
    "a": (650, 1080, 2650, 2900),
    "e": (400, 1700, 2600, 3200),
    "i": (290, 1870, 2800, 3250),
    "o": (400, 800, 2600, 2800),
    "u": (350, 600, 2700, 2900),
    "ö": (380, 1450, 2250, 3100),
}


def noise(name: str, seconds: float = 8.0) -> Sound:
    """One of NOISES, so many seconds of it."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return to_sound(NOISES[name](time, random))


def amid(sound: Sound, speech: Sound, decibels: float) -> Sound:
    """Speech in the middle of a sound that is made so much softer (or, below zero, louder) than it."""
    whole = sound.astype(np.float64)
    if power := np.sqrt(np.mean(whole**2)):
        whole *= np.sqrt(np.mean(speech.astype(np.float64) ** 2)) / power / 10 ** (decibels / 20)
    start = (len(whole) - len(speech)) // 2
    whole[start : start + len(speech)] += speech
    return to_sound(whole / max(1.0, np.abs(whole).max()))


def to_sound(signal: Signal) -> Sound:
    sound: Sound = signal.astype(np.float32)
    return sound


def at(signal: Signal, decibels: float) -> Signal:
    """The same with a mean power of so many decibels below full scale."""
    levelled: Signal = signal / np.sqrt(np.mean(signal**2)) * 10 ** (-decibels / 20)
    return levelled


def coloured(time: Signal, random: np.random.Generator, gain: Callable[[Signal], Signal]) -> Signal:
    """White noise with a gain for every frequency, of unit power."""
    spectrum = np.fft.rfft(random.normal(size=len(time)))
    frequencies = np.maximum(np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE), 20.0)
    return at(np.fft.irfft(spectrum * gain(frequencies), len(time)), 0)


def band(low: float, high: float) -> Callable[[Signal], Signal]:
    """The gain of a soft-edged band."""
    return lambda hertz: 1 / np.sqrt((1 + (low / hertz) ** 6) * (1 + (hertz / high) ** 6))


def drifting(time: Signal, random: np.random.Generator, per_second: float) -> Signal:
    """A smooth curve of chance between 0 and 1 with so many turns a second."""
    points = random.uniform(size=int(time[-1] * per_second) + 3)
    curve: Signal = np.interp(time * per_second, np.arange(len(points)), points)
    return curve


def struck(time: Signal, beats: Sequence[float], sound: Callable[[Signal], Signal]) -> Signal:
    """A sound that begins at each of these seconds and dies away within one."""
    whole = np.zeros(len(time))
    for beat in beats:
        start = round(beat * SAMPLE_RATE)
        part = time[: max(0, min(SAMPLE_RATE, len(time) - start))]
        whole[start : start + len(part)] += sound(part)
    return whole


def tones(time: Signal, *pitches: float, overtones: int = 1) -> Signal:
    """Pitches in hertz, each with overtones that grow softer."""
    whole = np.zeros(len(time))
    for pitch in pitches:
        for number in range(1, overtones + 1):
            whole += np.sin(2 * np.pi * pitch * number * time) / number**1.5
    return whole


def plucked(pitch: float) -> Callable[[Signal], Signal]:
    return lambda time: np.exp(-4 * time) * tones(time, pitch, overtones=6)


def melody(time: Signal) -> Signal:
    """A folk tune's worth of plucked strings."""
    scale = [262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0]
    steps = [0, 2, 4, 2, 5, 4, 3, 1, 2, 4, 7, 6, 5, 4, 2, 0]
    whole = np.zeros(len(time))
    for number in range(int(time[-1] / 0.4) + 1):
        whole += struck(time, [0.4 * number], plucked(scale[steps[number % 16]]))
    return whole


def chords(time: Signal) -> Signal:
    """Four chords of an organ, two seconds each."""
    bars = [(262.0, 330.0, 392.0), (220.0, 262.0, 330.0), (175.0, 220.0, 262.0), (196.0, 247.0, 294.0)]
    whole = np.zeros(len(time))
    for number, bar in enumerate(bars):
        whole += tones(time, *bar, overtones=5) * (time // 2 % 4 == number)
    return whole


def drums(time: Signal, random: np.random.Generator) -> Signal:
    """Bass drum, snare and hi-hat at 120 beats a minute."""
    beats = np.arange(0, time[-1], 0.5).tolist()
    hiss = random.normal(size=SAMPLE_RATE)
    bass = struck(time, beats[::2], lambda t: np.exp(-12 * t) * np.sin(2 * np.pi * 60 * t))
    snare = struck(time, beats[1::2], lambda t: 0.4 * np.exp(-18 * t) * hiss[: len(t)])
    hat = struck(
        time, np.arange(0, time[-1], 0.25).tolist(), lambda t: 0.15 * np.exp(-60 * t) * hiss[: len(t)]
    )
    return bass + snare + hat


def applause(time: Signal, random: np.random.Generator) -> Signal:
    """Sixty people who clap four times a second, each in their own time."""
    spectrum = band(600, 3_000)
    clap = coloured(time[:SAMPLE_RATE], random, spectrum)
    claps = [
        beat
        for _ in range(60)
        for beat in np.arange(random.uniform(0, 0.25), time[-1], random.normal(0.25, 0.02))
    ]
    return struck(time, claps, lambda t: random.uniform(0.2, 1) * np.exp(-120 * t) * clap[: len(t)])


def breathing(time: Signal, random: np.random.Generator) -> Signal:
    """In and out, fifteen times a minute."""
    swell = np.maximum(0, np.sin(2 * np.pi * time / 2)) ** 2
    return swell * coloured(time, random, band(500, 1_800))


def sung(time: Signal, vowels: str, pitches: Sequence[float], seconds: float = 2.0) -> Signal:
    """Vowels with vibrato, so many seconds each: harmonics of a pitch through the resonances of a throat."""
    number = (time // seconds).astype(int)
    pitch = np.asarray(pitches)[number % len(pitches)] * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    whole = np.zeros(len(time))
    for place, vowel in enumerate(vowels):
        now = number % len(vowels) == place
        for harmonic in range(1, int(4_000 / min(pitches))):
            gain = [
                1 / np.abs(1 - (harmonic * pitch / formant) ** 2 + 1j * harmonic * pitch * 80 / formant**2)
                for formant in FORMANTS[vowel]
            ]
            whole += now * np.prod(gain, axis=0) * np.sin(harmonic * phase) / harmonic**1.5
    attack = np.minimum(1, (time % seconds) * 10) * np.minimum(1, (seconds - time % seconds) * 10)
    return attack * whole


def babble(time: Signal, random: np.random.Generator) -> Signal:
    """As many people far away: noise in the bands of a voice, with the rhythm of syllables."""
    whole = np.zeros(len(time))
    for _ in range(8):
        first, second = random.uniform(300, 700), random.uniform(1_000, 2_000)
        syllables = drifting(time, random, 8) ** 3
        whole += syllables * coloured(time, random, band(first * 0.8, first * 1.2))
        whole += 0.5 * syllables * coloured(time, random, band(second * 0.9, second * 1.1))
    return whole


def rain(time: Signal, random: np.random.Generator) -> Signal:
    """A steady fall and drops that stand out of it."""
    hiss = coloured(time, random, band(1_500, 7_000))
    drops = struck(
        time,
        random.uniform(0, time[-1], int(40 * time[-1])).tolist(),
        lambda t: np.exp(-300 * t) * np.sin(2 * np.pi * 2_500 * t),
    )
    return at(hiss, 0) + 4 * drops


def engine(time: Signal, random: np.random.Generator) -> Signal:
    """A motor that is given a little more gas and a little less."""
    turns = np.cumsum(28 + 10 * drifting(time, random, 0.5)) / SAMPLE_RATE
    pulses = np.sum([np.sin(2 * np.pi * n * turns) / np.sqrt(n) for n in range(1, 30)], axis=0)
    return at(pulses, 0) + 0.3 * coloured(time, random, band(100, 1_000))


def sweep(time: Signal) -> Signal:
    """From 50 to 7,000 Hz, an octave in the same time wherever."""
    length, octaves = time[-1], np.log(140)
    phase: Signal = 2 * np.pi * 50 * length / octaves * (np.exp(time / length * octaves) - 1)
    return np.sin(phase)


def siren(time: Signal) -> Signal:
    pitch = 600 + 300 * np.sin(2 * np.pi * time / 4)
    return tones(np.cumsum(pitch) / SAMPLE_RATE, 1.0, overtones=4)


def birds(time: Signal, random: np.random.Generator) -> Signal:
    """Chirps that fall by a third."""
    beats = random.uniform(0, time[-1], int(3 * time[-1])).tolist()
    return struck(time, beats, lambda t: np.exp(-25 * t) * np.sin(2 * np.pi * (3_500 * t - 6_000 * t**2)))


def clicks(time: Signal, random: np.random.Generator) -> Signal:
    """A keyboard's worth: six a second, each a few milliseconds long."""
    hiss = random.normal(size=SAMPLE_RATE)
    beats = random.uniform(0, time[-1], int(6 * time[-1])).tolist()
    return struck(time, beats, lambda t: np.exp(-800 * t) * hiss[: len(t)])


def music(time: Signal, random: np.random.Generator) -> Signal:
    """Organ, strings and drums together."""
    return at(chords(time), 6) + at(melody(time), 3) + at(drums(time, random), 6)


NOISES: dict[str, Callable[[Signal, np.random.Generator], Signal]] = {
    "digital silence": lambda time, _: np.zeros(len(time)),
    "a still room": lambda time, random: at(random.normal(size=len(time)), 75),
    "white noise, soft": lambda time, random: at(random.normal(size=len(time)), 45),
    "white noise, loud": lambda time, random: at(random.normal(size=len(time)), 15),
    "pink noise": lambda time, random: at(coloured(time, random, lambda hertz: hertz**-0.5), 25),
    "brown noise": lambda time, random: at(coloured(time, random, lambda hertz: hertz**-1.0), 20),
    "hum of the mains": lambda time, _: at(tones(time, 50.0, overtones=8), 25),
    "chords": lambda time, _: at(chords(time), 20),
    "a melody": lambda time, _: at(melody(time), 20),
    "drums": lambda time, random: at(drums(time, random), 20),
    "a band": lambda time, random: at(music(time, random), 18),
    "music, clipped": lambda time, random: np.clip(8 * at(music(time, random), 10), -0.98, 0.98),
    "applause": lambda time, random: at(applause(time, random), 20),
    "breathing": lambda time, random: at(breathing(time, random), 35),
    "clicks": lambda time, random: at(clicks(time, random), 30),
    "a sweep": lambda time, _: at(sweep(time), 15),
    "wind": lambda time, random: at(drifting(time, random, 1.5) * coloured(time, random, band(50, 400)), 20),
    "a crowd far away": lambda time, random: at(babble(time, random), 25),
    "dial tone": lambda time, _: at(tones(time, 425.0), 15),
    "busy tone": lambda time, _: at(tones(time, 425.0) * (time % 0.5 < 0.25), 15),
    "rain": lambda time, random: at(rain(time, random), 25),
    "an engine": lambda time, random: at(engine(time, random), 18),
    "a siren": lambda time, _: at(siren(time), 15),
    "birds": lambda time, random: at(birds(time, random), 30),
    "a sung a": lambda time, _: at(sung(time, "a", [90.0]), 20),
    "a sung i": lambda time, _: at(sung(time, "i", [150.0, 168.0, 178.0], seconds=0.5), 20),
    "a sung e": lambda time, _: at(sung(time, "e", [110.0]), 20),
    "a sung u": lambda time, _: at(sung(time, "u", [110.0], seconds=0.5), 20),
    "a tune on vowels": lambda time, _: at(
        sung(time, "aoieuö", [131.0, 147.0, 165.0, 175.0, 196.0, 165.0], seconds=0.7), 20
    ),
    "a choir": lambda time, _: at(
        np.sum([sung(time, "aouo", [pitch], seconds=1.5) for pitch in (110.0, 165.0, 220.0, 277.0)], axis=0),
        18,
    ),
}
