"""The models on this machine, the one that a transcription would take, and whether it can be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner.doctor.disk import room
from runner.doctor.finding import Finding, in_gigabytes
from runner.doctor.reach import hub
from runner.settings import Settings


def models(settings: Settings) -> Iterator[Finding]:
    """Findings on the models in the cache, on the one that is set, and on the hub."""
    from runner.engine.models.chain import cached_models
    from runner.engine.models.demonstration import DEMONSTRATION

    cached = cached_models(settings.cache)
    listed = ", ".join(
        f"{model.id} ({model.revision[:12]}, {in_gigabytes(model.size)}{'' if model.complete else ', cut short'})"
        for model in cached
    )
    yield Finding("models", "ok", listed or f"none in {settings.cache} yet")
    place = room("room (models)", settings.cache, "GPU_TRANSCRIBER_CACHE")
    folder = Path(settings.model).expanduser()
    here = settings.model in {model.id for model in cached if model.complete}
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
        mend = f"Its Swedish is far below {settings.model}'s; mend the hub above, or put the model's files in a folder"
        yield Finding("model", "note", found, f"{mend} and set GPU_TRANSCRIBER_MODEL to it.")


def _in_folder(folder: Path) -> Finding:
    missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).is_file()]
    if missing:
        mend = "Put a Whisper checkpoint in transformers' layout there, or set GPU_TRANSCRIBER_MODEL to a hub id."
        return Finding("model", "problem", f"{folder} has no {' and no '.join(missing)}", mend)
    return Finding("model", "ok", f"the folder {folder}")
