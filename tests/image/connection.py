"""One SSH connection for all checks: a login takes half a second, a command over an open connection a fiftieth.

testinfra shares connections but keeps no socket of its own, so a configuration with a ControlPath is written for it.
A machine that was never met is believed at first sight, unless the caller's own configuration says otherwise; one whose
key changed is not.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SCHEME = "ssh://"
_CONFIG = """\
Host *
  ControlMaster auto
  ControlPath {folder}/%C
  ControlPersist 300
  BatchMode yes
  ServerAliveInterval 15
{identity}{include}
Host *
  StrictHostKeyChecking accept-new
"""
_OWN = ("~/.ssh/config", "/etc/ssh/ssh_config")  # what ssh reads where no -F is given


def named_hosts(config: pytest.Config) -> list[str]:
    """The machines that --hosts names; raises UsageError for one that ssh could not be told, or where none is named."""
    given: str | None = config.getoption("hosts")
    if given is None:
        return []
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if not hosts:
        raise pytest.UsageError("--hosts= names no machine: write --hosts=ssh://user@host")
    for host in hosts:
        _refuse_what_names_no_machine(host)
    return hosts


def _refuse_what_names_no_machine(host: str) -> None:
    if not host.startswith(SCHEME):
        raise pytest.UsageError(f"--hosts={host}: name the machine as ssh://user@{host.rpartition('/')[2]}")
    try:
        parts = urlsplit(host)
        port = parts.port
    except ValueError:  # no number, too large a one, or half an IPv6 address
        port = 0
    if port == 0:
        raise pytest.UsageError(
            f"--hosts={host}: a port is a number from 1 to 65535, as in ssh://user@host:22"
        )
    if not parts.hostname or parts.hostname.startswith("-") or (parts.username or "").startswith("-"):
        raise pytest.UsageError(f"--hosts={host} names no machine: write ssh://user@host")
    if parts.password is not None:
        raise pytest.UsageError(
            f"--hosts=ssh://{parts.username}:...@{parts.hostname}: a password is not taken; give a key with"
            " --ssh-identity-file"
        )


class Connection:
    """The configuration that ssh is given, and the sockets that it leaves."""

    def __init__(self, config: pytest.Config, hosts: list[str]) -> None:
        self.hosts = hosts
        self._folder: Path | None = None
        given: str | None = config.getoption("ssh_config")
        key: str | None = config.getoption("ssh_identity_file")
        for option, named in (("--ssh-config", given), ("--ssh-identity-file", key)):
            if named and not Path(named).expanduser().is_file():
                raise pytest.UsageError(f"{option}={named}: there is no such file")
        if given:
            given = config.option.ssh_config = str(Path(given).expanduser())
        if not shutil.which("ssh"):
            raise pytest.UsageError(
                "there is no ssh on this computer: install it (apt install openssh-client)"
            )
        self._options = [*(["-F", given] if given else []), *(["-i", key] if key else [])]
        if given and _has_socket(given, hosts[0]):
            return  # the caller's connection: used as it stands, and left open
        self._folder = Path(
            tempfile.mkdtemp(prefix="checks-", dir="/tmp")
        )  # a socket's path may have 104 bytes
        identity = f"  IdentityFile {Path(key).expanduser().resolve()}\n  IdentitiesOnly yes\n" if key else ""
        includes = [str(Path(given).resolve())] if given else _OWN
        file = self._folder / "config"
        file.write_text(
            _CONFIG.format(
                folder=self._folder,
                identity=identity,
                include="\n".join(f"  Include {included}" for included in includes),
            )
        )
        config.option.ssh_config = str(file)

    def by_hand(self, host: str) -> str:
        """What a person types to reach a machine as the checks do."""
        return shlex.join(["ssh", *self._options, *_destination(host)])

    def close(self) -> None:
        """End what was opened here; a connection of the caller's stays."""
        if self._folder is None:
            return
        for host in self.hosts:
            command = ["ssh", "-F", str(self._folder / "config"), "-O", "exit", *_destination(host)]
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(command, capture_output=True, timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)


def _destination(host: str) -> list[str]:
    parts = urlsplit(host)
    port = ["-p", str(parts.port)] if parts.port else []
    user = f"{parts.username}@" if parts.username else ""
    return [*port, f"{user}{parts.hostname}"]


def _has_socket(config: str, host: str) -> bool:
    command = ["ssh", "-G", "-F", config, *_destination(host)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.splitlines()
    paths = [line.split(None, 1)[1] for line in shown if line.startswith("controlpath ")]
    return bool(paths) and paths[0] != "none"
