"""What the machine declares and what it runs on."""

from __future__ import annotations

import glob
import json
import shlex
import subprocess
import sys
from pathlib import Path


def read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def main() -> None:
    release = (line.partition("=") for line in (read("/etc/os-release") or "").splitlines() if "=" in line)
    virtual = subprocess.run(["systemd-detect-virt", "--container"], capture_output=True)
    devices = glob.glob("/sys/bus/pci/devices/*")
    nvidia = [
        device
        for device in devices
        if "0x10de" in (read(f"{device}/vendor") or "") and (read(f"{device}/class") or "").startswith("0x03")
    ]
    found = {
        "record": read(sys.argv[1]),
        "os": {name: " ".join(shlex.split(value)) for name, _, value in release},
        "container": virtual.returncode == 0,
        "nvidia": bool(nvidia),
        "ec2": (read("/sys/class/dmi/id/sys_vendor") or "").strip() == "Amazon EC2",
    }
    print(json.dumps(found))


main()
