from __future__ import annotations

from runner.quoting import quoted


def test_what_was_said_is_one_line_and_cut_with_an_ellipsis() -> None:
    assert quoted("  it\n\tfailed \n") == "it failed"
    assert quoted("x" * 300) == "x" * 300
    assert quoted("x" * 301) == "x" * 300 + "…"
    assert quoted("a b c", 3) == "a b…"
