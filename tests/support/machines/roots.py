"""What machines boot from: folders that are only ever read, laid over one another by overlayfs.

The base is a Debian 12 made once by debootstrap and kept under a digest of everything that made it. What a machine
became is one more layer over what it booted from, so a baked machine serves any number of others without a copy.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian
from tests.support.machines.places import BENCH, ROOTS, USER, locked

SUITE = "bookworm"
ARCHIVE = "http://deb.debian.org/debian"
PACKAGES = (
    "systemd systemd-sysv dbus openssh-server python3 python3-apt sudo iproute2 ca-certificates kmod procps"
)
AUTHORITIES = Path("/usr/local/share/ca-certificates")  # networks that inspect TLS exist
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
UV_CACHE = "/run/uv"  # where machines see the bench's own cache of Python packages; /run is no part of a root


@dataclass(frozen=True)
class Root:
    """Folders to lay over one another, uppermost first."""

    layers: tuple[Path, ...]


def base() -> Root:
    """Debian 12 with systemd, SSH, Python and a user with passwordless sudo; made at first use, a minute or two."""
    target = ROOTS / f"{SUITE}-{_digest()}"
    if not target.exists():
        with locked("roots.lock"):
            if not target.exists():
                debian.install(*debian.MACHINES)
                _make(target)
    return Root((target,))


def uv_cache() -> Path:
    """The bench's own cache of Python packages: a machine that installs 5 GB of them fetches them once."""
    folder = BENCH / "uv"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest() -> str:
    recipe = [SUITE, ARCHIVE, PACKAGES, inspect.getsource(_furnish), *_sources()]
    parts = ["\n".join(recipe).encode()]
    parts += [file.read_bytes() for file in sorted(AUTHORITIES.glob("*.crt"))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _make(target: Path) -> None:
    """Make the root beside its place and move it there whole, so that a root is never half a root."""
    ROOTS.mkdir(parents=True, exist_ok=True)
    for unfinished in ROOTS.glob(".making-*"):
        shutil.rmtree(unfinished)
    making = ROOTS / f".making-{uuid.uuid4().hex[:8]}"
    print(f"Making a Debian {SUITE} for the tests' machines, a minute or two", flush=True)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES.replace(' ', ',')}",
        SUITE,
        str(making),
        ARCHIVE,
    ]
    log = ROOTS / "debootstrap.log"
    with log.open("w") as file:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=900
        )
    if done.returncode != 0:
        raise RuntimeError(f"debootstrap failed: {log.read_text()[-2000:]}")
    _furnish(making)
    making.rename(target)
    _forget_older(target)


def _forget_older(newest: Path) -> None:
    """Remove bases that nothing is laid over any more."""
    used = {layer for spec in BENCH.glob("*/*/spec.json") for layer in json.loads(spec.read_text())["layers"]}
    for older in ROOTS.glob(f"{SUITE}-*"):
        if older != newest and str(older) not in used:
            shutil.rmtree(older, ignore_errors=True)


def _furnish(root: Path) -> None:
    """What Canonical's image has that Debian's smallest lacks, and nothing of who it will be."""
    for file in AUTHORITIES.glob("*.crt"):
        shutil.copy(file, root / AUTHORITIES.relative_to("/") / file.name)
    _inside(root, "update-ca-certificates")
    _inside(root, "useradd", "--create-home", "--shell=/bin/bash", "--groups=sudo", USER)
    _write(root / f"etc/sudoers.d/90-{USER}", f"{USER} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    _inside(root, "systemctl", "enable", "systemd-networkd")
    _write(root / "etc/resolv.conf", resolvers())
    _write(root / "etc/apt/sources.list", "".join(f"{line}\n" for line in _sources()))
    _write(root / "etc/pip.conf", f"[global]\ncert = {BUNDLE}\n")
    _write(root / "etc/uv/uv.toml", f'native-tls = true\ncache-dir = "{UV_CACHE}"\nlink-mode = "copy"\n')
    _write(root / "etc/dpkg/dpkg.cfg.d/bench", "force-unsafe-io\n")  # nobody mourns a machine of a test
    _inside(root, "apt-get", "-q", "update")
    _inside(root, "apt-get", "-q", "--yes", "upgrade")
    _inside(root, "apt-get", "clean")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists").mkdir()
    os.utime(root / "var/lib/apt/lists", (0, 0))  # never updated, and known to be


def _sources() -> list[str]:
    """Where the machine's apt looks: where this computer's does if it is the same Debian."""
    ours = debian.sources() if debian.distribution() == "debian" else []
    if any(f" {SUITE} " in line for line in ours):
        return ours
    parts = " ".join(debian.COMPONENTS["debian"])
    return [
        f"deb {ARCHIVE} {SUITE} {parts}",
        f"deb {ARCHIVE} {SUITE}-updates {parts}",
        f"deb {ARCHIVE}-security {SUITE}-security {parts}",
    ]


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _inside(root: Path, *command: str) -> None:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    done = subprocess.run(
        ["chroot", str(root), *command], env=environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def resolvers() -> str:
    """A resolv.conf that also works outside this computer: systemd-resolved's own list, not its stub."""
    real = Path("/run/systemd/resolve/resolv.conf")
    return (real if real.exists() else Path(os.path.realpath("/etc/resolv.conf"))).read_text()
