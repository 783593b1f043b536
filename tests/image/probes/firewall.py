"""What the firewall in effect does with a packet that no rule names, and which ports its rules open."""

from __future__ import annotations

import json
import subprocess
from typing import Any

SILENT = ("counter", "comment", "log")  # parts of a rule that choose no packet


def accepts(rule: dict[str, Any]) -> bool:
    return any("accept" in part for part in rule["expr"])


def matches(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [part["match"] for part in rule["expr"] if "match" in part]


def ports(match: dict[str, Any]) -> list[str]:
    """The ports of the machine that a match names, as tcp/22; a range or a set is written out."""
    payload = match.get("left", {}).get("payload", {}) if isinstance(match.get("left"), dict) else {}
    if payload.get("field") != "dport" or match.get("op", "==") not in ("==", "in"):
        return []
    right = match["right"]
    members = right["set"] if isinstance(right, dict) and "set" in right else [right]
    found: list[int] = []
    for member in members:
        if isinstance(member, dict) and "range" in member:
            found += range(member["range"][0], member["range"][1] + 1)
        else:
            found.append(int(member))
    return [f"{payload.get('protocol', 'any')}/{port}" for port in found]


def main() -> None:
    listed = subprocess.run(["nft", "-n", "-j", "list", "ruleset"], capture_output=True, text=True)
    items = json.loads(listed.stdout)["nftables"] if listed.returncode == 0 else []
    chains = [item["chain"] for item in items if "chain" in item]
    rules = [item["rule"] for item in items if "rule" in item]
    found: dict[str, Any] = {"input": {}, "forward": {}, "ports": [], "everything": False}
    incoming = set()
    for chain in chains:
        if (hook := chain.get("hook")) in ("input", "forward"):
            found[hook][f"{chain['family']} {chain['table']} {chain['name']}"] = chain.get("policy", "accept")
        if chain.get("hook") == "input":
            incoming.add((chain["family"], chain["table"], chain["name"]))
    # Chains that the input chain jumps to.
    for _ in chains:
        for rule in rules:
            if (rule["family"], rule["table"], rule["chain"]) in incoming:
                for part in rule["expr"]:
                    target = (part.get("jump") or part.get("goto") or {}).get("target")
                    if target:
                        incoming.add((rule["family"], rule["table"], target))
    opened: set[str] = set()
    for rule in rules:
        if (rule["family"], rule["table"], rule["chain"]) not in incoming or not accepts(rule):
            continue
        opened |= {port for match in matches(rule) for port in ports(match)}
        if not matches(rule) and not any("vmap" in part for part in rule["expr"]):
            found["everything"] = True
    found["ports"] = sorted(opened)
    print(json.dumps(found))


main()
