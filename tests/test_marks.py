from __future__ import annotations

import json

import pytest

from runner.formats import render
from runner.marks import mark_unsure
from runner.subtitles import LINE, cues
from runner.transcript import Model, Segment, Transcript, Word

SURE, UNSURE = 0.9, 0.3


def segment(*words: tuple[str, float], channel: int | None = None) -> Segment:
    """Words of half a second each."""
    timed = tuple(Word(n / 2, (n + 1) / 2, text, sure) for n, (text, sure) in enumerate(words))
    text = "".join(text for text, _ in words)
    return Segment(0.0, len(words) / 2, text, channel=channel, words=timed)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([("Jag", SURE), (" bor", SURE)], "Jag bor"),
        ([("Jag", SURE), (" bor", UNSURE), (" här.", SURE)], "Jag [bor?] här."),
        ([("I", SURE), (" Upp", UNSURE), (" sala,", UNSURE), (" ja.", SURE)], "I [Upp sala?], ja."),
        ([('"Nej",', UNSURE), (" sade", SURE), (" hon?", UNSURE)], '"[Nej?]", sade [hon?]?'),
        ([("E-post", UNSURE)], "[E-post?]"),
        ([("♪", UNSURE)], "[♪?]"),
        ([("Ja", 0.5)], "Ja"),  # not below it
    ],
)
def test_each_run_of_unsure_words_is_in_one_bracket(words: list[tuple[str, float]], text: str) -> None:
    marked = mark_unsure(segment(*words), 0.5)
    assert marked.text == text
    assert "".join(word.text for word in marked.words) == text  # so that subtitles keep the words' times
    assert [(word.start, word.end) for word in marked.words] == [
        (word.start, word.end) for word in segment(*words).words
    ]


def test_a_segment_without_words_is_left_as_it_is() -> None:
    plain = Segment(0.0, 1.0, "Hej då")
    assert mark_unsure(plain, 1.0) == plain


def test_marks_are_in_what_people_read_and_not_in_what_programs_read() -> None:
    spoken = Transcript(
        (segment(("Hallå", UNSURE), (" där.", SURE), channel=1),), "sv", 1.0, Model("a/b", "c", "hub")
    )
    for name in ("txt", "srt", "vtt"):
        assert "[Hallå?] där." in render(spoken, name, unsure_below=0.5)
        assert "[" not in render(spoken, name)
    assert "[Hallå?] där." in render(spoken, "txt", timestamps=True, unsure_below=0.5)
    assert "[" not in render(spoken, "tsv", unsure_below=0.5)
    read = json.loads(render(spoken, "json", unsure_below=0.5))
    assert read["text"] == read["segments"][0]["text"] == "Hallå där."
    assert [word["confidence"] for word in read["segments"][0]["words"]] == [UNSURE, SURE]


def test_marks_fit_the_lines_of_subtitles() -> None:
    words = [(f" ord{'a' * (n % 9)}", UNSURE if n % 2 else SURE) for n in range(60)]
    words[0] = ("Ord", SURE)
    for cue in cues([mark_unsure(segment(*words), 0.5)]):
        assert len(cue.lines) <= 2
        assert all(len(line) <= LINE for line in cue.lines)
