"""How busy the machine is, and with whose work."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

QUIET = 0.05  # share of the machine that others may take for it to be called quiet
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE, _WAITING = 3, 4  # columns of /proc/stat that are no work
_COUNTED = 8  # user, nice, system, idle, iowait, irq, softirq, steal; what guests do is in user already


@dataclass(frozen=True, slots=True)
class Moment:
    """The clock, and the processor seconds spent so far by everybody and by this bench."""

    clock: float
    everybody: float
    bench: float
    load: float  # processes that run or wait, a minute's mean


@dataclass(frozen=True, slots=True)
class Sharing:
    """What happened between two moments; `others` is the share of the processors that others had, None if unknown."""

    seconds: float
    others: float | None
    load_before: float
    load_after: float
    load_most: float = 0.0

    def sentence(self) -> str:
        """What a reader must know before comparing; never calls a machine quiet that was not."""
        if self.others is None:
            return "shared with others: not known on this system"
        share = f"shared with others: {100 * self.others:.0f} %"
        return share + (" (quiet)" if self.others <= QUIET else " (NOT quiet: trust ratios, not seconds)")


def moment(children: Iterable[int]) -> Moment:
    """Look at the clocks now; `children` are processes of this bench that still live."""
    everybody = bench = 0.0
    if sys.platform == "linux":
        columns = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1 : 1 + _COUNTED]
        work = [int(ticks) for place, ticks in enumerate(columns) if place not in (_IDLE, _WAITING)]
        everybody = sum(work) / _TICKS
        bench = sum(os.times()[:4]) + sum(_spent(child) for child in children)
    return Moment(time.perf_counter(), everybody, bench, os.getloadavg()[0])


def between(before: Moment, after: Moment) -> Sharing:
    seconds = after.clock - before.clock
    others = None
    if sys.platform == "linux" and seconds > 0:
        taken = (after.everybody - before.everybody) - (after.bench - before.bench)
        others = min(1.0, max(0.0, taken / (seconds * (os.cpu_count() or 1))))
    return Sharing(seconds, others, before.load, after.load, max(before.load, after.load))


def _spent(process: int) -> float:
    """Processor seconds of a process and of its children that ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS
