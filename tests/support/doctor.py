"""Asking the doctor, and reading what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from runner.doctor.finding import Finding

ROOT = Path(__file__).parents[2]
MODEL = "KBLab/kb-whisper-small"
Tool = Callable[[str, str], Path]


def one(findings: Iterable[Finding], subject: str) -> Finding:
    (found,) = [finding for finding in findings if finding.subject == subject]
    return found


def run(python: str | Path = sys.executable, folder: Path = ROOT) -> tuple[int, dict[str, Finding]]:
    """`doctor --json` as a person runs it in `folder`: the exit code and the findings by subject."""
    command = [python, "-m", "runner", "doctor", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["can_transcribe"] == (done.returncode == 0)
    return done.returncode, {row["subject"]: Finding(**row) for row in answer["findings"]}
