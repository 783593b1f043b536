"""The control groups of a machine: its own in every hierarchy that systemd uses, so that no two machines share one.

They are also how all of a machine is found and killed: its init outlives a systemd-nspawn that was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_HIERARCHIES = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]


@contextlib.contextmanager
def joined(name: str) -> Iterator[None]:
    """This process in the machine's groups; at the end nothing else is left alive there, and they are gone."""
    for group in (parent / f"gpu-{name}" for parent in _HIERARCHIES if (parent / "cgroup.procs").exists()):
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        for group in _groups(name):
            with contextlib.suppress(OSError):
                (group.parent / "cgroup.procs").write_text(str(os.getpid()))
        clear(name)


def kill(name: str, *, spare: int) -> None:
    """Kill all of the machine at once, but for one process."""
    for group in _groups(name):
        for inner, _, _ in os.walk(group):  # of which systemd may be removing some meanwhile
            with contextlib.suppress(OSError):
                for pid in map(int, (Path(inner) / "cgroup.procs").read_text().split()):
                    if pid != spare:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)


def clear(name: str) -> None:
    """Kill what is left of the machine, and remove its groups."""
    deadline = time.monotonic() + 30
    while (left := _groups(name)) and time.monotonic() < deadline:
        kill(name, spare=os.getpid())
        for group in left:
            for inner, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):  # what was killed is still dying in it
                    Path(inner).rmdir()
        time.sleep(0.01)


def _groups(name: str) -> list[Path]:
    return [group for parent in _HIERARCHIES if (group := parent / f"gpu-{name}").exists()]
