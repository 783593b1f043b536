"""Where nobody speaks nothing is written: thirty sounds without a word, and five with one sentence in the middle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from runner.engine.options import Options
from tests.support.hearing import hear_together
from tests.support.needs import needs
from tests.support.noises import NOISES, amid, noise
from tests.support.speech import SENTENCES, speak

if TYPE_CHECKING:
    from runner.engine.transcriber import Engine

GREEDY = Options(beam=1)
VOICES = ("a sung a", "a sung i", "a sung e", "a sung u", "a tune on vowels", "a choir")
AMID = {
    "hum of the mains": 0.0,
    "chords": 20.0,
    "rain": 20.0,
    "an engine": 15.0,
    "dial tone": 20.0,
}
DEAF = (
    "digital silence", "white noise, loud", "chords", "drums", "applause", "breathing", "clicks", "rain",
)  # fmt: skip
SAID = SENTENCES[12]  # Hon studerar historia vid universitetet i Uppsala.


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_the_sounds_are_thirty_and_none_is_like_another() -> None:
    made = [noise(name, 1.0) for name in NOISES]
    assert len({sound.tobytes() for sound in made}) == len(NOISES) == 30
    assert all(np.abs(sound).max() <= 1 for sound in made)
    assert noise("rain").tobytes() == noise("rain").tobytes()


def test_no_sound_without_a_voice_becomes_a_word(engine: Engine) -> None:
    sounds = {name: noise(name) for name in NOISES if name not in VOICES}
    heard = hear_together(engine, list(sounds.values()), GREEDY)
    assert {name: one.text for name, one in zip(sounds, heard, strict=True) if one.text} == {}
    assert all(one.complete for one in heard)


@needs("speech")
def test_of_a_sound_with_a_sentence_in_it_the_sentence_is_written_and_nothing_else(engine: Engine) -> None:
    """In the middle of ten seconds; beside it stands what the same sentence is without any sound."""
    sentence = speak(SAID)
    sounds = [amid(noise(name, 10.0), sentence, decibels) for name, decibels in AMID.items()]
    alone, *heard = hear_together(engine, [sentence, *sounds], GREEDY)
    for name, one in zip(AMID, heard, strict=True):
        assert abs(len(words(one.text)) - len(words(alone.text))) <= 2, f"{name}: {one.text}"
        assert len(set(words(one.text)) & set(words(SAID))) >= 4, f"{name}: {one.text}"
        begin, end = 5 - len(sentence) / 32_000, 5 + len(sentence) / 32_000
        assert all(begin - 0.6 < s.start and s.end < end + 0.6 for s in one.segments)


class Everywhere:
    """A detector to which all is speech: so the decoder has to do without one."""

    def run(self, _: list[str], inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return [np.ones(len(inputs["input"]), np.float32), inputs["h"], inputs["c"]]


def test_of_what_a_deaf_detector_lets_through_the_decoder_believes_next_to_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whisper's own sign of silence stops nearly all; breath is the one that it does not, and is unsure of."""
    sounds = {name: noise(name, 4.0) for name in DEAF}
    monkeypatch.setattr(engine, "detector", Everywhere())
    heard = hear_together(engine, list(sounds.values()), GREEDY)
    assert all(one.speech_duration > 3.9 for one in heard)
    invented = {name: one for name, one in zip(sounds, heard, strict=True) if one.text}
    assert set(invented) <= {"breathing"}
    assert all(s.average_log_probability < -1 for one in invented.values() for s in one.segments)


def test_of_a_voice_that_sings_vowels_no_more_than_its_beginning_is_written(engine: Engine) -> None:
    """A voice it is: the detector hears the first of some, a few tenths of a second, and "mm" may stand for that."""
    heard = hear_together(engine, [noise(name) for name in VOICES], GREEDY)
    for name, one in zip(VOICES, heard, strict=True):
        assert one.speech_duration < 1, name
        assert len(words(one.text)) <= 1, f"{name}: {one.text}"
