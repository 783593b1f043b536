"""Where results stand: output/YYYYMMDD_HHMMSS/<recording>/, each recording's folder whole or not there at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from runner.errors import DiskFull, OutputError, OutputNotWritable
from runner.inputs import printable

METADATA = "metadata.json"
NAME_BYTES = 120  # of a recording's folder; file systems allow 255, encrypted ones 143
_RUN = re.compile(r"(\d{8}_\d{6})(?:_(\d+))?")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ufffd]')
_PARTS = ("source", "options", "durations")  # of metadata.json, by which a result is known again
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Filed:
    """A result that an earlier run left: its folder and the metadata in it."""

    folder: Path
    metadata: dict[str, Any]


def is_run_folder(folder: Path, output: Path) -> bool:
    """Whether this is a folder that a run made under `output`."""
    return _RUN.fullmatch(folder.name) is not None and folder.parent.resolve() == output.resolve()


def transcription_file(ending: str) -> str:
    """The name of the file that holds the transcript in the format of this ending."""
    return f"transcription.{ending}"


class RunFolder:
    """The folder of one run; made at once, so that an output that cannot be written to is known before the work."""

    def __init__(self, folder: Path, made: tuple[Path, ...] = ()) -> None:
        self.path = folder
        self._made = made  # what this run made, innermost first: removed again if nothing was written

    @classmethod
    def create(cls, output: Path, now: datetime) -> RunFolder:
        """Make the run's own folder under `output`; raises OutputNotWritable, DiskFull."""
        missing = [folder for folder in (output, *output.parents) if not folder.exists()]
        with _plainly_told(output):
            run = cls(dated_folder(output, now), tuple(missing))
        run._made = (run.path, *missing)
        return run._checked()

    @classmethod
    def resume(cls, folder: Path) -> RunFolder:
        """Go on in a folder that an earlier run made; raises OutputNotWritable, DiskFull."""
        return cls(folder)._checked()

    def file(self, name: str, files: Mapping[str, str], *, replacing: Path | None = None) -> Path:
        """Write one recording's files to a folder of their own and return it: whole, or not at all.

        A name that is taken gets a suffix; `replacing` is an earlier result of the same recording that
        gives way. Raises OutputNotWritable, DiskFull.
        """
        with _plainly_told(self.path):
            partial = _make_partial(self.path)
            try:
                for file, text in files.items():
                    _write(partial / file, text)
                _flush(partial)
                if replacing is not None:
                    return _replace(replacing, partial)
                return _rename_to_free(partial, self.path, folder_name(name))
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    def filed(self) -> list[Filed]:
        """The results in this folder, partial ones too."""
        found = []
        for metadata in sorted(self.path.glob(f"*/{METADATA}")):
            with contextlib.suppress(OSError, ValueError):
                content = json.loads(metadata.read_text(encoding="utf-8"))
                if isinstance(content, dict) and all(isinstance(content.get(part), dict) for part in _PARTS):
                    found.append(Filed(metadata.parent, content))
        return found

    def discard_if_empty(self) -> None:
        """Remove what this run made, if nothing was written to it."""
        with contextlib.suppress(OSError):
            for folder in self._made:
                folder.rmdir()

    def _checked(self) -> RunFolder:
        try:
            with _plainly_told(self.path):
                trial = _make_partial(self.path)
                try:
                    _write(trial / METADATA, " " * 4096)
                finally:
                    shutil.rmtree(trial, ignore_errors=True)
        except OutputError:
            self.discard_if_empty()
            raise
        return self


def earlier_runs(output: Path) -> Iterator[RunFolder]:
    """The run folders under `output`, newest first."""

    def age(folder: Path) -> tuple[str, int]:
        match = _RUN.fullmatch(folder.name)
        return (match[1], int(match[2] or 1)) if match else ("", 0)

    with contextlib.suppress(OSError):
        folders = [folder for folder in output.iterdir() if _RUN.fullmatch(folder.name) and folder.is_dir()]
        yield from map(RunFolder, sorted(folders, key=age, reverse=True))


def folder_name(name: str) -> str:
    """A folder's name for a recording: åäö and spaces kept; what some file system refuses, replaced."""
    safe = _UNSAFE.sub("_", printable(name)).strip(" .")
    return safe.encode()[:NAME_BYTES].decode(errors="ignore").strip(" .") or "recording"


def dated_folder(parent: Path, now: datetime, prefix: str = "") -> Path:
    """Make a folder of this moment's name under `parent`, which is made too; raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    return _make_new(parent, now.strftime(f"{prefix}%Y%m%d_%H%M%S"))


def _make_new(parent: Path, name: str) -> Path:
    for number in count(1):
        folder = parent / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise AssertionError("count() ended")


def _make_partial(parent: Path) -> Path:
    """A hidden folder in which a result is gathered; what a killed process leaves behind is seen to be unfinished."""
    return _make_new(parent, f".partial-{os.getpid()}")


def _rename_to_free(partial: Path, parent: Path, name: str) -> Path:
    for number in count(1):
        target = parent / (name if number == 1 else f"{name}_{number}")
        if target.exists():
            continue
        try:
            partial.rename(
                target
            )  # refuses a folder that holds anything, so two runs cannot overwrite each other
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                continue
            raise
        _flush(parent)
        return target
    raise AssertionError("count() ended")


def _replace(old: Path, partial: Path) -> Path:
    """Put `partial` where `old` stands; the moment between the two renames is the only one without either."""
    aside = _make_partial(old.parent)
    old.rename(aside)
    try:
        partial.rename(old)
    except BaseException:
        aside.rename(old)
        raise
    _flush(old.parent)
    shutil.rmtree(aside, ignore_errors=True)
    return old


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Have the names in a folder on the disk too; some file systems cannot, and then it is up to them."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def plainly_told(path: Path, what: str, instead: str) -> Iterator[None]:
    """Turn an OSError while `what` is written to `path` into DiskFull or OutputNotWritable."""
    try:
        yield
    except OSError as error:
        shown = printable(str(path))
        if error.errno in _FULL:
            raise DiskFull(
                f"no space left for {what} in {shown}: free some, or {instead}", path=path
            ) from error
        raise OutputNotWritable(
            f"{what} cannot be written to {shown} ({error.strerror}): {instead}", path=path
        ) from error


def _plainly_told(path: Path) -> contextlib.AbstractContextManager[None]:
    return plainly_told(path, "results", "choose another --output")
