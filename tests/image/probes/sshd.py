"""What holds for those who come by SSH: the settings in effect, by as whom and from where one comes."""

from __future__ import annotations

import json
import subprocess
import sys


def effective(who: str) -> dict[str, list[str]]:
    """Every setting and what is said of it; a setting may be there several times."""
    shown = subprocess.run(["sshd", "-T", "-C", who], check=True, capture_output=True, text=True).stdout
    found: dict[str, list[str]] = {}
    for line in shown.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def main() -> None:
    print(json.dumps({who: effective(who) for who in sys.argv[1:]}))


main()
