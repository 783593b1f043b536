"""Transcribe the built-in clip with nothing but a loopback interface, and remove what that left."""

from __future__ import annotations

import difflib
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ENTRY = "/opt/transcribe/scripts/transcribe"
RESULTS = Path("/var/lib/transcribe/results")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def accuracy(heard: str, expected: str) -> float:
    """How many of the expected words were heard, in their order; 0 to 1."""
    wanted, got = words(expected), words(heard)
    matcher = difflib.SequenceMatcher(None, wanted, got, autojunk=False)
    return round(
        sum(block.size for block in matcher.get_matching_blocks()) / max(1, len(wanted), len(got)), 3
    )


def filed(folders: set[Path]) -> dict[str, Any]:
    """What was filed, by whom, and whether others may read it."""
    files = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    metadata = [json.loads(path.read_text()) for path in files if path.name == "metadata.json"]
    return {
        "metadata": metadata[0] if metadata else {},
        "owners": sorted({pwd.getpwuid(path.stat().st_uid).pw_name for path in files}),
        "readable_by_others": [str(path) for path in files if path.stat().st_mode & stat.S_IROTH],
    }


def main() -> None:
    clip, expected, *state = sys.argv[1:]
    if state == ["cold"]:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    before = set(RESULTS.iterdir())
    start = time.perf_counter()
    run = subprocess.run(["unshare", "--net", "--", ENTRY, "--quiet", clip], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    folders = set(RESULTS.iterdir()) - before
    told = filed(folders)
    for folder in folders:
        shutil.rmtree(folder)
    error = run.stderr.strip() if run.returncode else ""
    text = run.stdout.strip()
    print(
        json.dumps(
            {
                "error": error or ("" if run.returncode == 0 else f"{ENTRY} ended with {run.returncode}"),
                "text": text,
                "accuracy": accuracy(text, Path(expected).read_text(encoding="utf-8")),
                "seconds": round(seconds, 2),
                **told,
            }
        )
    )


main()
