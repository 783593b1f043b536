"""Packages of Debian and Ubuntu that tests need: installed when we are root there, and the person is told.

The machine's own package sources stay as they are. Components that they leave out (contrib and non-free hold
the Swedish voices) come from the same archives through a sources list that lives only as long as the installation.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMPONENTS = {
    "debian": ("main", "contrib", "non-free"),
    "ubuntu": ("main", "restricted", "universe", "multiverse"),
}
SPEECH = ("espeak-ng", "mbrola", "mbrola-sw1", "mbrola-sw2")
MACHINES = (
    "debootstrap",
    "systemd-container",
    "iptables",
    "iproute2",
    "openssh-client",
    "util-linux",
    "packer",
)


class PackagesMissing(Exception):
    """Packages that are not installed and were not installed here; the message says why."""


@functools.cache
def distribution() -> str | None:
    """Return debian or ubuntu, also for their descendants, and None elsewhere."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    if shutil.which("apt-get") is None:
        return None
    return next((name for name in ("ubuntu", "debian") if name in names), None)


def may_install() -> bool:
    """Say whether packages can be installed here: root on Debian or Ubuntu."""
    return distribution() is not None and os.geteuid() == 0


def missing(*packages: str) -> tuple[str, ...]:
    """Return those of the packages that are not installed; all of them where dpkg does not exist."""
    if shutil.which("dpkg-query") is None:
        return packages
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Abbrev}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in query.stdout.splitlines() if line.split()[1:] == ["ii"]}
    return tuple(package for package in packages if package not in installed)


@functools.cache
def install(*packages: str) -> None:
    """Install what is missing of the packages; raise PackagesMissing, with the reason, where that cannot be."""
    wanted = missing(*packages)
    if not wanted:
        return
    names = " ".join(wanted)
    if distribution() is None:
        raise PackagesMissing(f"{names}: not Debian or Ubuntu")
    if os.geteuid() != 0:
        raise PackagesMissing(f"{names}: not installed, and only root may install packages")
    print(f"Installing Debian packages for the tests: {names}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="tests-apt-") as folder:
        options = _separate_sources(Path(folder))
        _apt("update", *options, for_packages=names)
        _apt("install", "--yes", "--no-install-recommends", *options, *wanted, for_packages=names)


def _separate_sources(folder: Path) -> list[str]:
    """Write sources with every component into the folder; return apt's options to use them and no others."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in sources()))
    folder.chmod(0o755)  # apt downloads as its own user
    return [
        f"-oDir::Etc::sourcelist={folder / 'sources.list'}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={folder / 'lists'}",
        f"-oDir::Cache::pkgcache={folder / 'pkgcache.bin'}",
        f"-oDir::Cache::srcpkgcache={folder / 'srcpkgcache.bin'}",
        "-oDPkg::Lock::Timeout=300",
        "-oAcquire::Retries=3",
    ]


def sources() -> list[str]:
    """Return one-line apt sources: the archives this machine already uses for its own release, with every component."""
    name = distribution()
    if name is None:
        return []
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    keyring = Path(f"/usr/share/keyrings/{name}-archive-keyring.gpg")
    option = f"[signed-by={keyring}] " if keyring.exists() else ""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    targets = subprocess.run(  # without release info: a machine that was never updated has none
        ["apt-get", "indextargets", "--no-release-info", "--format", form, "Identifier: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    releases = (codename, "stable", "testing", "unstable", "sid")
    found = {}  # in the order apt lists them
    for line in targets.stdout.splitlines():
        uri, suite, component = line.split()
        if component == "main" and suite.split("-")[0] in releases and not uri.startswith("cdrom:"):
            found[uri, suite] = f"deb {option}{uri} {suite} {' '.join(COMPONENTS[name])}"
    return list(found.values())


def _apt(*arguments: str, for_packages: str) -> None:
    try:
        run = subprocess.run(
            ["apt-get", "-q", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise PackagesMissing(f"{for_packages}: apt-get {arguments[0]} took too long") from error
    if run.returncode != 0:
        errors = [line for line in run.stdout.splitlines() if line.startswith("E:")]
        raise PackagesMissing(f"{for_packages}: apt-get {arguments[0]} failed: {' '.join(errors)}")
