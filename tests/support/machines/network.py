"""One bridge for all machines, with a way out: addresses from the range that RFC 2544 keeps for test benches.

The bridge and its rules appear with the first machine and go with the last; call both functions while `locked`.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

from tests.support.machines.places import BENCH

BRIDGE = "gpu-bench"
NETWORK = "198.18.77"
GATEWAY = f"{NETWORK}.1"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")

_MARK = ("-m", "comment", "--comment", BRIDGE)
_RULES = (
    ("nat", "POSTROUTING", "-s", f"{NETWORK}.0/24", "!", "-d", f"{NETWORK}.0/24", *_MARK, "-j", "MASQUERADE"),
    ("filter", "FORWARD", "-i", BRIDGE, *_MARK, "-j", "ACCEPT"),
    ("filter", "FORWARD", "-o", BRIDGE, *_MARK, "-j", "ACCEPT"),
)


def address(number: int) -> str:
    """The address of the machine with this number, which is 2 to 254."""
    return f"{NETWORK}.{number}"


def bring_up() -> None:
    """Make the bridge and its rules, unless they are there."""
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("address", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for table, chain, *rule in _RULES:
        if _iptables(table, "-C", chain, *rule) != 0:
            assert _iptables(table, "-I", chain, *rule) == 0, rule
    if (before := FORWARDING.read_text().strip()) != "1":
        (BENCH / "forwarding").write_text(json.dumps(before))
        FORWARDING.write_text("1")


def take_down() -> None:
    """Remove the bridge and its rules, and forward packets only if that was so before."""
    for table, chain, *rule in _RULES:
        while _iptables(table, "-D", chain, *rule) == 0:
            pass
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        _ip("link", "delete", BRIDGE)
    with contextlib.suppress(FileNotFoundError):
        FORWARDING.write_text(json.loads((BENCH / "forwarding").read_text()))
        (BENCH / "forwarding").unlink()


def packet_size() -> int:
    """The largest packet that the way out takes, in bytes; machines must not send larger ones."""
    route = subprocess.run(
        ["ip", "-json", "route", "show", "default"], capture_output=True, check=True, text=True, timeout=60
    )
    sizes = [
        int(Path(f"/sys/class/net/{found['dev']}/mtu").read_text())
        for found in json.loads(route.stdout or "[]")
    ]
    return min([1500, *sizes])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=60)


def _iptables(table: str, *words: str) -> int:
    command = ["iptables", "--wait", "--table", table, *words]
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=60).returncode
