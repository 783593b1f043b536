"""Our own wheel, built for the machine from this checkout."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from runner.door.environment import LOCK
from runner.door.install import ROOT
from runner.errors import CannotStart


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder, its build backend held to the lock's hashes; raises CannotStart."""
    import uv

    command = [uv.find_uv_bin(), "build", "--wheel", "--quiet", "--out-dir", str(folder)]
    locked = ["--build-constraints", LOCK, "--require-hashes"]
    done = subprocess.run([*command, *locked, str(ROOT)], cwd=ROOT, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = " ".join(done.stderr.split()) or "uv gave no reason"
        raise CannotStart(f"This project's wheel could not be built: {reason}")
    return wheels[-1]


@dataclass(frozen=True, slots=True)
class Commit:
    """What is checked out: `sha` is empty where there is no commit, `dirty` says whether files differ from it."""

    sha: str
    dirty: bool

    def __str__(self) -> str:
        """As a build records it."""
        return (f"{self.sha}-dirty" if self.dirty else self.sha) or "unknown"


def read_commit() -> Commit:
    """Ask git what is checked out."""

    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    sha = git("rev-parse", "HEAD")
    return Commit(sha, bool(sha and git("status", "--porcelain", "--untracked-files=no")))
