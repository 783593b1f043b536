"""The built-in clip: how what was heard is held against what is said."""

from __future__ import annotations

import pytest

from runner.machine.clip import SAID, SOUND, accuracy, words
from tests.support.checkout import ROOT


def test_the_clip_is_the_projects_own_sample_and_its_words_are_those_of_the_sample() -> None:
    assert SOUND.read_bytes() == (ROOT / "samples" / "vardag.mp3").read_bytes()
    assert SAID.read_text().strip() in (ROOT / "samples" / "README.md").read_text()


@pytest.mark.parametrize(
    ("heard", "share"),
    [
        ("Vi åker till fjällen varje vinter.", 1.0),
        ("vi åker, till FJÄLLEN varje vinter", 1.0),
        ("vi åker till fjällen varje dag", 5 / 6),
        ("vi åker till fjällen varje vinter vinter", 6 / 7),
        ("åker vi", 1 / 6),
        ("", 0.0),
    ],
)
def test_accuracy_counts_words_in_their_order(heard: str, share: float) -> None:
    assert accuracy(heard, "Vi åker till fjällen varje vinter.") == pytest.approx(share)


def test_words_are_without_case_and_punctuation() -> None:
    assert words("Hej, Åsa! 3,5 km?") == ["hej", "åsa", "3", "5", "km"]
