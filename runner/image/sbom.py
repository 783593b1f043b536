"""A bill of materials of the machine's Python packages: made by cyclonedx-py, hashes joined from the lock."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from runner.errors import CannotStart
from runner.quoting import quoted

SCHEMA = "1.6"
LONGEST = 60  # characters of a licence's name; some packages put the whole text there


def make_sbom(
    packages: Sequence[Mapping[str, Any]], lock: Path | None, wheel: Mapping[str, str]
) -> dict[str, Any]:
    """The bill of an inventory's Python packages.

    `lock` is the file that the venv was installed from; `wheel` has our own wheels' digests by package. The lock names
    every file of a release that it would accept, so each of its hashes stands at the package's distribution.
    """
    with tempfile.TemporaryDirectory(prefix="gpu-transcriber-sbom-") as folder:
        site = Path(folder) / "site-packages"
        for package in packages:
            place = (
                site
                / f"{canonicalize_name(package['name']).replace('-', '_')}-{package['version']}.dist-info"
            )
            place.mkdir(parents=True)
            for name, text in package["files"].items():
                (place / name).write_text(text, encoding="utf-8")
        site.mkdir(exist_ok=True)
        bill = _by_cyclonedx(site, Path(folder) / "python")
    named = {canonicalize_name(package["name"]): _named_licence(package["files"]) for package in packages}
    hashes = locked_hashes(lock.read_text(encoding="utf-8")) if lock is not None else {}
    for component in bill.get("components", []):
        name = canonicalize_name(component["name"])
        if "licenses" not in component and named.get(
            name
        ):  # cyclonedx-py leaves out words that are no identifier
            component["licenses"] = [{"license": {"name": named[name], "acknowledgement": "declared"}}]
        digests = [wheel[name]] if name in wheel else hashes.get((name, component["version"]), [])
        if digests:
            component.setdefault("externalReferences", []).append(_distribution(component, digests))
    return bill


def licences(component: Mapping[str, Any]) -> str:
    """A component's licences in a few words; empty where its package names none."""
    found = []
    for entry in component.get("licenses", []):
        licence = entry.get("license", {})
        text = entry.get("expression") or licence.get("id") or licence.get("name") or ""
        first = text.strip().splitlines()[0] if text.strip() else ""
        found.append(quoted(first, LONGEST))
    return ", ".join(dict.fromkeys(filter(None, found)))


def locked_hashes(lock: str) -> dict[tuple[str, str], list[str]]:
    """The SHA-256 of every file that a lock accepts, by package and version."""
    blocks = re.findall(r"^([\w.-]+)==([^\s;\\]+).*\n((?:[ \t].*\n?)*)", lock, re.MULTILINE)
    return {
        (canonicalize_name(name), version): re.findall(r"sha256:([0-9a-f]{64})", body)
        for name, version, body in blocks
    }


def _named_licence(files: Mapping[str, str]) -> str:
    """What a package calls its licence in words of its own: the first line of that field."""
    found = re.search(r"^License: *(\S.*)$", files.get("METADATA", ""), re.MULTILINE)
    return found[1].strip()[:LONGEST] if found else ""


def _distribution(component: Mapping[str, Any], digests: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "distribution",
        "url": component.get("purl", f"pkg:generic/{component['name']}@{component['version']}"),
        "comment": "the files that the lock accepts" if len(digests) > 1 else "the file that was installed",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests],
    }


def _by_cyclonedx(site: Path, interpreter: Path) -> dict[str, Any]:
    """What cyclonedx-py says of a folder of packages: it asks an interpreter for its path, and gets this one."""
    interpreter.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps([str(site)])}'\n")
    interpreter.chmod(0o755)
    options = ["--output-format", "JSON", "--output-reproducible", "--spec-version", SCHEMA, "--no-validate"]
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, str(interpreter)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = quoted(done.stderr[-500:], 500) or "it gave no reason"
    if done.returncode:
        raise CannotStart(f"cyclonedx-py made no bill of materials: {said}")
    try:
        bill: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise CannotStart(f"cyclonedx-py made no bill of materials that can be read: {said}") from error
    return bill
