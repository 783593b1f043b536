"""Words wrong, left out, put in."""

from __future__ import annotations

import pytest

from tests.bench.words import as_published, errors, plain


def test_counts_what_was_put_in_left_out_and_taken_for_another() -> None:
    found = errors("Katten sover i den stora solen.", "katten sov i stora solen nu")
    assert (found.words, found.substitutions, found.deletions, found.insertions) == (6, 1, 1, 1)
    assert found.rate == pytest.approx(0.5)
    assert found.hallucinated == 0


def test_a_run_of_words_that_nobody_said_is_hallucinated() -> None:
    found = errors("hej på dig", "hej på dig tack för att ni tittade")
    assert (found.insertions, found.hallucinated) == (5, 5)


def test_any_word_in_silence_is_hallucinated() -> None:
    found = errors("", "Tack.")
    assert (found.words, found.insertions, found.hallucinated, found.rate) == (0, 1, 1, 1.0)
    assert errors("", "").count == 0


def test_case_and_punctuation_are_no_errors() -> None:
    assert plain("Vi åkte, till Malmö -- i går!") == "vi åkte till malmö i går"
    assert errors("Vi åkte till Malmö.", "vi åkte till malmö").count == 0


def test_published_rates_spell_numbers_out_and_close_hyphens() -> None:
    assert as_published("Tåg 25 går från e-torget.") == "tåg tjugofem går från etorget"


def test_characters_are_counted_too() -> None:
    found = errors("abcd efgh", "abcd efgx")
    assert (found.characters, found.character_errors) == (9, 1)


def test_errors_add_up() -> None:
    both = errors("a b", "a") + errors("c", "c d")
    assert (both.words, both.deletions, both.insertions) == (3, 1, 1)
    assert both.rate == pytest.approx(2 / 3)
