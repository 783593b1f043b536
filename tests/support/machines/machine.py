"""One machine, from power on to scrap."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian
from tests.support.machines import groups, identity, network
from tests.support.machines.places import MACHINES, USER, Process, Spec, keeper_of, locked
from tests.support.machines.roots import UV_CACHE, Root, base, uv_cache
from tests.support.machines.scrap import release, sweep

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 120  # seconds that a slow computer may take to boot or to power off

Done = subprocess.CompletedProcess[str]


class MachineFailed(Exception):
    """A machine that does not do as it is told; the message ends with its console."""


@dataclass(frozen=True)
class Machine:
    """A machine by its folder; every process that knows the folder may use it."""

    folder: Path
    spec: Spec

    @classmethod
    def find(cls, name: str) -> Machine:
        """The machine with this name; raises MachineFailed where there is none."""
        folder = MACHINES / name
        if not (folder / "spec.json").exists():
            raise MachineFailed(f"no machine named {name}")
        return cls(folder, Spec.read(folder))

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def address(self) -> str:
        return network.address(self.spec.number)

    @property
    def user(self) -> str:
        return USER

    @property
    def key(self) -> Path:
        """The private key that logs in."""
        return self.folder / "key"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`: knows the machine by its name and by its address, and pins its host key."""
        return self.folder / "ssh_config"

    @property
    def console(self) -> str:
        """What the machine has printed while it booted."""
        file = self.folder / "console"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def on(self) -> bool:
        return keeper_of(self.folder) is not None

    def boot(self) -> None:
        """Power on and wait for SSH."""
        if (before := _keepers.pop(self.folder, None)) is not None:
            before.wait()
        groups.clear(self.name)  # what outlived a keeper that was killed
        with locked():
            network.bring_up()
        module = "tests.support.machines.keeper"
        keeper = [
            "unshare",
            "--mount",
            "--propagation=private",
            sys.executable,
            "-m",
            module,
            str(self.folder),
        ]
        with (self.folder / "keeper.log").open("ab") as log:
            process = subprocess.Popen(
                keeper,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _keepers[self.folder] = process
        self.wait_for_ssh()

    def wait_for_ssh(self) -> None:
        """Wait until a command can be run over SSH."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (keeper := _keepers.get(self.folder)) is not None and keeper.poll() is not None:
                break
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.address, 22), timeout=5) as link,
            ):
                if link.recv(4) == b"SSH-" and self.run("true", check=False).returncode == 0:
                    return
            time.sleep(0.02)
        raise MachineFailed(f"{self.name} does not answer over SSH\n{self._words()}")

    def run(self, command: str, *, check: bool = True, stdin: str = "", timeout: float = 600) -> Done:
        """Run a shell command as `user` over SSH; with `check`, a failure raises MachineFailed with its output."""
        done = subprocess.run(
            ["ssh", "-F", str(self.ssh_config), self.name, command],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if check and done.returncode != 0:
            raise MachineFailed(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def put(self, text: str, path: str) -> None:
        """Write a file as root."""
        self.run(f"sudo tee {shlex.quote(path)} >/dev/null", stdin=text)

    def reboot(self) -> None:
        """Reboot in order, and wait for SSH of the new boot."""
        before = self.run("cat /proc/sys/kernel/random/boot_id; stat -c %Z /proc/1").stdout
        self.run("sudo systemctl reboot", check=False)
        self._hang_up()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = self.run("cat /proc/sys/kernel/random/boot_id; stat -c %Z /proc/1", check=False)
            if now.returncode == 0 and now.stdout != before:
                return
            self._hang_up()
            time.sleep(0.05)
        raise MachineFailed(f"{self.name} did not come back from its reboot\n{self._words()}")

    def poweroff(self) -> None:
        """Power off in order, as its power button does."""
        if (keeper := keeper_of(self.folder)) is not None:
            os.kill(keeper.pid, signal.SIGTERM)
            self._wait_for_off(keeper)

    def kill(self) -> None:
        """Cut the power: what was not on the disk is lost, as when a spot instance is taken away."""
        if (keeper := keeper_of(self.folder)) is not None:
            groups.kill(self.name, spare=keeper.pid)
            self._wait_for_off(keeper)

    def wait_for_off(self) -> None:
        """Wait until the machine has powered itself off."""
        if (keeper := keeper_of(self.folder)) is not None:
            self._wait_for_off(keeper)

    def remove(self) -> None:
        """Cut the power and scrap the disk."""
        self.kill()
        self._hang_up()
        _keepers.pop(self.folder, None)
        with locked():
            release(self.folder)

    def layer(self) -> Root:
        """What the machine, now off, has become: a root for others, as long as it is not removed or booted."""
        assert not self.on, f"{self.name} is on"
        return Root((self.folder / "upper", *map(Path, self.spec.layers)))

    def _wait_for_off(self, keeper: Process) -> None:
        deadline = time.monotonic() + PATIENCE
        while keeper.alive:
            if time.monotonic() > deadline:
                raise MachineFailed(f"{self.name} does not power off\n{self._words()}")
            time.sleep(0.02)
        if (process := _keepers.pop(self.folder, None)) is not None:
            process.wait()
        self._hang_up()

    def _hang_up(self) -> None:
        """End the shared SSH connection at this end; the other end may be gone."""
        command = ["ssh", "-F", str(self.ssh_config), "-O", "exit", self.name]
        subprocess.run(command, capture_output=True, timeout=60)

    def _words(self) -> str:
        log = self.folder / "keeper.log"
        return (log.read_text(errors="replace") if log.exists() else "")[-2000:] + self.console[-4000:]


_keepers: dict[Path, subprocess.Popen[bytes]] = {}  # of this process: reaped when their machines are off


def make(
    root: Root | None = None, *, binds: Mapping[Path, str] | None = None, stays: bool = False
) -> Machine:
    """A machine that is off; with `stays` it outlives this process. Every one can use the bench's uv cache."""
    debian.install(*debian.MACHINES)
    root = root or base()
    owner = None if stays else Process.of(os.getpid())
    where = {uv_cache(): UV_CACHE, **(binds or {})}
    with locked():
        sweep()
        MACHINES.mkdir(parents=True, exist_ok=True)
        taken = {int(folder.name.removeprefix("bench-")) for folder in MACHINES.iterdir()}
        number = next(number for number in range(2, 255) if number not in taken)
        layers = tuple(map(str, root.layers))
        spec = Spec(number, layers, tuple((str(outside), inside) for outside, inside in where.items()), owner)
        folder = MACHINES / spec.name
        folder.mkdir(mode=0o700)
        spec.write(folder)
    identity.make_keys(folder, spec)
    return Machine(folder, spec)


@contextlib.contextmanager
def machine(root: Root | None = None, *, binds: Mapping[Path, str] | None = None) -> Iterator[Machine]:
    """A machine that is on and answers over SSH; removed at the end, whatever happens."""
    made = make(root, binds=binds)
    try:
        made.boot()
        yield made
    finally:
        made.remove()


def everything() -> list[Machine]:
    """All machines of this bench, in order of their numbers."""
    found = [Machine(path.parent, Spec.read(path.parent)) for path in MACHINES.glob("bench-*/spec.json")]
    return sorted(found, key=lambda one: one.spec.number)
