"""Where words and files go."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner.errors import OutputNotWritable


def tell(words: str) -> None:
    """Say what is going on, on standard error: the report alone goes to standard output."""
    print(f"bench: {words}", file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """Write a file; raises OutputNotWritable."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputNotWritable(f"{path} cannot be written ({error.strerror})", path=path) from error


def write_json(path: Path, value: object) -> None:
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
