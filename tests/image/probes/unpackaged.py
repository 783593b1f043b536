"""Programs and units in the system's own folders that no package brought."""

from __future__ import annotations

import glob
import json
import os
import stat
import sys
from pathlib import Path

MERGED = ("/bin/", "/sbin/", "/lib/")  # names of packages from before these moved to /usr


def brought() -> set[str]:
    """Every path that a package lists, and what those were diverted to."""
    paths: set[str] = set()
    for file in glob.glob("/var/lib/dpkg/info/*.list"):
        paths.update(Path(file).read_text(encoding="utf-8", errors="replace").splitlines())
    diversions = Path("/var/lib/dpkg/diversions")
    if diversions.is_file():
        paths.update(diversions.read_text().splitlines())
    return paths | {f"/usr{path}" for path in paths if path.startswith(MERGED)}


def main() -> None:
    known = brought()
    strangers = []
    for folder in sys.argv[1:]:
        for here, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(here, name)
                if path not in known and stat.S_ISREG(os.lstat(path).st_mode):
                    strangers.append(path)
    print(json.dumps(sorted(strangers)))


main()
