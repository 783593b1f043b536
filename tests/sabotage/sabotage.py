"""One way of breaking a machine: what is done, which checks must see it, and how it is undone."""

from __future__ import annotations

from dataclasses import dataclass

KEEP = "/run/sabotage.tar"  # in memory, where no check looks
FORGET = "journalctl -q --rotate; journalctl -q --vacuum-time=1s"  # what a sabotage made others complain of


@dataclass(frozen=True)
class Sabotage:
    """`breaks` and `mends` are shell commands as root; `keeps` are paths put back as they were, `removes` taken away.

    Of all checks of `subjects`, those of `reds` must go red and no other, unless it is one of `also`.
    A name without its [parameter] stands for any of its parameters. With `widely` more may go red than is named.
    """

    name: str
    subjects: tuple[str, ...]
    reds: tuple[str, ...]
    breaks: str
    keeps: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    mends: str = ""
    also: tuple[str, ...] = ()
    widely: bool = False

    @property
    def breaking(self) -> str:
        """Keep what will be put back, then break."""
        kept = " ".join(path.lstrip("/") for path in self.keeps)
        keep = f"cd /; tar --xattrs -cf {KEEP} {kept}" if kept else ":"
        return f"set -e; {keep}; {self.breaks}"

    @property
    def mending(self) -> str:
        """Undo it, every step even if one fails."""
        gone = f"rm -rf {' '.join(self.removes)}" if self.removes else ":"
        back = f"tar -C / --xattrs -xpf {KEEP}; rm {KEEP}" if self.keeps else ":"
        return f"{gone}; {back}; {self.mends or ':'}"


@dataclass(frozen=True)
class Outcome:
    """What the checks said of a machine that was broken in one way; `why` has each red check's first line."""

    name: str
    missed: list[str]  # should have gone red
    strange: list[str]  # went red, and nobody said so
    why: dict[str, str]
    seconds: float
    broken: bool  # the machine could be broken at all
    complaint: str = ""

    @property
    def caught(self) -> bool:
        return self.broken and not self.missed and not self.strange


def judge(sabotage: Sabotage, reds: dict[str, str], seconds: float, complaint: str) -> Outcome:
    """Hold the checks that went red, by name with their first line, against those that should have."""

    def named(check: str, names: tuple[str, ...]) -> bool:
        return check in names or check.partition("[")[0] in names

    missed = [name for name in sabotage.reds if not any(named(check, (name,)) for check in reds)]
    told = (*sabotage.reds, *sabotage.also)
    strange = [] if sabotage.widely else [check for check in reds if not named(check, told)]
    return Outcome(sabotage.name, missed, strange, reds, round(seconds, 2), not complaint, complaint)
