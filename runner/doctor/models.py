"""The models on this machine, the one that a transcription would take, and whether it can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.doctor.disk import room
from runner.doctor.finding import Finding
from runner.doctor.reach import hub
from runner.screen.tables import in_gigabytes
from runner.settings import Settings

if TYPE_CHECKING:
    from runner.engine.models.chain import CachedModel


def models(settings: Settings) -> Iterator[Finding]:
    """Findings on the models in the cache, on the one that is set, and on the hub."""
    from runner.engine.models.chain import cached_models
    from runner.engine.models.demonstration import DEMONSTRATION

    cached = cached_models(settings.cache)
    listed = ", ".join(f"{model.id} ({', '.join(_details(model))})" for model in cached)
    yield Finding("models", "ok", listed or f"none in {settings.cache} yet")
    place = room("room (models)", settings.cache, "GPU_TRANSCRIBER_CACHE")
    folder = Path(settings.model).expanduser()
    wanted = (settings.model, settings.style)
    here = wanted in {(model.id, model.style) for model in cached if model.complete}
    if here or folder.is_dir():
        # What is there already needs no room.
        yield replace(place, state="note") if place.state == "problem" else place
    else:
        yield place
    if folder.is_dir():
        yield _in_folder(folder)
        return
    answer = hub(settings.model, settings.hub_timeout)
    yield answer
    if here:
        yield Finding("model", "ok", f"{settings.model}, from the cache")
    elif answer.state == "ok":
        yield Finding("model", "ok", f"{settings.model}, which the first transcription downloads")
    else:
        found = f"{settings.model} is neither in the cache nor to be had from the hub: {DEMONSTRATION} serves instead"
        mend = f"It is far below {settings.model}; mend the hub above, or put the model's files in a folder"
        yield Finding("model", "note", found, f"{mend} and set GPU_TRANSCRIBER_MODEL to it.")


def _details(model: CachedModel) -> list[str]:
    """What is said of a cached model in brackets; the usual style goes without saying."""
    style = [] if model.style == "standard" else [model.style]
    revision = [model.revision[:12] or "put there by hand"]
    return [*style, *revision, in_gigabytes(model.size), *([] if model.complete else ["cut short"])]


def _in_folder(folder: Path) -> Finding:
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).is_file()]
    if missing:
        mend = "Put a Whisper checkpoint in transformers' layout there, or set GPU_TRANSCRIBER_MODEL to a hub id."
        return Finding("model", "problem", f"{folder} has no {' and no '.join(missing)}", mend)
    return Finding("model", "ok", f"the folder {folder}")
