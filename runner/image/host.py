"""A machine that one already owns: found by ssh's own configuration, looked at before anything is changed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runner.errors import CannotStart, UsageError

PLATFORMS = {("ubuntu", "22.04"): "Ubuntu 22.04", ("debian", "12"): "Debian 12"}
PATIENCE = 5  # seconds; the rest of the preflight comes after it
# One connection: who we may become, what the machine is, its disk and its graphics cards (0x10de is NVIDIA).
LOOK = r"""
. /etc/os-release
echo "id=$ID"; echo "version=$VERSION_ID"; echo "kernel=$(uname -r)"; echo "machine=$(uname -m)"
sudo -n true 2>/dev/null && echo sudo=yes || echo sudo=no
echo "free=$(df --output=avail -B1 "$( [ -d /opt ] && echo /opt || echo / )" | tail -1)"
echo "gpus=$(grep -lx 0x10de /sys/bus/pci/devices/*/vendor 2>/dev/null | wc -l)"
echo "baked=$( [ -e /opt/transcribe/.setup_complete ] && echo yes || echo no )"
"""

# What is done to a machine that is taken over or ours to wipe, and to no other.
OURS = (
    "  removes    snapd and what wakes by itself, updates with it; brings packages up to date; sets clock and limits",
    "  closes     SSH to keys only; ECDSA host keys are no longer offered: who knows it by one is asked anew",
    "  closes     the network to all but SSH and ping; port 8000 too, unless security_api_sources names who may in",
    "  closes     the way through it: what Docker, libvirt or a VPN forwards is dropped (security_forwarding lets it)",
    "  sets       sysctl",
)


@dataclass(frozen=True, slots=True)
class Host:
    """Where ssh goes: `named` is what the person said, the rest what ssh makes of it."""

    named: str
    user: str
    address: str
    port: int
    key: Path | None  # None where an agent holds it
    config: Path | None = None

    def command(self, *words: str) -> list[str]:
        """An ssh command to the machine that never asks anything."""
        config = ["-F", str(self.config)] if self.config else []
        options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={PATIENCE - 1}", "-p", str(self.port)]
        return ["ssh", *config, *options, f"{self.user}@{_host_of(self.named)}", *words]


@dataclass(frozen=True, slots=True)
class Look:
    """What a machine said of itself; sizes in bytes."""

    platform: tuple[str, str]
    kernel: str
    machine: str
    sudo: bool
    free: int
    gpus: int
    baked: bool

    @property
    def distribution(self) -> str:
        """ubuntu or debian."""
        return self.platform[0]


def find_host(said: str, config: Path | None = None) -> Host:
    """What ssh makes of ssh://user@host[:port]; raises UsageError, CannotStart."""
    takes = f"--host is {said!r}, but it takes ssh://user@host or ssh://user@host:port."
    try:
        parts = urlsplit(said)
        port = parts.port
    except ValueError as error:
        raise UsageError(takes) from error
    if parts.scheme != "ssh" or not parts.hostname or parts.path not in ("", "/") or parts.password:
        raise UsageError(takes)
    if parts.hostname.startswith("-") or (parts.username or "").startswith("-"):
        raise UsageError(f"--host is {said!r}: no name begins with a dash.")
    if config is not None and not config.is_file():
        raise UsageError(f"--ssh-config is {str(config)!r}, and there is no such file.")
    asked = ["ssh", *(["-F", str(config)] if config else []), "-G"]
    asked += ["-p", str(port)] if port else []
    asked.append(f"{parts.username}@{parts.hostname}" if parts.username else parts.hostname)
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
    except OSError as error:
        raise CannotStart("There is no ssh here: install OpenSSH's client.") from error
    except subprocess.TimeoutExpired as error:
        raise CannotStart(
            f"ssh did not say in {PATIENCE} s where {said} is: see what keeps {shlex.join(asked)}, such as a "
            "Match exec in ssh's configuration."
        ) from error
    if done.returncode:
        raise CannotStart(f"ssh cannot tell where {said} is: {' '.join(done.stderr.split())}")
    return _host(said, done.stdout, config)


def look(host: Host) -> Look:
    """Look at a machine over ssh; raises CannotStart with what keeps us out."""
    try:
        done = subprocess.run(
            host.command("sh", "-s"), input=LOOK, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise CannotStart(
            f"{host.named} did not answer in {PATIENCE} s: is it up, and the port {host.port} open?"
        ) from error
    said = dict(re.findall(r"^(\w+)=(.*)$", done.stdout, re.MULTILINE))
    if done.returncode or "free" not in said:
        raise CannotStart(_kept_out(host, done.stderr))
    try:
        return Look(
            platform=(said["id"], said["version"]),
            kernel=said["kernel"],
            machine=said["machine"],
            sudo=said["sudo"] == "yes",
            free=int(said["free"]),
            gpus=int(said["gpus"]),
            baked=said["baked"] == "yes",
        )
    except KeyError as error:
        raise CannotStart(f"{host.named} did not say its {error.args[0]}: {_by_hand_too(host)}") from error
    except ValueError as error:
        numbers = f"free={said['free']!r}, gpus={said['gpus']!r}"
        raise CannotStart(f"{host.named} says what is no number ({numbers}): {_by_hand_too(host)}") from error


def plan(
    host: Host, seen: Look | None, *, gpu: bool, take_over: bool, disposable: bool, model: str
) -> list[str]:
    """What a bake of this machine will do and will leave alone, line by line."""
    ours = take_over or disposable
    where = f"{host.user}@{host.address}" + (f" port {host.port}" if host.port != 22 else "")
    lines = [f"This will set up {host.named} ({where}) for transcription:"]
    if seen is not None:
        graphics = f", {seen.gpus} NVIDIA device{'s' * (seen.gpus != 1)}" if seen.gpus else ", no NVIDIA GPU"
        lines.append(
            f"  found      {PLATFORMS.get(seen.platform, ' '.join(seen.platform))}, kernel {seen.kernel}{graphics}"
        )
        if seen.baked:
            lines.append("  found      an earlier setup in /opt/transcribe: it is brought up to date")
    lines += [
        "  installs   packages, /opt/transcribe (Python environment, model, caches), units, the user transcribe",
        f"  model      {model}",
        f"  graphics   {_graphics(gpu=gpu, ours=ours)}",
    ]
    if gpu and ours:
        lines.append("  replaces   kernel and NVIDIA driver by the versions of the image, held there")
    if ours:
        lines += OURS
    else:
        lines.append(
            "  leaves     kernel, driver, CUDA, SSH, firewall and sysctl as they are (--take-over would set them)"
        )
    lines.append("  limits     the system's journal, in size and days; it is kept on disk")
    if ours:
        lines.append("  restarts   twice")
    if disposable:
        lines.append(
            "  wipes      keys that log in, host keys, machine id, logs, histories: it is an image then, not yours"
        )
    else:
        lines.append("  never      wipes anything else: accounts, keys, logs and histories stay (no sysprep)")
    return lines


def _graphics(*, gpu: bool, ours: bool) -> str:
    if not gpu:
        return "none: torch for the processor"
    return (
        "the CUDA toolkit, and torch for CUDA" if ours else "torch for CUDA, which brings its own libraries"
    )


def _host(said: str, config_text: str, config: Path | None) -> Host:
    said_by_ssh: dict[str, list[str]] = {}
    for line in config_text.splitlines():
        key, _, value = line.partition(" ")
        said_by_ssh.setdefault(key, []).append(value)
    first: Mapping[str, str] = {key: values[0] for key, values in said_by_ssh.items()}
    for way in ("proxyjump", "proxycommand"):
        if first.get(way, "none") != "none":
            raise CannotStart(
                f"{said} is reached through another machine ({way} {first[way]}), which Packer would not know of: run "
                "this from a machine that reaches it directly, or through a tunnel: ssh -L."
            )
    keys = [Path(name).expanduser() for name in said_by_ssh.get("identityfile", [])]
    lacking = [key for key in ("user", "hostname", "port") if not first.get(key)]
    if lacking or not first["port"].isdecimal():
        lack = f"tells no {' and no '.join(lacking)}" if lacking else f"tells the port {first['port']!r}"
        raise CannotStart(f"ssh {lack} for {said}: correct ssh's configuration, or install OpenSSH's client.")
    return Host(
        named=said,
        user=first["user"],
        address=first["hostname"],
        port=int(first["port"]),
        key=next((key for key in keys if key.is_file()), None),
        config=config,
    )


def _host_of(said: str) -> str:
    return urlsplit(said).hostname or said


def _by_hand(host: Host) -> str:
    port = f"-p {host.port} " if host.port != 22 else ""
    return f"ssh {port}{host.user}@{_host_of(host.named)}"


def _by_hand_too(host: Host) -> str:
    return f"see what {_by_hand(host)} and there df, uname and /etc/os-release give, and mend that."


def _kept_out(host: Host, stderr: str) -> str:
    said = " ".join(stderr.split())
    by_hand = _by_hand(host)
    if "Host key verification failed" in said:
        changed = (
            "has another host key than before"
            if "CHANGED" in said
            else "has a host key that is not known yet"
        )
        return f"{host.named} {changed}: compare it and accept it by {by_hand}, then run this again."
    if "Permission denied" in said:
        return f"{host.named} does not let {host.user} in by key: make {by_hand} work without a password."
    return f"{host.named} cannot be reached ({said or 'ssh gave no reason'}): make {by_hand} work first."
