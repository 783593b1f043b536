"""Which Python the product has, where it looks for packages, and which it finds.

Run by the system's Python, which asks the product's own only for what that alone knows.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

VENV = Path("/opt/transcribe/venv")
ASK = """
import json, os, site, sys
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "path": sys.path, "user_site": site.ENABLE_USER_SITE,
                  "real": os.path.realpath(sys.executable)}))
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def editable(site: Path) -> list[str]:
    """Packages that were installed from a folder or a repository; our own wheel comes from a file."""
    wrong = []
    for origin in site.glob("*.dist-info/direct_url.json"):
        told = json.loads(origin.read_text())
        if "dir_info" in told or "vcs_info" in told:
            wrong.append(origin.parent.name)
    return wrong + [path.name for path in site.glob("__editable__*")]


def main() -> None:
    python = str(VENV / "bin/python")
    told = json.loads(subprocess.run([python, "-c", ASK], check=True, capture_output=True, text=True).stdout)
    (site,) = VENV.glob("lib/python3.*/site-packages")
    names: dict[str, str] = {}
    for metadata in site.glob("*.dist-info/METADATA"):
        head = metadata.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line and line[0] != " ")
        names[canonical(fields["Name"])] = fields["Version"]
    print(json.dumps({"python": told, "distributions": names, "editable": editable(site)}))


main()
