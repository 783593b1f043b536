"""Swedish speech with known words, made by espeak-ng with mbrola's voices when a test asks for it.

mbrola's voices may not be part of anything sold: what is made here serves a test run and is deleted after it.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import itertools
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.needs import require

SAMPLE_RATE = 16_000
VOICES = ("mb-sw1", "mb-sw2")  # two men; whisper-base reads the first better

SENTENCES = (
    "Jag heter Anna och bor i en liten stad vid havet.",
    "Vi åker till fjällen varje vinter för att åka skidor.",
    "Kan du köpa mjölk och bröd på vägen hem?",
    "Tåget till Göteborg går klockan halv nio från spår fem.",
    "Min mormor bakar alltid kanelbullar på söndagar.",
    "Det blåser kallt i dag, så ta på dig en varm jacka.",
    "Barnen leker i parken efter skolan.",
    "Mötet är flyttat till torsdag eftermiddag.",
    "Han har arbetat som läkare i över tjugo år.",
    "Boken som du lånade ut ligger på köksbordet.",
    "Vi behöver prata om hur projektet ska fortsätta.",
    "På sommaren badar vi i sjön nästan varje dag.",
    "Hon studerar historia vid universitetet i Uppsala.",
    "Det finns många gamla hus i den här delen av staden.",
    "Jag skulle vilja boka ett bord för fyra personer.",
    "Katten sover helst i solen framför fönstret.",
    "Regeringen lade fram ett nytt förslag i går kväll.",
    "Bussen var försenad eftersom det hade snöat hela natten.",
    "Vad kostar en biljett till Stockholm?",
    "Min bror spelar fotboll tre gånger i veckan.",
    "Äpplena är mogna och kan plockas nu.",
    "Ö efter ö passerade medan båten gled längs kusten.",
    "Läraren skrev några ord på svenska tavlan.",
    "Patienten mår bättre men behöver vila några dagar.",
    "Vi hörde musik från den öppna dörren.",
    "Kaffet är klart, vill du ha socker eller grädde?",
    "Älgen stod alldeles stilla mitt på vägen.",
    "I morgon ska vi måla väggarna i sovrummet.",
    "Polisen söker vittnen till olyckan på motorvägen.",
    "Det tar ungefär en timme att gå runt sjön.",
    "Han glömde sina nycklar på kontoret igen.",
    "Blommorna i trädgården behöver vatten varje kväll.",
    "Företaget söker en ny chef till sin avdelning i Malmö.",
    "Fågeln sjöng högt uppe i det stora trädet.",
    "Jag har ont i halsen och tänker stanna hemma.",
    "Filmen var lång men väldigt spännande.",
    "Under året har priset på el stigit kraftigt.",
    "Kommunen bygger en ny bro över ån.",
    "Vi ses utanför biblioteket om en kvart.",
    "Hon öppnade brevet och började läsa långsamt.",
    "Fisken ska stekas i smör på låg värme.",
    "Gården har tillhört samma familj i hundra år.",
    "Tack för att du ringde, jag hör av mig i nästa vecka.",
    "Skogen luktar gott efter regnet.",
    "Datorn måste startas om innan programmet fungerar.",
    "Morfar berättade om när han var ung och arbetade till sjöss.",
    "Det är viktigt att alla får säga vad de tycker.",
    "Vill du följa med till stranden på lördag?",
)


@dataclass(frozen=True)
class Spoken:
    """One sentence in a recording; times in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Speech:
    """A wav file, 16 kHz mono, and what is said in it."""

    path: Path
    duration: float
    sentences: tuple[Spoken, ...]

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)


def speak(text: str, voice: str = "mb-sw1", speed: int = 130) -> NDArray[np.float32]:
    """Return the text as speech, float32 in [-1, 1] at 16 kHz, without silence before and after.

    Any voice of espeak-ng will do; speed is in words a minute. Skips the test where speech cannot be made.
    """
    cached = _folder() / (hashlib.sha256(f"{voice}/{speed}/{text}".encode()).hexdigest() + ".npy")
    if not cached.exists():
        spoken = cached.with_suffix(".wav")
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(spoken), "--", text]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        np.save(cached, _trim(_read(spoken)))
        spoken.unlink()
    samples: NDArray[np.float32] = np.load(cached)
    return samples


def speech_file(
    seconds: float,
    *,
    pause: float = 0.7,
    voices: Sequence[str] = ("mb-sw1",),
    sentences: Sequence[str] = SENTENCES,
    speed: int = 130,
    path: Path | None = None,
) -> Speech:
    """Write a wav of sentence after sentence until it lasts at least so many seconds; memory stays flat.

    `pause` seconds of silence stand before, between and after the sentences; voices take turns.
    Without a path the file is one of this test run, made once for the same request: do not change it.
    """
    if path is None:
        return _shared_file(seconds, pause, tuple(voices), tuple(sentences), speed)
    spoken = []
    silence = np.zeros(round(pause * SAMPLE_RATE), dtype=np.float32)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        file.writeframesraw(_pcm(silence))
        for text, voice in zip(itertools.cycle(sentences), itertools.cycle(voices), strict=False):
            if (start := file.tell() / SAMPLE_RATE) >= seconds:
                break
            samples = speak(text, voice, speed)
            file.writeframesraw(_pcm(samples))
            spoken.append(Spoken(start, start + samples.size / SAMPLE_RATE, text))
            file.writeframesraw(_pcm(silence))
        duration = file.tell() / SAMPLE_RATE
    return Speech(path, duration, tuple(spoken))


def write_wav(path: Path, samples: NDArray[np.float32], rate: int = SAMPLE_RATE) -> Path:
    """Write float32 samples in [-1, 1], shaped (samples,) or (channels, samples), as a 16-bit wav."""
    channels = np.atleast_2d(samples)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels.shape[0], 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(_pcm(channels.T))  # (samples, channels): interleaved
    return path


_numbers = itertools.count(1)


@functools.cache
def _folder() -> Path:
    require("speech")
    folder = Path(tempfile.mkdtemp(prefix="tests-speech-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _shared_file(
    seconds: float, pause: float, voices: tuple[str, ...], sentences: tuple[str, ...], speed: int
) -> Speech:
    path = _folder() / f"speech-{next(_numbers)}.wav"
    return speech_file(seconds, pause=pause, voices=voices, sentences=sentences, speed=speed, path=path)


def _read(path: Path) -> NDArray[np.float32]:
    """Read what espeak-ng wrote, at whichever rate the voice has, as 16 kHz mono."""
    return np.concatenate(list(_resampled(path))) if path.stat().st_size else np.zeros(0, dtype=np.float32)


def _resampled(path: Path) -> Iterator[NDArray[np.float32]]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        for frame in itertools.chain(container.decode(audio=0), [None]):
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray()[0].astype(np.float32)


def _trim(samples: NDArray[np.float32], threshold: float = 0.005) -> NDArray[np.float32]:
    loud = np.flatnonzero(np.abs(samples) > threshold)
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples[:0]


def _pcm(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
