"""What is installed on a machine, as JSON on standard output; run there as root by the system's own Python.

Only the standard library, and nothing of ours: the file is sent to a machine as it is (`python3 - < inventory.py`).
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import subprocess
import sys

ROOT = "/opt/transcribe"
DESCRIBED_BY = ("direct_url.json", "WHEEL")  # of a dist-info folder, beside the head of METADATA
COPYRIGHT = "/usr/share/doc/{}/copyright"
FORMAT = "${Package}\t${Version}\t${Architecture}\t${db:Status-Abbrev}\t${Installed-Size}\n"


def debian_packages() -> list[dict[str, object]]:
    """Every installed package: version, licences as its copyright file names them, and whether it is held."""
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", FORMAT], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    return [
        {
            "name": name,
            "version": version,
            "architecture": architecture,
            "held": status.startswith("h"),
            "kilobytes": int(size or 0),
            "licences": licences(name.partition(":")[0]),
        }
        for name, version, architecture, status, size in rows
        if status[1:2] == "i"
    ]


def licences(package: str) -> list[str]:
    """The short names in a machine-readable copyright file; none where the file is free text or left out."""
    try:
        with open(COPYRIGHT.format(package), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []
    return sorted(set(re.findall(r"^License:[ \t]*(\S[^\n]*?)\s*$", text, re.MULTILINE)))


def python_packages() -> list[dict[str, object]]:
    """Every distribution of the machine's venv: the head of its METADATA, where it came from and for which platform."""
    found = []
    for folder in sorted(glob.glob(f"{ROOT}/venv/lib/python3*/site-packages/*.dist-info")):
        head = read(os.path.join(folder, "METADATA")).replace("\r\n", "\n").partition("\n\n")[0]
        fields = dict(re.findall(r"^(Name|Version): *(.+)$", head, re.MULTILINE))
        if fields.keys() == {"Name", "Version"}:
            files = {"METADATA": head + "\n"}
            files.update({name: text for name in DESCRIBED_BY if (text := read(os.path.join(folder, name)))})
            found.append({"name": fields["Name"], "version": fields["Version"], "files": files})
    return found


def read(path: str) -> str:
    """A file's text; empty where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def main() -> None:
    """Print the inventory."""
    release = dict(re.findall(r'^(\w+)="?(.*?)"?$', read("/etc/os-release"), re.MULTILINE))
    disk = os.statvfs("/")
    inventory = {
        "schema": 1,
        "platform": {"id": release.get("ID", ""), "version": release.get("VERSION_ID", "")},
        "kernel": platform.release(),
        "disk": {"bytes": disk.f_blocks * disk.f_frsize, "free": disk.f_bavail * disk.f_frsize},
        "setup_complete": json.loads(read(f"{ROOT}/.setup_complete") or "null"),
        "debian": debian_packages(),
        "python": python_packages(),
    }
    sys.stdout.write(json.dumps(inventory) + "\n")


if __name__ == "__main__":
    main()
