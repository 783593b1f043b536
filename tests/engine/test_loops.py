"""No text goes round in circles: what makes whisper-base repeat itself, and what is written for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.decode import loop_start
from runner.engine.options import Options
from runner.engine.repetition import loop
from tests.support.hearing import hear_together
from tests.support.needs import needs
from tests.support.noises import Sound, amid, noise
from tests.support.speech import SENTENCES, speak
from tests.support.windows import hear, write

if TYPE_CHECKING:
    from torch import Tensor

    from runner.engine.transcriber import Engine
    from runner.transcript import Transcript


GREEDY = Options(beam=1)
BEFORE = SENTENCES[8]


def again(text: str, times: int, pause: float) -> Sound:
    quiet = np.zeros(round(pause * 16_000), np.float32)
    return np.concatenate([part for _ in range(times) for part in (speak(text), quiet)])


def sounds() -> dict[str, Sound]:
    """The model repeats itself in every one of these if it is let."""
    return {
        "one word": again("Ja.", 14, 0.5),
        "loud music": amid(noise("a band", 8), speak(SENTENCES[0]), 0),
        "a sentence, then two words": np.concatenate([speak(BEFORE), again("Tack tack.", 12, 0.2)]),
    }


@pytest.fixture(scope="module")
def heard(engine: Engine) -> Tensor:
    return hear(engine, list(sounds().values()))


@pytest.fixture(scope="module")
def transcripts(engine: Engine) -> dict[str, Transcript]:
    made = sounds()
    return dict(zip(made, hear_together(engine, list(made.values()), GREEDY), strict=True))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@needs("speech")
@pytest.mark.parametrize(("beams", "temperature"), [(1, 0.0), (3, 0.6)])
def test_a_loop_is_seen_where_it_is_in_the_text_that_is_given(
    engine: Engine, heard: Tensor, beams: int, temperature: float
) -> None:
    """Also where three are drawn by chance, of which any may be the likeliest."""
    found = write(engine, heard, beams=beams, temperature=temperature)
    first = engine.vocabulary.first_stamp
    assert [one.loop for one in found] == [loop_start(one.tokens, first) for one in found]
    assert sum(one.loop is not None for one in found) >= 1
    assert max(len(one.tokens) for one in found if one.loop is not None) < 80  # it was not let go on


@needs("speech")
def test_no_recording_is_written_in_circles(engine: Engine, transcripts: dict[str, Transcript]) -> None:
    for name, one in transcripts.items():
        spoken = words(one.text)
        numbers = [sorted(set(spoken)).index(word) for word in spoken]
        assert loop(numbers) is None, f"{name}: {one.text}"
        assert loop(engine.vocabulary.tokenizer.encode(one.text, add_special_tokens=False).ids) is None


@needs("speech")
def test_what_was_said_before_it_was_repeated_is_kept(transcripts: dict[str, Transcript]) -> None:
    """Neither cut away with the loop, nor taken for silence, nor left for what a hot draw invents."""
    assert words(transcripts["one word"].text)[0] in ("ja", "sjö", "sjå")  # as the model spells it
    assert all(one.text for one in transcripts.values())


@needs("speech")
def test_a_sentence_said_before_words_that_are_repeated_is_kept_whole(
    transcripts: dict[str, Transcript],
) -> None:
    *sentence, last, _ = words(transcripts["a sentence, then two words"].text)
    assert {"han", "har", "arbetat", "som", "över", "år"} <= set(sentence)
    assert last.startswith("ta")


@needs("speech")
@pytest.mark.xfail(
    reason="whisper-base ends its text, and is sure of it, when a sentence has come once",
    strict=True,
)
def test_a_sentence_said_six_times_is_written_more_than_once(engine: Engine) -> None:
    (heard,) = hear_together(engine, [again(SENTENCES[6], 6, 0.3)], GREEDY)
    assert words(heard.text).count("parken") > 1
