"""A question that a person answers with y or n."""

from __future__ import annotations

import sys

from runner.screen.console import StandardError


def can_ask() -> bool:
    """Whether somebody sits there who can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str) -> bool:
    """Ask on standard error; anything but y or yes is a no."""
    error = StandardError()
    error.write(f"{question} [y/N] ")
    error.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
