"""What the list of ranges to read at the start names, and what of it is here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    found: dict[str, Any] = {
        "first": "", "files": 0, "bytes": 0, "covered": {}, "malformed": [], "absent": [], "beyond": [],
    }  # fmt: skip
    covered: dict[str, int] = {}
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t", 2)
        if (
            len(fields) != 3
            or not fields[0].isdigit()
            or not fields[1].isdigit()
            or not fields[2].startswith("/")
        ):
            found["malformed"].append(line)
            continue
        offset, length, path = int(fields[0]), int(fields[1]), fields[2]
        found["first"] = found["first"] or path
        if not Path(path).is_file():
            found["absent"].append(path)
        elif offset + length > Path(path).stat().st_size + 4096:  # whole pages are read
            found["beyond"].append(line)
        covered[path] = covered.get(path, 0) + length
    found |= {"files": len(covered), "bytes": sum(covered.values()), "covered": covered}
    print(json.dumps(found))


main()
