"""Our own wheel, built for the machine from this checkout."""

from __future__ import annotations

import subprocess
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


def git_state() -> tuple[str, bool]:
    """The commit that is checked out (empty where there is none), and whether files differ from it."""

    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    sha = git("rev-parse", "HEAD")
    return sha, bool(sha and git("status", "--porcelain", "--untracked-files=no"))


def commit() -> str:
    """The commit as a build records it: with -dirty after it where files differ, and unknown where there is none."""
    sha, dirty = git_state()
    return (f"{sha}-dirty" if dirty else sha) or "unknown"
