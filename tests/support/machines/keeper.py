"""The process that keeps one machine: lays its root, boots it, boots it again after a reboot, clears up after it.

    unshare --mount python -m tests.support.machines.keeper FOLDER

It runs in a mount namespace of its own, so no mount outlives it; systemd-nspawn is killed by the kernel when the
keeper is; and the keeper ends when the machine powers off, or when the process that wanted the machine is gone.
SIGTERM asks the machine to power off in order.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.machines import groups, identity, network
from tests.support.machines.places import Process, Spec, locked
from tests.support.machines.scrap import release

REBOOT = 133  # how systemd-nspawn says that the machine asked to be started again


def keep(folder: Path) -> int:
    """Keep the machine until it is off; return how systemd-nspawn ended."""
    spec = Spec.read(folder)
    me = Process.of(os.getpid())
    assert me is not None
    (folder / "keeper").write_text(f"{me.pid} {me.started}")
    with groups.joined(spec.name), _laid(folder, spec) as root:
        identity.give(root, folder, spec)
        while (code := _boot(root, folder, spec)) == REBOOT:
            pass
    return code


def _boot(root: Path, folder: Path, spec: Spec) -> int:
    """From power on to power off."""
    command = ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn", f"--directory={root}", "--boot"]
    command += [
        f"--machine={spec.name}",
        f"--network-bridge={network.BRIDGE}",
        "--register=no",
        "--keep-unit",
    ]
    command += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=read-only"]
    command += [f"--bind={outside}:{inside}" for outside, inside in spec.binds]
    with (folder / "console").open("ab") as console:
        nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
    signal.signal(signal.SIGTERM, lambda *_: nspawn.terminate())
    try:
        _wait(nspawn, spec.owner)
        return nspawn.wait()
    finally:
        nspawn.kill()
        nspawn.wait()


def _wait(nspawn: subprocess.Popen[bytes], owner: Process | None) -> None:
    """Return when the machine or its owner has ended."""
    with contextlib.ExitStack() as open_files:
        waiting = select.poll()
        for pid in (nspawn.pid, *([owner.pid] if owner else [])):
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                return
            open_files.callback(os.close, descriptor)
            waiting.register(descriptor, select.POLLIN)
        if owner is None or owner.alive:
            waiting.poll()
        if owner is not None and not owner.alive:
            nspawn.kill()


@contextlib.contextmanager
def _laid(folder: Path, spec: Spec) -> Iterator[Path]:
    """The machine's root: its own layer over those that it shares."""
    paths = {name: folder / name for name in ("upper", "work", "root")}
    for path in paths.values():
        path.mkdir(exist_ok=True)
    options = f"lowerdir={':'.join(spec.layers)},upperdir={paths['upper']},workdir={paths['work']}"
    mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(paths["root"])]
    subprocess.run(mount, check=True, timeout=60)
    try:
        yield paths["root"]
    finally:
        subprocess.run(["umount", "--lazy", str(paths["root"])], check=False, timeout=60)


def main() -> int:
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = Spec.read(folder).owner
    try:
        return keep(folder)
    finally:
        if owner is not None and not owner.alive:
            with locked():
                release(folder)


if __name__ == "__main__":
    sys.exit(main())
