"""Every file of the product's Python environment, held against what its packages recorded of themselves.

Run by the system's Python, so that nothing that lies there can run or lie about itself.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

VENV = Path("/opt/transcribe/venv")
DIGESTED = 3_000_000  # bytes; larger files are compared by size, else gigabytes would be read
OWN = {
    "pyvenv.cfg",
    ".gitignore",
    ".lock",
    "CACHEDIR.TAG",
    "installed.json",
}  # what makes an environment, and our note
PROGRAMS = re.compile(r"(python[\d.]*|[Aa]ctivate.*|deactivate.*|pydoc.bat)")


def rows(record: Path) -> list[tuple[Path, str, str]]:
    site = record.parent.parent
    with record.open(newline="", encoding="utf-8") as file:
        return [((site / row[0]), row[1], row[2]) for row in csv.reader(file) if row]


def compare(path: Path, digest: str, size: str) -> str:
    """What is wrong with a file, or nothing."""
    try:
        found = path.stat().st_size
    except OSError:
        return "missing"
    if size and int(size) != found:
        return "changed"
    if digest and found <= DIGESTED:
        name, _, wanted = digest.partition("=")
        sum_ = base64.urlsafe_b64encode(hashlib.new(name, path.read_bytes()).digest()).rstrip(b"=").decode()
        return "" if sum_ == wanted else "changed"
    return ""


def lexical(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return str(Path(*parts))


def files(site: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"files": 0, "missing": [], "changed": [], "strangers": []}
    known: set[str] = set()
    for record in sorted(site.glob("*.dist-info/RECORD")):
        for path, digest, size in rows(record):
            known.add(lexical(path))
            if path.suffix == ".pyc":
                continue
            found["files"] += 1
            if wrong := compare(path, digest, size):
                found[wrong].append(str(path))
    for path in VENV.rglob("*"):
        if path.suffix == ".pyc" or (path.is_dir() and not path.is_symlink()):
            continue
        own = (path.parent == VENV and path.name in OWN) or (
            path.parent.name == "bin" and PROGRAMS.fullmatch(path.name)
        )
        if str(path) not in known and not own and str(path) not in (f"{VENV}/lib64",):
            found["strangers"].append(str(path))
    return {name: value[:20] if isinstance(value, list) else value for name, value in found.items()}


def main() -> None:
    (site,) = VENV.glob("lib/python3.*/site-packages")
    print(json.dumps(files(site)))


main()
