from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runner.engine.attempts import TEMPERATURES, Attempts
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


def test_of_bad_texts_the_surest_is_kept_and_one_without_a_loop_before_one_with(
    vocabulary: Vocabulary,
) -> None:
    attempts = Attempts()
    bad = [
        text(vocabulary, " ett", sure=-1.2, loop=1),
        text(vocabulary, " två", sure=-1.6),
        text(vocabulary, " tre", sure=-1.4),
        text(vocabulary, " fyra", sure=-1.9),
        text(vocabulary, " fem", sure=-0.2, loop=1),
        text(vocabulary, " sex", sure=-1.5),
    ]
    answers = [attempts.accept(one, vocabulary) for one in bad]
    assert answers == [False] * 5 + [True]
    assert len(bad) == len(TEMPERATURES)
    assert attempts.best is bad[2]
