"""Disk: what ours takes, how to free it, and whether there is room and leave to write."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runner.doctor.finding import Finding
from runner.door.folders import nearest
from runner.door.install import ROOT
from runner.screen.tables import in_gigabytes
from runner.settings import Settings

LITTLE_ROOM = 1_000_000_000  # bytes; a model, a run's results and temporary files
RUNS = "20??????_??????*"  # folders of runs, by date and time
PATIENCE = 1.5  # seconds for one folder; a slow disk must not hold up everything


@dataclass(slots=True)
class Usage:
    """Bytes that a folder takes, the files with several names among them, and whether it was counted to the end."""

    size: int = 0
    shared: dict[tuple[int, int], int] = field(default_factory=dict)
    complete: bool = True


def disk(settings: Settings) -> Iterator[Finding]:
    """Findings on each folder that we fill, then on the disks under them."""
    uv = uv_cache()
    cached = measure([uv])
    if sys.prefix != sys.base_prefix:
        yield _packages(Path(sys.prefix), cached)
    free = f"To free it: `{shlex.join([_uv_command(), 'cache', 'clean'])}`; other projects use it too."
    yield Finding("uv's cache", "ok", _used(uv, cached), free if cached.size else "")
    models = settings.cache / "models"
    usage = measure([models])
    free = f"To free it: `rm -rf {shlex.quote(str(models))}`; models are downloaded again when needed."
    yield Finding("models on disk", "ok", _used(models, usage), free if usage.size else "")
    output = settings.output.absolute()
    usage = measure(list(output.glob(RUNS)))
    free = f"To free it: `rm -rf {shlex.quote(str(output))}/{RUNS}`; the transcripts are gone then."
    yield Finding("results", "ok", _used(output, usage), free if usage.size else "")
    yield from _rooms(settings)


def _packages(environment: Path, cached: Usage) -> Finding:
    """What the virtual environment takes; uv links its files to those in its cache where it can."""
    usage = measure([environment])
    found = _used(environment, usage)
    shared = sum(size for file, size in usage.shared.items() if file in cached.shared)
    if shared > usage.size // 100:
        found += f", {in_gigabytes(shared)} of it shared with uv's cache and freed only with both"
    ours = environment.resolve() == (ROOT / ".venv").resolve()
    free = f"To free it: `rm -rf {shlex.quote(str(environment))}`; the next ./invoke makes it again."
    return Finding("packages", "ok", found, free if ours else "")


def measure(folders: Iterable[Path]) -> Usage:
    """What `folders` take on disk, each file once however many names it has; stops after PATIENCE seconds."""
    usage = Usage()
    end = time.monotonic() + PATIENCE
    stack = [str(folder) for folder in folders]
    while stack:
        if time.monotonic() > end:
            usage.complete = False
            break
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    else:
                        _count(entry.stat(follow_symlinks=False), usage)
        except OSError:  # gone meanwhile, or not ours to read
            continue
    return usage


def _count(file: os.stat_result, usage: Usage) -> None:
    size = file.st_blocks * 512
    if file.st_nlink > 1:
        key = (file.st_dev, file.st_ino)
        if key in usage.shared:
            return
        usage.shared[key] = size
    usage.size += size


def _used(folder: Path, usage: Usage) -> str:
    if not folder.exists():
        return f"{folder} does not exist yet"
    return f"{folder} takes {'' if usage.complete else 'at least '}{in_gigabytes(usage.size)}"


def uv_cache() -> Path:
    """Where uv keeps downloads, as `uv cache dir` says."""
    if named := os.environ.get("UV_CACHE_DIR"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"


def _uv_command() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def _rooms(settings: Settings) -> Iterator[Finding]:
    """Whether each folder that every transcription writes to can be written to and has room."""
    yield room("room (results)", settings.output, "GPU_TRANSCRIBER_OUTPUT")
    try:
        yield room("room (temporary)", Path(tempfile.gettempdir()), "TMPDIR")
    except FileNotFoundError:
        mend = "Set TMPDIR to a folder that you may write to and that has room."
        yield Finding("room (temporary)", "problem", "no folder can be written to", mend)


def room(subject: str, folder: Path, variable: str) -> Finding:
    """Whether `folder`, or the nearest one above it, takes files; `variable` would name another."""
    elsewhere = f"set {variable} to a folder elsewhere."
    place = nearest(folder)
    if not place.is_dir():
        return Finding(subject, "problem", f"{place} is not a folder", f"Remove it, or {elsewhere}")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            subject, "problem", f"{place} cannot be written to", f"Make it writable, or {elsewhere}"
        )
    free = shutil.disk_usage(place).free
    found = f"{in_gigabytes(free)} free in {place}"
    if free < LITTLE_ROOM // 100:
        return Finding(subject, "problem", found, f"Free some space, or {elsewhere}")
    if free < LITTLE_ROOM:
        return Finding(subject, "note", f"{found}, which is little", f"Free some space, or {elsewhere}")
    return Finding(subject, "ok", found)
