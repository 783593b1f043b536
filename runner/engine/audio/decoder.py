"""The child process: a stranger's bytes on standard input, plain sound on standard output, within limits.

It starts fast: neither numpy nor anything of ours but containers.py and outlet.py is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import math
import os
import resource
import sys
from collections.abc import Callable
from typing import Any

from runner.engine.audio.containers import read_with_libav, read_with_libsndfile, rehearse
from runner.engine.audio.outlet import Outlet, Refused

NOBODY = 65534
SPARE = 64 << 20  # bytes


READERS = {"libav": ("av", read_with_libav), "libsndfile": ("soundfile", read_with_libsndfile)}


def main() -> None:
    """Do what the one argument asks, in JSON."""
    request = json.loads(sys.argv[1])
    library, read = READERS[request["reader"]]
    importlib.import_module(library)
    rehearse()
    confine(cpu_seconds=request["cpu_seconds"], memory_mib=request["memory_mib"])
    wanted = {key: request[key] for key in ("rate", "split", "first", "last", "parent")}
    outlet = Outlet(write, **wanted)
    try:
        outlet.end(attempt(read, outlet))
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)


def attempt(read: Callable[[Outlet], dict[str, Any]], outlet: Outlet) -> dict[str, Any]:
    """The status of reading, whatever happens in it."""
    try:
        try:
            return read(outlet)
        except Refused as refusal:
            status = {"outcome": refusal.outcome, "detail": refusal.detail, "read": outlet.seconds}
        except (BrokenPipeError, MemoryError):  # PyAV has its own of both
            raise
        except Exception as error:  # noqa: BLE001  # no file of a stranger's may end in a traceback
            detail = getattr(error, "strerror", None) or type(error).__name__
            status = {"outcome": "unreadable", "detail": detail, "read": outlet.seconds}
        bytearray(SPARE)  # libav may take want of memory for an end of the file
    except MemoryError:
        return {"outcome": "memory"}
    return status


def write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def confine(*, cpu_seconds: float, memory_mib: int) -> None:
    """Give up all that decoding does not need: from here on no file, socket or pipe can be opened."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # a container may forbid it
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    cpu, memory = math.ceil(cpu_seconds), memory_mib << 20
    for limit, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 1),  # SIGXCPU at the first, which says why; SIGKILL at the second
        (resource.RLIMIT_AS, memory, memory),
    ):
        with contextlib.suppress(OSError, ValueError, OverflowError):  # macOS refuses RLIMIT_AS
            resource.setrlimit(limit, (soft, hard))
