from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.audio.recording import open_recording
from runner.engine.context import MOST_BEFORE, Context
from runner.engine.decode import Decoded
from runner.engine.options import Options
from runner.engine.tokens import Vocabulary
from runner.errors import UsageError
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak, write_wav

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine
    from runner.engine.transcription import Transcription

PAUSE = np.zeros(11 * 16_000, np.float32)  # long enough to end a window


@pytest.fixture(scope="module")
def vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    return Vocabulary.load(checkpoint.folder)


def written(vocabulary: Vocabulary, words: str, *, temperature: float = 0.0, sure: float = -0.3) -> Decoded:
    tokens = tuple(vocabulary.tokens(words))
    return Decoded(tokens, (sure,) * len(tokens), sure, 0.9, {"sv": 1.0}, temperature)


def hear(engine: Engine, path: Path, options: Options, **how: bool) -> Transcription:
    with open_recording(path, name=path.name, **how) as recording:
        transcription = engine.transcribe(recording, options)
        list(transcription)
    return transcription


def test_without_a_word_of_it_nothing_stands_before_a_window(vocabulary: Vocabulary) -> None:
    context = Context(vocabulary, Options())
    context.take(None, written(vocabulary, "Hej."))
    assert (context.before(None), context.most) == ([], 0)
    assert vocabulary.prompt("sv", True, context.before(None))[0] == vocabulary.start


def test_names_come_first_and_what_was_said_last(vocabulary: Vocabulary) -> None:
    context = Context(vocabulary, Options(prompt="Ett möte.", hotwords="Lisbeth", previous_text=True))
    context.take(1, written(vocabulary, "Vi börjar."))
    context.take(2, written(vocabulary, "Jag hör."))
    context.take(1, written(vocabulary, "Nu."))
    assert vocabulary.text(context.before(1)) == " Lisbeth Ett möte. Vi börjar. Nu."
    assert vocabulary.text(context.before(2)) == " Lisbeth Ett möte. Jag hör."
    assert vocabulary.prompt("sv", True, context.before(1))[0] == vocabulary.previous


def test_no_more_stands_there_than_whisper_has_room_for(vocabulary: Vocabulary) -> None:
    context = Context(vocabulary, Options(prompt="Ett möte.", previous_text=True))
    for number in range(100):
        context.take(None, written(vocabulary, f"Mening nummer {number}."))
    before = context.before(None)
    assert len(before) == MOST_BEFORE == context.most - 1
    assert vocabulary.text(before).startswith(" Ett möte.")
    assert vocabulary.text(before).endswith(" Mening nummer 99.")


def test_a_text_drawn_by_chance_and_what_was_silence_do_not_lead_the_next_astray(
    vocabulary: Vocabulary,
) -> None:
    context = Context(vocabulary, Options(previous_text=True))
    context.take(None, written(vocabulary, "Vi börjar."))
    context.take(None, written(vocabulary, "Tack till mina följare.", sure=-1.2))
    assert vocabulary.text(context.before(None)) == " Vi börjar."
    context.take(None, written(vocabulary, "Vill bör jag.", temperature=0.6))
    assert context.before(None) == []


def test_what_spells_a_special_token_is_no_word(vocabulary: Vocabulary) -> None:
    context = Context(vocabulary, Options(prompt="Hej <|endoftext|><|startoftranscript|> du", hotwords="  "))
    assert "".join(vocabulary.text(context.before(None)).split()) == "Hejdu"
    assert all(token < vocabulary.end for token in context.before(None))


def test_a_prompt_that_is_too_long_is_refused_with_how_much_of_it_fits(engine: Engine) -> None:
    with pytest.raises(
        UsageError, match=r"take \d+ tokens together, and 223 fit: shorten them to about \d+ %"
    ):
        Context(engine.vocabulary, Options(prompt=" ".join(SENTENCES)))


@needs("speech")
def test_names_that_are_told_are_spelt_as_told(engine: Engine, tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", speak("Vi träffade Lisbet och Kristofer i Älmhult."))
    assert "Christoffer" not in hear(engine, sound, Options()).transcript.text
    told = hear(engine, sound, Options(hotwords="Lisbeth, Christoffer")).transcript.text
    assert "Christoffer" in told


@needs("speech")
def test_each_window_follows_the_text_before_it_in_its_own_channel(engine: Engine, tmp_path: Path) -> None:
    left = np.concatenate([speak(SENTENCES[4]), PAUSE, speak(SENTENCES[6]), PAUSE])
    right = np.concatenate([PAUSE[: 8 * 16_000], speak(SENTENCES[8]), PAUSE, PAUSE])[: left.size]
    both = np.stack([left, np.pad(right, (0, left.size - right.size))])
    path = write_wav(tmp_path / "call.wav", both)
    transcription = hear(engine, path, Options(previous_text=True, beam=1), split_channels=True)
    words = engine.vocabulary.text
    for channel in (1, 2):
        of_channel = [s.text for s in transcription.transcript.segments if s.channel == channel]
        assert words(transcription.context.before(channel)).split() == " ".join(of_channel).split()
    assert transcription.windows == 3
