"""From a model's name to a folder of weights: the cache, else the hub, else the demonstration model."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.engine.models import layout, store
from runner.engine.models.demonstration import DEMONSTRATION, demonstration
from runner.errors import ModelInvalid, ModelUnavailable
from runner.transcript import Fallback, Model

__all__ = ["DEMONSTRATION", "CachedModel", "Checkpoint", "cached_models", "damaged_files", "find_checkpoint"]

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_DIGITS = 12  # of a SHA-256 that names the revision of a folder


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights in transformers' layout, what they are, and what was wanted instead."""

    folder: Path
    model: Model
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True)
class CachedModel:
    """A model in the cache: `size` is the bytes that its folder takes, `complete` that it can be used."""

    id: str
    revision: str
    source: str
    size: int
    folder: Path
    complete: bool


def find_checkpoint(
    model: str,
    *,
    cache: Path,
    hub_timeout: float,
    allow_demonstration: bool,
    notice: Callable[[str], None],
    progress: Callable[[str, int, int], None] | None = None,
) -> Checkpoint:
    """Find the weights of `model`, a folder or a hub id, fetching them where they are not in `cache`.

    Each step away from what was asked is told to `notice`, one sentence a call, and recorded in the checkpoint.
    `hub_timeout` is the seconds that the hub may be silent; where it cannot be reached and `allow_demonstration` is
    true, the demonstration model serves. A download calls `progress` with the model's id, the bytes here and the
    bytes in all, after every 64 KiB. A cached model is found without the network, and held to its revision.
    Raises ModelUnavailable, ModelInvalid, DiskFull and OutputNotWritable.
    """
    if (folder := _named_folder(model)) is not None:
        return _from_folder(folder, str(folder), cache)
    if not _HUB_ID.fullmatch(model):
        raise ModelInvalid(
            f"{model!r} is neither a folder here nor a hub id such as {DEMONSTRATION}", model=model
        )
    record = store.read_record(cache, model)
    if record:
        lacking = store.incomplete(cache, record)
        if not lacking:
            return _from_record(
                record, cache, "demonstration" if record.source == "demonstration" else "cache"
            )
        if all(file.sha256 for file in record.files.values()):
            notice(f"{model} in the cache is incomplete ({', '.join(lacking)}): fetching what is missing.")
    elif (store.home(cache, model) / "config.json").is_file():  # put there by hand
        return _from_folder(store.home(cache, model), model, cache)
    return _from_afar(model, cache, hub_timeout, allow_demonstration, notice, progress)


def _named_folder(model: str) -> Path | None:
    """The folder that `model` names; None where it is a hub id. Raises ModelInvalid where it is not there."""
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path.resolve()
    if path.is_file():
        raise ModelInvalid(f"{model} is a file: name the folder that holds a model's files", model=model)
    if model.startswith(("/", "./", "../", "~")):
        raise ModelInvalid(f"there is no folder {model}: name one that holds a model's files", model=model)
    return None


def _from_folder(folder: Path, name: str, cache: Path) -> Checkpoint:
    layout.check_folder(folder, name)
    return Checkpoint(folder, Model(name, layout.digest(folder, cache)[:_DIGITS], "folder"))


def _from_record(
    record: store.Record, cache: Path, source: str, fallbacks: tuple[Fallback, ...] = ()
) -> Checkpoint:
    return Checkpoint(store.folder_of(cache, record), Model(record.id, record.revision, source), fallbacks)


def _from_afar(
    model: str,
    cache: Path,
    hub_timeout: float,
    allow_demonstration: bool,
    notice: Callable[[str], None],
    progress: Callable[[str, int, int], None] | None,
) -> Checkpoint:
    from runner.engine.models import hub  # half a second that a cached model does not cost

    by_hand = f"put the files of {model} in {store.home(cache, model)}, or name their folder with --model"
    try:
        record = hub.download(model, cache=cache, timeout=hub_timeout, notice=notice, progress=progress)
        return _from_record(record, cache, "hub")
    except hub.HubUnreachable as error:
        reason = str(error)
    if not allow_demonstration:
        raise ModelUnavailable(
            f"there are no weights of {model} here and the hub gives none ({reason}): {by_hand}",
            model=model,
            tried=("cache", "hub"),
        )
    try:
        record = demonstration(cache, notice)
    except ModelUnavailable as error:
        raise ModelUnavailable(
            f"there are no weights of {model} here, the hub gives none ({reason}) and {error}: {by_hand}",
            model=model,
            tried=("cache", "hub", "index"),
        ) from error
    if model == DEMONSTRATION:
        notice(f"The hub gives no {model} ({reason}): using the same weights from the package index.")
        return _from_record(record, cache, "demonstration")
    notice(
        f"NOT {model}: the hub cannot give it ({reason}), so the demonstration model {DEMONSTRATION} transcribes, "
        f"whose Swedish is far below it. For the real one, {by_hand} (they are at {hub.endpoint()}/{model})."
    )
    return _from_record(record, cache, "demonstration", (Fallback("model", model, record.id, reason),))


def cached_models(cache: Path) -> list[CachedModel]:
    """What the cache holds, by name, without reading weights; a download that was cut is there as not complete."""
    found = []
    for record in store.records(cache):
        home = store.home(cache, record.id)
        size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        complete = not store.incomplete(cache, record)
        found.append(
            CachedModel(
                record.id, record.revision, record.source, size, store.folder_of(cache, record), complete
            )
        )
    return found


def damaged_files(model: str, cache: Path) -> list[str]:
    """Names of the cached files of `model` whose bytes are not those that were recorded; reads every byte."""
    record = store.read_record(cache, model)
    return store.damaged(cache, record) if record else []
