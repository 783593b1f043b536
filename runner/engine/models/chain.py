"""From a model's name to a folder of weights: the cache, else the hub, else the demonstration model."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.engine.models import compatibility, layout, store
from runner.engine.models.demonstration import DEMONSTRATION, demonstration
from runner.engine.models.registry import STANDARD, check_style, nearest
from runner.errors import ModelInvalid, ModelUnavailable
from runner.transcript import Fallback, Model

__all__ = [
    "DEMONSTRATION", "CachedModel", "Checkpoint", "cached_models", "damaged_files", "find_checkpoint", "is_hub_id",
]  # fmt: skip

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_SPOKEN = {
    "sv": "Swedish",
    "no": "Norwegian",
    "nn": "Norwegian",
    "da": "Danish",
    "fi": "Finnish",
    "is": "Icelandic",
}


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights in transformers' layout, what they are, and what was wanted instead."""

    folder: Path
    model: Model
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True)
class CachedModel:
    """A model in the cache: `size` is the bytes that its folder takes, `complete` that it can be used.

    `source` is hub, demonstration, or folder for files put there by hand, of which no revision is recorded.
    """

    id: str
    revision: str
    source: str
    size: int
    folder: Path
    complete: bool
    style: str = STANDARD


def find_checkpoint(
    model: str,
    *,
    cache: Path,
    hub_timeout: float,
    allow_demonstration: bool,
    notice: Callable[[str], None],
    progress: Callable[[str, int, int], None] | None = None,
    style: str = STANDARD,
    language: str = "auto",
) -> Checkpoint:
    """Find the weights of `model`, a folder or a hub id, in `style`, fetching them where they are not in `cache`.

    Each step away from what was asked is told to `notice`, one sentence a call, and recorded in the checkpoint.
    `hub_timeout` is the seconds that the hub may be silent; where it cannot be reached and `allow_demonstration` is
    true, the demonstration model serves. A download calls `progress` with the model's id, the bytes here and the
    bytes in all, after every 64 KiB. A cached model is found without the network, and held to its revision.
    What is found is a checkpoint that the engine can load and that knows `language`.
    Raises ModelUnavailable, ModelInvalid, UsageError (no such language or style), DiskFull and OutputNotWritable.
    """
    search = _Search(model, style, language, cache, hub_timeout, allow_demonstration, notice, progress)
    check_style(model, style)
    found = search.run()
    if found.model.source != "folder":  # a folder was checked before its sum was taken
        compatibility.check_folder(found.folder, found.model.id)
    compatibility.check_language(found.folder, found.model.id, language)
    return found


@dataclass(frozen=True, slots=True)
class _Search:
    """What find_checkpoint was asked for."""

    model: str
    style: str
    language: str
    cache: Path
    hub_timeout: float
    allow_demonstration: bool
    notice: Callable[[str], None]
    progress: Callable[[str, int, int], None] | None

    def run(self) -> Checkpoint:
        """A folder, else the cache, else from afar."""
        model, cache = self.model, self.cache
        if (folder := _named_folder(model)) is not None:
            return self._in_folder(folder, str(folder))
        if not is_hub_id(model):
            raise ModelInvalid(
                f"{model!r} is neither a folder here nor a hub id such as {nearest(model) or DEMONSTRATION}",
                model=model,
            )
        record = store.read_record(cache, model, self.style)
        by_hand = store.home(cache, model, self.style)
        if record:
            lacking = store.incomplete(cache, record)
            if not lacking:
                return self._recorded(
                    record, "demonstration" if record.source == "demonstration" else "cache"
                )
            if all(file.sha256 for file in record.files.values()):
                self.notice(
                    f"{model} in the cache is incomplete ({', '.join(lacking)}): fetching what is missing."
                )
        elif (by_hand / "config.json").is_file():
            return self._in_folder(by_hand, model)
        return self._from_afar()

    def _in_folder(self, folder: Path, name: str) -> Checkpoint:
        compatibility.check_folder(folder, name)
        revision = layout.revision_of(folder, self.cache)
        return Checkpoint(folder, Model(name, revision, "folder", self.style))

    def _recorded(
        self, record: store.Record, source: str, fallbacks: tuple[Fallback, ...] = ()
    ) -> Checkpoint:
        model = Model(record.id, record.revision, source, record.style)
        return Checkpoint(store.folder_of(self.cache, record), model, fallbacks)

    def _from_afar(self) -> Checkpoint:
        from runner.engine.models import hub  # half a second that a cached model does not cost

        model, wanted = (
            self.model,
            self.model if self.style == STANDARD else f"{self.model} in style {self.style}",
        )
        place = store.home(self.cache, model, self.style)
        by_hand = f"put the files of {model} in {place}, or name their folder with --model"
        try:
            record = hub.download(
                model,
                cache=self.cache,
                timeout=self.hub_timeout,
                notice=self.notice,
                progress=self.progress,
                style=self.style,
                language=self.language,
            )
            return self._recorded(record, "hub")
        except hub.HubUnreachable as error:
            reason = str(error)
        if not self.allow_demonstration:
            raise ModelUnavailable(
                f"there are no weights of {wanted} here and the hub gives none ({reason}): {by_hand}",
                model=model,
                tried=("cache", "hub"),
            )
        try:
            record = demonstration(self.cache, self.notice)
        except ModelUnavailable as error:
            raise ModelUnavailable(
                f"there are no weights of {wanted} here, the hub gives none ({reason}) and {error}: {by_hand}",
                model=model,
                tried=("cache", "hub", "index"),
            ) from error
        if wanted == DEMONSTRATION:
            self.notice(
                f"The hub gives no {model} ({reason}): using the same weights from the package index."
            )
            return self._recorded(record, "demonstration")
        self.notice(
            f"NOT {wanted}: the hub cannot give it ({reason}), so the demonstration model {DEMONSTRATION} transcribes, "
            f"whose {_SPOKEN.get(self.language, 'text')} is far below it. For the real one, {by_hand} "
            f"(they are at {hub.endpoint()}/{model})."
        )
        return self._recorded(record, "demonstration", (Fallback("model", wanted, record.id, reason),))


def _named_folder(model: str) -> Path | None:
    """The folder that `model` names; None where it is a hub id. Raises ModelInvalid where it is not there."""
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path.resolve()
    if path.is_file():
        compatibility.check_file(path, model)
    if model.startswith(("/", "./", "../", "~")):
        raise ModelInvalid(f"there is no folder {model}: name one that holds a model's files", model=model)
    return None


def is_hub_id(model: str) -> bool:
    """Whether `model` looks as an id on the hub does: owner/name."""
    return bool(_HUB_ID.fullmatch(model))


def cached_models(cache: Path) -> list[CachedModel]:
    """What the cache holds, by name, without reading weights; a download that was cut is there as not complete."""
    found = []
    for record in store.records(cache):
        size = store.size_of(store.home(cache, record.id, record.style))
        complete = not store.incomplete(cache, record)
        folder = store.folder_of(cache, record)
        found.append(
            CachedModel(record.id, record.revision, record.source, size, folder, complete, record.style)
        )
    recorded = {(model.id, model.style) for model in found}
    for folder in sorted(store.models(cache).glob("*--*")):
        name, _, style = folder.name.partition("@")
        key = (name.replace("--", "/", 1), style or STANDARD)
        if key not in recorded and (folder / "config.json").is_file():
            found.append(CachedModel(key[0], "", "folder", store.size_of(folder), folder, True, key[1]))
    return found


def damaged_files(model: str, cache: Path, style: str = STANDARD) -> list[str]:
    """Names of the cached files of `model` whose bytes are not those that were recorded; reads every byte."""
    record = store.read_record(cache, model, style)
    return store.damaged(cache, record) if record else []
