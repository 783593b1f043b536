"""The one model of an image, put where the runner looks for it, whole and unchangeable.

    python -m runner.machine.model hub|demonstration|FOLDER --cache CACHE [--id ID] [--style STYLE] [--pinned JSON]

`--pinned` holds a revision of the hub with its files, {"revision": …, "files": {name: {"size": …, "sha256": …}}};
without it the present revision is taken, and what is printed can be written down as the pin. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner.engine.models import compatibility, layout, store
from runner.engine.models.chain import find_checkpoint
from runner.engine.models.demonstration import DEMONSTRATION, demonstration
from runner.engine.models.registry import STANDARD
from runner.errors import ModelInvalid, TranscriberError

HUB, DEMONSTRATION_SOURCE = "hub", "demonstration"
PATIENCE = 30.0  # seconds that the hub may be silent


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which model, from where: hub, demonstration, or the path of a folder; `pinned` is a revision with its files."""

    source: str
    id: str
    style: str = STANDARD
    pinned: Mapping[str, Any] | None = None


def hold(wanted: Wanted, cache: Path) -> tuple[store.Record, bool]:
    """Have the model in `cache`, every byte compared with its sum; returns its record, and whether anything was done.

    Raises ModelUnavailable, ModelInvalid, DiskFull and OutputNotWritable.
    """
    model = DEMONSTRATION if wanted.source == DEMONSTRATION_SOURCE else wanted.id
    before = store.drop_damaged(cache, model, wanted.style, _notice)
    if wanted.source == DEMONSTRATION_SOURCE:
        record = demonstration(cache, _notice)
    elif wanted.source == HUB:
        record = _from_hub(wanted, cache)
    else:
        record = _from_folder(Path(wanted.source), wanted, cache)
    if record != before and (damaged := store.damaged(cache, record)):  # what was there was compared already
        raise ModelInvalid(f"{', '.join(damaged)} of {record.id} differ from their sums", model=record.id)
    _check_pin(record, wanted)
    cleared = _clear(cache, record)
    loosened = _seal(cache, record)
    return record, before != record or cleared or loosened


def _from_hub(wanted: Wanted, cache: Path) -> store.Record:
    """Fetch the pinned revision, or the present one; the record is the runner's own means to hold a revision."""
    if wanted.pinned:
        pinned = _pinned_record(wanted, wanted.pinned)
        if store.read_record(cache, wanted.id, wanted.style) != pinned:
            store.write_record(cache, pinned)
    find_checkpoint(
        wanted.id,
        cache=cache,
        hub_timeout=PATIENCE,
        allow_demonstration=False,
        notice=_notice,
        style=wanted.style,
    )
    record = store.read_record(cache, wanted.id, wanted.style)
    assert record is not None  # it was found there
    return record


def _pinned_record(wanted: Wanted, pinned: Mapping[str, Any]) -> store.Record:
    files = {
        name: store.File(int(file["size"]), str(file["sha256"])) for name, file in pinned["files"].items()
    }
    return store.Record(wanted.id, str(pinned["revision"]), HUB, files, wanted.style)


def _from_folder(folder: Path, wanted: Wanted, cache: Path) -> store.Record:
    """Copy a checkpoint that somebody put on the machine; its revision is named by the sum of its weights."""
    compatibility.check_folder(folder, wanted.id)
    names = layout.needed({path.name for path in folder.iterdir()})
    files = {name: store.File((folder / name).stat().st_size, store.sha256(folder / name)) for name in names}
    revision = layout.revision(files[name].sha256 or "" for name in layout.weights(names))
    record = store.Record(wanted.id, revision, "folder", files, wanted.style)
    if _is_held(record, cache):
        return record
    with store.writing(cache), store.exclusive(cache, wanted.id, _notice, wanted.style):
        if _is_held(record, cache):  # by the process that was waited for
            return record
        store.ensure_space(cache, sum(file.size for file in files.values()))
        with store.workplace(cache, wanted.id, wanted.style) as place:
            made = place / "made"
            made.mkdir()
            for name in names:
                shutil.copyfile(folder / name, made / name)
            store.folder_of(cache, record).parent.mkdir(parents=True, exist_ok=True)
            store.put(made, cache, record)
    return record


def _is_held(record: store.Record, cache: Path) -> bool:
    return store.read_record(cache, record.id, record.style) == record and not store.incomplete(cache, record)


def _check_pin(record: store.Record, wanted: Wanted) -> None:
    """The demonstration model's revision and the hub's must be the pinned ones."""
    if wanted.pinned and record.revision != wanted.pinned["revision"]:
        raise ModelInvalid(
            f"{record.id} is here at revision {record.revision}, and versions.yml holds {wanted.pinned['revision']}: "
            "remove it from the machine, or mend versions.yml",
            model=record.id,
        )


def _clear(cache: Path, record: store.Record) -> bool:
    """Remove other revisions of the model; returns whether there were any."""
    others = [
        path for path in store.home(cache, record.id, record.style).iterdir() if path.name != record.revision
    ]
    for path in others:
        shutil.rmtree(path)
    return bool(others)


def _seal(cache: Path, record: store.Record) -> bool:
    """Let everybody read the models and nobody change them; returns whether that was otherwise."""
    store.record_path(cache, record.id, record.style).with_suffix(".lock").unlink(missing_ok=True)
    changed = False
    for path in [store.models(cache), *store.models(cache).rglob("*")]:
        mode = 0o755 if path.is_dir() else 0o444
        about = path.stat()
        if about.st_mode & 0o7777 != mode or (about.st_uid, about.st_gid) != (os.geteuid(), os.getegid()):
            changed = True
            os.chown(path, os.geteuid(), os.getegid())
            path.chmod(mode)
    return changed


def _notice(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - who bakes an image reads this


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words ask for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runner.machine.model", description="Hold a model.")
    parser.add_argument("source", help="hub, demonstration, or a folder")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--id", default=DEMONSTRATION)
    parser.add_argument("--style", default=STANDARD)
    parser.add_argument("--pinned", type=json.loads, default=None)
    asked = parser.parse_args(words)
    wanted = Wanted(asked.source, asked.id, asked.style, asked.pinned or None)
    try:
        record, changed = hold(wanted, asked.cache)
    except TranscriberError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    folder = store.folder_of(asked.cache, record)
    print(json.dumps({"changed": changed, "folder": str(folder), **asdict(record)}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
