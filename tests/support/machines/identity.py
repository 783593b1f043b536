"""Who a machine is: name, address, host key and who may log in; what cloud-init gives an instance before it boots.

A root has none of these, since many machines boot from it. Given at every power-on, so that a machine whose sysprep
wiped them can be started again, as AWS starts an instance of the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.machines import network
from tests.support.machines.places import USER, Spec
from tests.support.machines.roots import resolvers


def make_keys(folder: Path, spec: Spec) -> None:
    """In the machine's folder: the key that logs in, the host's key, and an SSH configuration that pins it."""
    for name in ("key", "host_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", spec.name, "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=60)
    address = network.address(spec.number)
    (folder / "known_hosts").write_text(f"{address} {(folder / 'host_key.pub').read_text()}")
    (folder / "ssh_config").write_text(
        f"""\
Host {spec.name} {address}
    HostName {address}
    User {USER}
    IdentityFile {folder / "key"}
    IdentitiesOnly yes
    UserKnownHostsFile {folder / "known_hosts"}
    StrictHostKeyChecking yes
    ConnectTimeout 10
    ControlMaster auto
    ControlPath {folder / "ssh"}
    ControlPersist 60
    LogLevel ERROR
"""
    )


def give(root: Path, folder: Path, spec: Spec) -> None:
    """Write the machine's identity into its root."""
    address = network.address(spec.number)
    _write(root, "etc/hostname", f"{spec.name}\n")
    _write(root, "etc/hosts", f"127.0.0.1 localhost\n{address} {spec.name}\n::1 localhost\n")
    _write(root, "etc/resolv.conf", resolvers())
    _write(
        root,
        "etc/systemd/network/10-bench.network",
        f"""\
[Match]
Name=host0
[Link]
MTUBytes={network.packet_size()}
[Network]
Address={address}/24
Gateway={network.GATEWAY}
LinkLocalAddressing=no
""",
    )
    _write(root, "etc/ssh/ssh_host_ed25519_key", (folder / "host_key").read_text(), 0o600)
    _write(root, "etc/ssh/ssh_host_ed25519_key.pub", (folder / "host_key.pub").read_text())
    home = root / "home" / USER
    owner = home.stat()
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    _write(root, f"home/{USER}/.ssh/authorized_keys", (folder / "key.pub").read_text(), 0o600)
    for path in (home / ".ssh", home / ".ssh/authorized_keys"):
        os.chown(path, owner.st_uid, owner.st_gid)


def _write(root: Path, name: str, text: str, mode: int = 0o644) -> None:
    """Write a file anew: what stood there may be a link out of the root."""
    path = root / name
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
