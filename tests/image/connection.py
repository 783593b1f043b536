"""One SSH connection for all checks: a login takes half a second, a command over an open connection a fiftieth.

testinfra shares connections but keeps no socket of its own, so a configuration with a ControlPath is written for it.
A machine that was never met is believed at first sight, unless the caller's own configuration says otherwise; one whose
key changed is not.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
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
    """The machines that --hosts names; raises UsageError for one that is not ssh://."""
    hosts = [host.strip() for host in (config.getoption("hosts") or "").split(",") if host.strip()]
    for host in hosts:
        if not host.startswith(SCHEME):
            raise pytest.UsageError(
                f"--hosts={host}: name the machine as ssh://user@{host.rpartition('/')[2]}"
            )
    return hosts


class Connection:
    """The configuration that ssh is given, and the sockets that it leaves."""

    def __init__(self, config: pytest.Config, hosts: list[str]) -> None:
        self.hosts = hosts
        self._folder: Path | None = None
        given: str | None = config.getoption("ssh_config")
        if given and not Path(given).is_file():
            raise pytest.UsageError(f"--ssh-config={given}: there is no such file")
        if given and _has_socket(given, hosts[0]):
            return  # the caller's connection: used as it stands, and left open
        self._folder = Path(
            tempfile.mkdtemp(prefix="checks-", dir="/tmp")
        )  # a socket's path may have 104 bytes
        key: str | None = config.getoption("ssh_identity_file")
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

    def close(self) -> None:
        """End what was opened here; a connection of the caller's stays."""
        if self._folder is None:
            return
        for host in self.hosts:
            command = ["ssh", "-F", str(self._folder / "config"), "-O", "exit", *_destination(host)]
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
