"""The folder of models: where each lies, what is recorded of it, and whether its bytes are whole.

CACHE/models/<org>--<name>.json            which revision is held, and each file's size and SHA-256
CACHE/models/<org>--<name>/<revision>/     the checkpoint, in transformers' layout

Another style than standard lies beside it, under <org>--<name>@<style>, which is no other model's name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.engine.models.registry import STANDARD
from runner.errors import DiskFull, OutputNotWritable

MEGABYTE = 1_000_000
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@dataclass(frozen=True, slots=True)
class File:
    """One file of a checkpoint: bytes, and SHA-256 in hexadecimal once that is known."""

    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """What is held of one model in one style: hub id, revision, source (hub or demonstration), files by name.

    `style` is the name of the revision that was asked for, `revision` the commit that it stood for at that time.
    """

    id: str
    revision: str
    source: str
    files: Mapping[str, File]
    style: str = STANDARD


def models(cache: Path) -> Path:
    """The folder of all models."""
    return cache / "models"


def home(cache: Path, model: str, style: str = STANDARD) -> Path:
    """The folder of all revisions of one model in one style."""
    return models(cache) / (model.replace("/", "--") + ("" if style == STANDARD else f"@{style}"))


def folder_of(cache: Path, record: Record) -> Path:
    """The folder of the revision that is held."""
    return home(cache, record.id, record.style) / record.revision


def record_path(cache: Path, model: str, style: str = STANDARD) -> Path:
    """The file that says which revision is held."""
    folder = home(cache, model, style)
    return folder.with_name(f"{folder.name}.json")


def read_record(cache: Path, model: str, style: str = STANDARD) -> Record | None:
    """What is recorded of `model` in `style`; None where nothing is, or nothing that can be read."""
    return _read(record_path(cache, model, style))


def records(cache: Path) -> list[Record]:
    """All that is recorded, by name."""
    found = (_read(path) for path in sorted(models(cache).glob("*--*.json")))
    return [record for record in found if record is not None]


def _read(path: Path) -> Record | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {
            str(name): File(int(file["size"]), file["sha256"]) for name, file in content["files"].items()
        }
        style = str(content.get("style", STANDARD))
        return Record(str(content["id"]), str(content["revision"]), str(content["source"]), files, style)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(cache: Path, record: Record) -> None:
    """Replace what is recorded of a model, whole or not at all."""
    write_json(record_path(cache, record.id, record.style), asdict(record))


def write_json(path: Path, content: object) -> None:
    """Replace a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        new.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def incomplete(cache: Path, record: Record) -> list[str]:
    """Names of files that are missing, of another size, or never checked; reads no contents."""
    folder = folder_of(cache, record)
    return [
        name for name, file in record.files.items() if file.sha256 is None or size(folder / name) != file.size
    ]


def damaged(cache: Path, record: Record) -> list[str]:
    """Names of files whose bytes are not the recorded ones; reads every byte."""
    folder, wrong = folder_of(cache, record), set(incomplete(cache, record))
    return [
        name for name, file in record.files.items() if name in wrong or sha256(folder / name) != file.sha256
    ]


def drop_damaged(cache: Path, model: str, style: str, notice: Callable[[str], None]) -> Record | None:
    """Compare what is held of a model with its sums, and remove the files that differ, to be had anew.

    Returns the record where all of it is whole. What was never whole is left as it is, to be fetched on from there.
    """
    record = read_record(cache, model, style)
    if record is None or incomplete(cache, record):
        return None
    name = model if style == STANDARD else f"{model} in style {style}"
    notice(f"{name} is in the cache: comparing its bytes with their sums …")
    wrong = damaged(cache, record)
    for file in wrong:
        notice(f"{file} is damaged: fetching it anew.")
        (folder_of(cache, record) / file).unlink()
    return None if wrong else record


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder and those in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def size(path: Path) -> int | None:
    """Bytes of a file, None where there is none."""
    return path.stat().st_size if path.is_file() else None


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def exclusive(
    cache: Path, model: str, notice: Callable[[str], None], style: str = STANDARD
) -> Iterator[None]:
    """Let one process at a time fetch, make or remove a model; a killed process lets go by dying."""
    path = record_path(cache, model, style).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notice(f"Waiting for another process that is fetching {model}.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def workplace(cache: Path, model: str, style: str = STANDARD) -> Iterator[Path]:
    """A new empty folder beside the model's revisions, gone afterwards; what an interrupted run left goes too.

    To be used inside `exclusive`.
    """
    for left in home(cache, model, style).glob(".making-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = home(cache, model, style) / f".making-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(new: Path, cache: Path, record: Record) -> None:
    """Record a finished folder and move it to its place, over one that is not whole.

    The record comes first: a kill in between leaves a record without its folder, which is seen as incomplete.
    """
    write_record(cache, record)
    folder = folder_of(cache, record)
    if folder.exists():
        folder.rename(new.with_name("replaced"))  # in the workplace, so it goes with it
    new.rename(folder)


def remove(cache: Path, model: str, style: str) -> int:
    """Remove what the cache holds of a model in one style and return how many bytes that frees.

    To be used inside `exclusive`. The record goes first: a kill in between leaves files that no record vouches for.
    """
    folder = home(cache, model, style)
    freed = size_of(folder)
    record_path(cache, model, style).unlink(missing_ok=True)
    if folder.is_symlink():  # what it leads to is not ours
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    return freed


@contextmanager
def writing(cache: Path) -> Iterator[None]:
    """Turn a full disk or a refused folder into DiskFull or OutputNotWritable."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                f"no space left for the model in {cache}: free some, "
                "or set GPU_TRANSCRIBER_CACHE to a folder with more",
                path=cache,
            ) from error
        if error.errno in _REFUSED:
            raise OutputNotWritable(
                f"the model cannot be kept in {cache} ({os.strerror(error.errno or 0)}): "
                "set GPU_TRANSCRIBER_CACHE to a folder that you may write to",
                path=cache,
            ) from error
        raise


def ensure_space(cache: Path, needed: int) -> None:
    """Raise DiskFull where fewer than `needed` bytes are free under `cache`, before any is written."""
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise DiskFull(
            f"the model takes {needed // MEGABYTE} MB and {cache} has {free // MEGABYTE} MB free: "
            "free some, or set GPU_TRANSCRIBER_CACHE to a folder with more",
            path=cache,
        )
