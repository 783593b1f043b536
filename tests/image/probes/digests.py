"""The SHA-256 of every file in a folder, by name."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def main() -> None:
    top = Path(sys.argv[1])
    print(
        json.dumps(
            {str(path.relative_to(top)): digest(path) for path in sorted(top.rglob("*")) if path.is_file()}
        )
    )


main()
