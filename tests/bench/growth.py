"""Time and memory by the length of a recording: each heard from its file by a process of its own.

`python -m tests.bench.growth CHECKPOINT FILE DEVICE THREADS` is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from runner.errors import EngineFailed
from tests.bench.output import tell
from tests.bench.process import ROOT
from tests.support.speech import speech_file


@dataclass(frozen=True, slots=True)
class Grown:
    """One length: minutes of sound, seconds of work by the clock and by the processor, bytes at the peak."""

    minutes: float
    seconds: float
    processor_seconds: float
    peak_bytes: int


def grow(minutes: Sequence[float], checkpoint: Path, device: str, threads: int) -> list[Grown]:
    """Speech of every length; raises EngineFailed when a process ends without an answer."""
    rows = []
    for length in minutes:
        with TemporaryDirectory(prefix="bench-growth-") as folder:
            speech = speech_file(60 * length, path=Path(folder) / "speech.wav")
            tell(f"hearing {length:g} minutes")
            command = [sys.executable, "-m", "tests.bench.growth", str(checkpoint), str(speech.path)]
            answer = subprocess.run(
                [*command, device, str(threads)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
            )
        if answer.returncode != 0:
            raise EngineFailed(f"hearing {length:g} minutes ended with code {answer.returncode}")
        rows.append(Grown(speech.duration / 60, **json.loads(answer.stdout)))
    return rows


def hear(checkpoint: Path, path: Path, device: str, threads: int) -> dict[str, float]:
    """What hearing one file took, without the load."""
    from runner.engine.audio.recording import open_recording
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine
    from runner.transcript import Model

    engine = Engine.load(Checkpoint(checkpoint, Model("", "", "folder")), device=device, threads=threads)
    began, used = time.perf_counter(), time.process_time()
    with open_recording(path, name=path.name) as recording:
        transcription = engine.transcribe(recording)
        for _ in transcription:
            pass
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - used,
        "peak_bytes": transcription.transcript.peak_memory,
    }


def show(rows: Sequence[Grown], console: Console) -> None:
    """Print a row a length."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("minutes", "seconds", "× real time", "processor seconds a minute", "peak MB"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row.minutes:.0f}",
            f"{row.seconds:.1f}",
            f"{60 * row.minutes / row.seconds:.1f}",
            f"{row.processor_seconds / row.minutes:.2f}",
            f"{row.peak_bytes / 1e6:.0f}",
        )
    console.print(table)


def to_json(rows: Sequence[Grown]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


if __name__ == "__main__":
    folder, file, where, cores = sys.argv[1:]
    print(json.dumps(hear(Path(folder), Path(file), where, int(cores))))
