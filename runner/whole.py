"""A file that is replaced whole, or left as it was."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, text: str, mode: int | None = None) -> None:
    """Put a file of this text where `path` is, whole and on the disk, or change nothing; raises OSError.

    Bytes of a file's name that were read as surrogates are written as they were. Without `mode` the file is as open
    as any new one.
    """
    draft = path.with_name(
        f".{path.name}.{secrets.token_hex(4)}"
    )  # nobody else's, and in the same file system
    try:
        with draft.open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
