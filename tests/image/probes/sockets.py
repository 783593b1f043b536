"""Who listens where."""

from __future__ import annotations

import json
import re
import subprocess


def main() -> None:
    listed = subprocess.run(["ss", "-Htulpn"], check=True, capture_output=True, text=True).stdout
    rows = []
    for line in listed.splitlines():
        protocol, _, _, _, local, *rest = line.split()
        address, _, port = local.rpartition(":")
        program = re.search(r'\(\("([^"]+)"', rest[-1] if rest else "")
        bare = address.partition("%")[0].strip("[]")
        rows.append(
            {
                "protocol": protocol,
                "address": bare,
                "port": int(port),
                "program": program[1] if program else "",
                "loopback": bare.startswith("127.") or bare == "::1",
            }
        )
    print(json.dumps(rows))


main()
