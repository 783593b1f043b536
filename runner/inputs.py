"""What the person named — files, folders, patterns, standard input — settled to the recordings meant."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RecordingError, RecordingMissing, RecordingUnreadable, UsageError

AUDIO = frozenset(
    "3ga aac ac3 aif aifc aiff amr ape au awb caf dts eac3 flac gsm m4a m4b mka mp2 mp3 mpc oga ogg opus ra snd "
    "spx tta voc w64 wav wma wv".split()
)
VIDEO = frozenset(
    "3g2 3gp asf avi divx f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv qt rm ts vob webm wmv".split()
)

LeaveOut = Callable[[Path], bool]
STANDARD_INPUT = "-"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)")


@dataclass(frozen=True, slots=True)
class Input:
    """One recording to hear: `name` is for people (printable), `path` is None for standard input.

    `size` in bytes is None for what can be read only once: standard input, a named pipe.
    """

    name: str
    path: Path | None
    size: int | None


def find_inputs(named: Sequence[str], *, leave_out: LeaveOut) -> tuple[list[Input], list[RecordingError]]:
    """Return the recordings in the order named, each once, and what was wrong with the names that gave none.

    Folders for which `leave_out` is true are not searched.
    Raises UsageError for what no recording can be: nothing at all, a URL, a terminal as standard input.
    """
    if not named:
        raise UsageError("name at least one recording, for example: ./invoke transcribe --file interview.mp3")
    found: dict[str, Input] = {}
    problems: list[RecordingError] = []
    for name in named:
        try:
            for path in _paths(name, leave_out, problems):
                key = STANDARD_INPUT if path is None else os.path.realpath(path)
                found.setdefault(key, _input(path))
        except RecordingError as problem:
            problems.append(problem)
    return list(found.values()), problems


def seconds(text: str, *, option: str) -> float:
    """Read a time given as seconds or [HH:]MM:SS[.s]; raises UsageError."""
    match = _CLOCK.fullmatch(text.strip())
    hours, minutes, rest = match.groups(default="0") if match else ("0", "0", "inf")
    whole, part = int(hours) * 3600 + int(minutes) * 60, float(rest.replace(",", "."))
    if (match is None) or (match[2] and part >= 60) or (match[1] and int(minutes) >= 60):
        raise UsageError(
            f"{option} {printable(text)!r} is not a time: give seconds or [HH:]MM:SS, such as 90 or 1:30.5"
        )
    return whole + part


def printable(name: str) -> str:
    """A name as it may be shown: bytes that are no text, and control characters, are made visible."""
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in decoded)


def _paths(name: str, leave_out: LeaveOut, problems: list[RecordingError]) -> Iterator[Path | None]:
    shown = printable(name)
    if name == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "- means standard input, and nothing is piped in: name a file, or pipe a recording"
            )
        yield None
        return
    if not name.strip():
        raise UsageError("the name of a recording is empty")
    if _URL.match(name):
        raise UsageError(f"{shown} is a web address: download it first, then name the file")
    path = Path(os.path.expanduser(name))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if glob.has_magic(name):
            yield from _in_pattern(str(path), leave_out, problems)
            return
        if path.is_symlink():
            raise RecordingMissing(f"{shown} is a link to a file that does not exist", name=shown) from None
        raise RecordingMissing(f"{shown} does not exist: check the path", name=shown) from None
    except OSError as error:
        raise RecordingUnreadable(f"{shown} cannot be opened: {error.strerror}", name=shown) from error
    if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
        yield path
        return
    if not stat.S_ISDIR(mode):
        raise RecordingUnreadable(f"{shown} is a device, not a recording", name=shown)
    before = len(problems)
    in_folder = list(_in_folder(path, leave_out, problems))
    yield from in_folder
    if not in_folder and len(problems) == before:
        raise RecordingMissing(
            f"the folder {shown} holds no audio or video: name a file in it to have it tried whatever its ending",
            name=shown,
        )


def _in_folder(folder: Path, leave_out: LeaveOut, problems: list[RecordingError]) -> Iterator[Path]:
    """Every file below the folder that its ending calls audio or video, by name, hidden ones left out."""

    def unreadable(error: OSError) -> None:
        shown = printable(str(error.filename))
        problems.append(
            RecordingUnreadable(f"the folder {shown} may not be read: {error.strerror}", name=shown)
        )

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(
            (f for f in folders if not f.startswith(".") and not leave_out(Path(here, f))), key=_by_name
        )
        for file in sorted(filter(_is_recording, files), key=_by_name):
            if _is_there(Path(here, file), problems):
                yield Path(here, file)


def _is_there(path: Path, problems: list[RecordingError]) -> bool:
    """Whether a file that a search found can be read as one: a pipe or a device must be named to be waited for."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        shown = printable(str(path))
        dangling = isinstance(error, FileNotFoundError)
        why = "is a link to a file that does not exist" if dangling else f"cannot be opened: {error.strerror}"
        kind = RecordingMissing if dangling else RecordingUnreadable
        problems.append(kind(f"{shown} {why}", name=shown))
        return False


def _in_pattern(pattern: str, leave_out: LeaveOut, problems: list[RecordingError]) -> Iterator[Path]:
    before, found = len(problems), list[Path]()
    for match in sorted(glob.glob(pattern, recursive=True), key=_by_name):
        path = Path(match)
        if path.is_dir():
            found += _in_folder(path, leave_out, problems)
        elif _is_recording(path.name) and _is_there(path, problems):
            found.append(path)
    yield from found
    if not found and len(problems) == before:
        shown = printable(pattern)
        raise RecordingMissing(f"no audio or video matches {shown}: check the pattern", name=shown)


def _is_recording(file: str) -> bool:
    return not file.startswith(".") and Path(file).suffix[1:].lower() in AUDIO | VIDEO


def _by_name(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _input(path: Path | None) -> Input:
    if path is None:
        return Input("standard input", None, None)
    return Input(printable(str(path)), path, path.stat().st_size if path.is_file() else None)
