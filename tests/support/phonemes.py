"""Speech of which every word's time is known, as the synthesizer itself tells it while it speaks."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.needs import require

SYNCHRONOUS, UTF8, BY_CHARACTER = 2, 1, 1  # espeak-ng's speak_lib.h
RATE, PHONEME = 1, 7
QUIET = 160  # of 32,768: nothing is heard below it


class _Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("number", ctypes.c_uint),
        ("character", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Timed:
    """A word in a recording; times in seconds."""

    text: str
    start: float
    end: float


@functools.cache
def speak_timed(
    text: str, voice: str = "mb-sw1", speed: int = 130
) -> tuple[NDArray[np.float32], tuple[Timed, ...]]:
    """The text as speech at 16 kHz by one of mbrola's voices, and when each of its words is spoken."""
    require("speech")
    library = _library()
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(RATE, speed, 0)
    blocks: list[NDArray[np.int16]] = []
    phonemes: list[tuple[int, int, bytes]] = []  # (character, sample, name)

    def receive(sound: Any, samples: int, events: Any) -> int:
        if sound and samples:
            blocks.append(np.ctypeslib.as_array(sound, (samples,)).copy())
        number = 0
        while events[number].kind:
            event = events[number]
            if event.kind == PHONEME:
                phonemes.append((event.character - 1, event.sample, event.name))
            number += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    spoken = text.encode()
    library.espeak_Synth(spoken, len(spoken) + 1, 0, BY_CHARACTER, 0, UTF8, None, None)
    sound = np.concatenate(blocks)
    end = int(np.flatnonzero(np.abs(sound) > QUIET)[-1]) + 1
    return sound[:end].astype(np.float32) / np.float32(32_768), tuple(_words(text, phonemes, end))


def _words(text: str, phonemes: list[tuple[int, int, bytes]], end: int) -> list[Timed]:
    begun = phonemes[0][1]  # events are numbered from before the first sample
    starts = {}
    at = 0
    for word in text.split():
        at = text.index(word, at)
        starts[at] = word
        at += len(word)
    found = []
    for number, (character, sample, name) in enumerate(phonemes):
        if character in starts and name and not name.startswith(b"_"):
            later = (
                other
                for place, other, what in phonemes[number + 1 :]
                if place in starts or what.startswith(b"_")
            )
            found.append(
                Timed(
                    starts.pop(character),
                    (sample - begun) / 16_000,
                    min(next(later, end + begun) - begun, end) / 16_000,
                )
            )
    return found


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libespeak-ng.so.1")
    library.espeak_Initialize(SYNCHRONOUS, 0, None, 1)  # 1: tell of phonemes
    return library
