"""A question at a terminal: y and yes agree, and nothing else does."""

from __future__ import annotations

import io

import pytest

from runner.screen.question import ask, can_ask


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [("y\n", True), (" YES\n", True), ("n\n", False), ("yesterday\n", False), ("", False)],
)
def test_only_y_and_yes_agree(
    answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    assert ask("Go on?") is agreed
    assert capsys.readouterr() == ("", "Go on? [y/N] ")


def test_a_closed_or_redirected_input_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert not can_ask()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert not can_ask()
