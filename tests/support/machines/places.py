"""Where the bench keeps its roots and machines, who holds what there, and how processes are known to live."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

# A disk that outlives a reboot and holds a few GB: not /tmp, which may be memory. TESTS_BENCH names another.
BENCH = Path(os.environ.get("TESTS_BENCH", "/var/tmp/gpu-transcriber-bench"))
ROOTS = BENCH / "roots"
MACHINES = BENCH / "machines"

USER = "ubuntu"  # who logs in, as on Canonical's images


@contextlib.contextmanager
def locked(name: str = "lock") -> Iterator[None]:
    """Alone among all processes that use the bench: for addresses, the bridge, and making of roots."""
    BENCH.mkdir(parents=True, exist_ok=True)
    with (BENCH / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with its number."""

    pid: int
    started: int  # in clock ticks since the computer started

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process with this number; None where there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self


@dataclass(frozen=True)
class Spec:
    """What a keeper must know of its machine; kept in its folder as JSON."""

    number: int
    layers: tuple[str, ...]  # lower folders of its overlay, uppermost first
    binds: tuple[tuple[str, str], ...]  # folders of this computer, and where the machine sees them
    owner: Process | None  # whose end is the machine's end; None: stays until it is taken down

    @property
    def name(self) -> str:
        return f"bench-{self.number}"

    def write(self, folder: Path) -> None:
        (folder / "spec.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Spec:
        found = json.loads((folder / "spec.json").read_text())
        owner = found["owner"]
        return cls(
            found["number"],
            tuple(found["layers"]),
            tuple((outside, inside) for outside, inside in found["binds"]),
            Process(**owner) if owner else None,
        )


def keeper_of(folder: Path) -> Process | None:
    """The process that keeps the machine in this folder; None where none is alive."""
    try:
        pid, started = (folder / "keeper").read_text().split()
    except (OSError, ValueError):
        return None
    process = Process(int(pid), int(started))
    return process if process.alive else None
