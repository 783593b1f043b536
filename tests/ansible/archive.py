"""Debian packages and archives made by the test: named, versioned and depending like the real, and almost empty."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A package: control fields, files by path, and a script that runs once it is installed."""

    name: str
    version: str
    depends: str = ""
    provides: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    postinst: str = ""
    architecture: str = "amd64"

    @property
    def file_name(self) -> str:
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def build(package: Package, folder: Path) -> Path:
    """Build the .deb with dpkg-deb."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "root"
        control = root / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        fields = {
            "Package": package.name,
            "Version": package.version,
            "Architecture": package.architecture,
            "Maintainer": "Test <test@example.com>",
            "Depends": package.depends,
            "Provides": package.provides,
            "Description": "made by a test",
        }
        control.write_text("".join(f"{name}: {value}\n" for name, value in fields.items() if value))
        for texts, mode in ((package.files, 0o644), (package.programs, 0o755)):
            for path, text in texts.items():
                file = root / path.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
                file.chmod(mode)
        if package.postinst:
            script = root / "DEBIAN" / "postinst"
            script.write_text(f"#!/bin/sh\nset -e\n{package.postinst}\n")
            script.chmod(0o755)
        deb = folder / package.file_name
        command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(root), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        return deb


def archive(folder: Path, packages: Iterable[Package], *, origin: str, label: str, codename: str) -> None:
    """Lay a flat archive: packages, their index, and a Release file that says whose it is."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for package in packages:
        deb = build(package, folder)
        control = subprocess.run(
            ["dpkg-deb", "--field", str(deb)], check=True, capture_output=True, text=True
        ).stdout
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        size = deb.stat().st_size
        entries.append(f"{control.strip()}\nFilename: ./{deb.name}\nSize: {size}\nSHA256: {digest}\n")
    index = "\n".join(entries).encode()
    (folder / "Packages").write_bytes(index)
    (folder / "Release").write_text(
        f"Origin: {origin}\nLabel: {label}\nSuite: {codename}\nCodename: {codename}\n"
        "Date: Sun, 01 Nov 2026 00:00:00 UTC\nArchitectures: amd64 all\n"
        f"SHA256:\n {hashlib.sha256(index).hexdigest()} {len(index)} Packages\n"
    )
