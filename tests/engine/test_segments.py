from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from runner.engine.decode import Decoded
from runner.engine.segments import segments, unfinished
from runner.engine.tokens import Vocabulary
from tests.support.windows import tokens_of, window

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint

WINDOW = window(np.zeros(160_000, np.float32), start=100.0, channel=2)


@pytest.fixture(scope="module")
def vocabulary(checkpoint: Checkpoint) -> Vocabulary:
    return Vocabulary.load(checkpoint.folder)


def decoded(tokens: tuple[int, ...], no_speech: float = 0.1, sure: float = -0.3) -> Decoded:
    return Decoded(tokens, (sure,) * len(tokens), sure, no_speech, {"sv": 1.0})


def test_pairs_of_stamps_make_segments_with_times_in_the_recording(vocabulary: Vocabulary) -> None:
    tokens = tokens_of(vocabulary, 0.0, " God dag.", 2.5, 3.0, " Hej då.", 5.0)
    found = segments(WINDOW, decoded(tokens), vocabulary)
    assert [(s.start, s.end, s.text) for s in found] == [
        (100.0, 102.5, "God dag."),
        (103.0, 105.0, "Hej då."),
    ]
    assert {s.channel for s in found} == {2}


def test_words_after_the_last_stamp_last_to_the_end_of_the_window(vocabulary: Vocabulary) -> None:
    (segment,) = segments(WINDOW, decoded(tokens_of(vocabulary, 4.0, " Och så vidare")), vocabulary)
    assert (segment.start, segment.end) == (104.0, 110.0)


def test_no_time_lies_beyond_the_window_or_before_its_start(vocabulary: Vocabulary) -> None:
    (segment,) = segments(WINDOW, decoded(tokens_of(vocabulary, 9.0, " Sent", 29.0)), vocabulary)
    assert (segment.start, segment.end) == (109.0, 110.0)
    (segment,) = segments(WINDOW, decoded(tokens_of(vocabulary, 12.0, " Senare", 29.0)), vocabulary)
    assert segment.start == segment.end == 110.0


def test_stamps_without_words_make_nothing(vocabulary: Vocabulary) -> None:
    assert segments(WINDOW, decoded(tokens_of(vocabulary, 0.0, 5.0, 5.0)), vocabulary) == []
    assert segments(WINDOW, decoded(()), vocabulary) == []


def test_what_was_said_into_silence_is_not_believed_but_only_when_both_signs_agree(
    vocabulary: Vocabulary,
) -> None:
    tokens = tokens_of(vocabulary, 0.0, " Textning av någon", 2.0)
    assert segments(WINDOW, decoded(tokens, no_speech=0.9, sure=-1.5), vocabulary) == []
    assert len(segments(WINDOW, decoded(tokens, no_speech=0.9, sure=-0.3), vocabulary)) == 1
    assert len(segments(WINDOW, decoded(tokens, no_speech=0.2, sure=-1.5), vocabulary)) == 1


def test_a_letter_of_two_tokens_is_one_letter(vocabulary: Vocabulary) -> None:
    (segment,) = segments(WINDOW, decoded(tokens_of(vocabulary, 0.0, " Åäö 🙂", 2.0)), vocabulary)
    assert segment.text == "Åäö 🙂"


def test_a_segment_opened_but_not_written_is_heard_again_from_its_stamp(vocabulary: Vocabulary) -> None:
    tokens = tokens_of(vocabulary, 0.0, " God dag.", 2.5, 3.0)
    rest = unfinished(WINDOW, decoded(tokens), vocabulary)
    assert rest is not None
    assert (rest.start, rest.end, len(rest.samples), rest.channel) == (103.0, 110.0, 7 * 16_000, 2)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (0.0,),
        (0.0, " God dag."),
        (0.0, " God dag.", 2.5),
        (0.0, " God dag.", 9.7, 9.7),  # only a breath is left
        (0.0, 0.0),  # it would not move on
    ],
)
def test_a_window_that_was_written_to_its_end_is_not_heard_again(
    vocabulary: Vocabulary, parts: tuple[float | str, ...]
) -> None:
    assert unfinished(WINDOW, decoded(tokens_of(vocabulary, *parts)), vocabulary) is None
