from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from runner.engine.attempts import TEMPERATURES, Attempts, cut, is_silence
from runner.engine.decode import Decoded
from runner.engine.tokens import Vocabulary

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


@pytest.fixture(scope="module")
def vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    return Vocabulary.load(checkpoint.folder)


def text(
    vocabulary: Vocabulary,
    words: str,
    *,
    sure: float = -0.3,
    no_speech: float = 0.1,
    loop: int | None = None,
    temperature: float = 0.0,
) -> Decoded:
    tokens = tuple(vocabulary.tokenizer.encode(words, add_special_tokens=False).ids)
    return Decoded(tokens, (sure,) * len(tokens), sure, no_speech, {"sv": 1.0}, temperature, loop)


def test_a_good_text_is_taken_at_once(vocabulary: Vocabulary) -> None:
    attempts = Attempts()
    good = text(vocabulary, " Tåget går klockan nio.")
    assert attempts.temperature == 0.0
    assert attempts.accept(good, vocabulary)
    assert attempts.best is good


@pytest.mark.parametrize("fault", ["unsure", "loop", "repetition"])
def test_a_doubtful_text_is_drawn_again_with_more_chance_until_one_is_good(
    vocabulary: Vocabulary, fault: str
) -> None:
    attempts = Attempts()
    temperatures = []
    for _ in range(3):
        temperatures.append(attempts.temperature)
        doubtful = {
            "unsure": text(vocabulary, " Tåget går klockan nio.", sure=-1.1),
            "loop": text(vocabulary, " Tåget går.", loop=2),
            "repetition": text(vocabulary, " ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja, ja"),
        }[fault]
        assert not attempts.accept(doubtful, vocabulary)
    good = text(vocabulary, " Tåget går klockan nio.", sure=-0.99)
    assert attempts.accept(good, vocabulary)
    assert attempts.best is good
    assert temperatures == [0.0, 0.2, 0.4]


def test_silence_needs_no_second_try_but_both_signs_of_it(vocabulary: Vocabulary) -> None:
    words = " Textning av någon"
    assert Attempts().accept(text(vocabulary, words, sure=-1.1, no_speech=0.7), vocabulary)
    assert not Attempts().accept(text(vocabulary, words, sure=-1.1, no_speech=0.2), vocabulary)


def test_a_loop_is_as_sure_as_what_stays_of_it(vocabulary: Vocabulary) -> None:
    """On silence the model is unsure of its first words, and ever surer of them as it repeats them."""
    looped = text(vocabulary, " Det här är en av", sure=-0.3, no_speech=0.9, loop=3)
    unsure, sure = ((first,) * 3 + (-0.1,) * len(looped.tokens[3:]) for first in (-1.8, -0.6))
    assert Attempts().accept(replace(looped, log_probabilities=unsure), vocabulary)
    assert not Attempts().accept(replace(looped, log_probabilities=sure), vocabulary)


def test_what_was_drawn_by_chance_tells_nothing_of_silence(vocabulary: Vocabulary) -> None:
    """Said again and again, a word looks like silence to the model, and no draw of it is sure."""
    attempts = Attempts()
    said = text(vocabulary, " Ja, ja", sure=-0.8, no_speech=0.7, loop=2)
    assert not attempts.accept(said, vocabulary)
    answers = [
        attempts.accept(text(vocabulary, " I….", sure=-2.5, no_speech=0.7), vocabulary)
        for _ in TEMPERATURES[1:]
    ]
    assert answers == [False] * 4 + [True]
    assert vocabulary.text(attempts.best.tokens) == " Ja,"
    assert not is_silence(attempts.best)


def test_no_word_is_cut_in_two_with_its_loop(vocabulary: Vocabulary) -> None:
    """The loop begins with the second letter, since the first is a capital only once."""
    words = [" S", "jö", ",", " s", "jö", ",", " s", "jö", ","]
    tokens = tuple(
        token for word in words for token in vocabulary.tokenizer.encode(word, add_special_tokens=False).ids
    )
    looped = replace(text(vocabulary, " Sjö"), tokens=tokens, log_probabilities=(-0.1,) * len(tokens))
    starts = [place for place in range(1, len(tokens)) if vocabulary.text(tokens[:place]) == " Sjö, s"]
    assert vocabulary.text(cut(replace(looped, loop=starts[0]), vocabulary).tokens) == " Sjö,"
    endless = replace(text(vocabulary, " Uuuuuuuuuuuu"), loop=1)
    assert (
        cut(endless, vocabulary).tokens == endless.tokens[:1]
    )  # one word that never ends is cut where it can be


def test_of_bad_texts_the_surest_is_kept_and_one_without_a_loop_before_one_with(
    vocabulary: Vocabulary,
) -> None:
    attempts = Attempts()
    bad = [
        text(vocabulary, " ett", sure=-1.2, loop=1),
        text(vocabulary, " två", sure=-1.6),
        text(vocabulary, " tre", sure=-1.4),
        text(vocabulary, " fyra", sure=-1.9),
        text(vocabulary, " fem", sure=-1.1, loop=1),
        text(vocabulary, " sex", sure=-1.5),
    ]
    answers = [attempts.accept(one, vocabulary) for one in bad]
    assert answers == [False] * 5 + [True]
    assert len(bad) == len(TEMPERATURES)
    assert attempts.best is bad[2]
