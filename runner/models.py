"""The models that are known and those in the cache: listed, downloaded, verified and removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner.door.install import ensure_engine
from runner.engine.models import compatibility, store
from runner.engine.models.chain import (
    DEMONSTRATION,
    CachedModel,
    cached_models,
    damaged_files,
    find_checkpoint,
    is_hub_id,
)
from runner.engine.models.registry import REGISTRY, STANDARD, STYLES, check_style, entry_of, nearest
from runner.errors import ModelInvalid, OutputNotWritable, UsageError
from runner.screen.bar import open_screen
from runner.screen.tables import in_gigabytes, print_json, print_line, print_table
from runner.settings import Settings, load_settings

UNKNOWN = "unknown"
_DIGITS = 12  # of a revision that a person is shown


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked: at most one of `download`, `verify` (True for all models) and `remove`; none is the list."""

    download: str | None = None
    verify: str | bool | None = None
    remove: str | None = None
    style: str | None = None
    as_json: bool = False


def carry_out(order: Order) -> int:
    """Do what was ordered and return the exit code, which is 2 where a verified model is damaged.

    Raises UsageError for orders that make no sense and for models that are not there, and what a download raises.
    """
    orders = {"--download": order.download, "--verify": order.verify, "--remove": order.remove}
    given = [name for name, model in orders.items() if model is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two things to do: ask for one at a time.")
    if order.as_json and given not in ([], ["--verify"]):
        raise UsageError(f"--json goes with the list and with --verify, and not with {given[0]}.")
    if order.style is not None:
        if not given:
            raise UsageError("--style goes with --download, --verify or --remove.")
        check_style("", order.style)
    settings = load_settings()
    if order.download is not None:
        return _download(order.download, order.style or STANDARD, settings)
    if order.verify is not None:
        return _verify(None if order.verify is True else str(order.verify), order, settings)
    if order.remove is not None:
        return _remove(order.remove, order.style, settings.cache)
    return _list(settings.cache, order.as_json)


def _list(cache: Path, as_json: bool) -> int:
    """Print the table, then what the cache holds besides."""
    cached = cached_models(cache)
    others = dict.fromkeys(model.id for model in cached if entry_of(model.id) is None)
    by_id = {
        name: [model for model in cached if model.id == name] for name in (*(e.id for e in REGISTRY), *others)
    }
    if as_json:
        print_json({"cache": str(store.models(cache)), "models": [_as_json(*pair) for pair in by_id.items()]})
        return 0
    headings = ("Model", "Languages", "Default for", "Licence", "Size", "Styles", "In the cache")
    print_table(headings, [_row(*pair) for pair in by_id.items()])
    size = in_gigabytes(sum(model.size for model in cached))
    print_line(f"\nSize counts parameters. The cache takes {size} in {store.models(cache)}.")
    print_line("Any other Whisper works too: by its id on the Hugging Face hub, or by the path of a folder.")
    return 0


def _row(name: str, cached: list[CachedModel]) -> tuple[str, ...]:
    entry = entry_of(name)
    held = "\n".join(_held(model) for model in cached)
    if entry is None:
        return name, UNKNOWN, "", UNKNOWN, UNKNOWN, UNKNOWN, held
    size = UNKNOWN if entry.parameters is None else f"{entry.parameters} M"
    styles = UNKNOWN if entry.styles is None else ", ".join(entry.styles)
    languages = ", ".join(entry.languages) or "multilingual"
    return name, languages, ", ".join(entry.default_for), entry.licence or UNKNOWN, size, styles, held


def _held(model: CachedModel) -> str:
    revision = model.revision[:_DIGITS] or "put there by hand"
    return f"{model.style} {revision}, {in_gigabytes(model.size)}" + ("" if model.complete else ", cut short")


def _as_json(name: str, cached: list[CachedModel]) -> dict[str, Any]:
    entry = entry_of(name)
    known = (
        asdict(entry)
        if entry
        else {"id": name, **dict.fromkeys(("languages", "licence", "parameters", "styles"))}
    )
    held = [{**asdict(model), "folder": str(model.folder)} for model in cached]
    return {"default_for": [], **known, "cached": held}


def _download(model: str, style: str, settings: Settings) -> int:
    """Fetch a model, or what of it is missing or damaged."""
    if not is_hub_id(model) and Path(model).expanduser().exists():
        raise UsageError(
            f"{model} is a folder or a file here, which needs no download: name it with --model."
        )
    check_style(model, style)
    ensure_engine()
    with open_screen(quiet=False, log_json=False) as screen, screen.stage(f"Looking for the model {model}"):
        store.drop_damaged(settings.cache, model, style, screen.notice)
        found = find_checkpoint(
            model,
            cache=settings.cache,
            hub_timeout=settings.hub_timeout,
            allow_demonstration=(model, style) == (DEMONSTRATION, STANDARD),
            notice=screen.notice,
            progress=screen.fetching,
            style=style,
        )
    print_line(f"{_named(found.model.id, style)} is in {found.folder}, at revision {found.model.revision}.")
    return 0


def _verify(model: str | None, order: Order, settings: Settings) -> int:
    """Read every byte of the cached models, or see whether a folder of one's own can be loaded."""
    if model is not None and not is_hub_id(model) and Path(model).expanduser().is_dir():
        ensure_engine()
        compatibility.check_folder(Path(model).expanduser(), model)
        print_line(f"{model} is a Whisper checkpoint that can be loaded; of a folder no sums are recorded.")
        return 0
    cached = [one for one in cached_models(settings.cache) if model in (None, one.id)]
    cached = [one for one in cached if order.style in (None, one.style)]
    if model is not None and not cached:
        raise _not_cached(model, order.style, settings.cache)
    results = []
    for one in cached:
        damaged = damaged_files(one.id, settings.cache, one.style)
        state = "unrecorded" if one.source == "folder" else "damaged" if damaged else "whole"
        results.append(
            {"id": one.id, "style": one.style, "revision": one.revision, "state": state, "files": damaged}
        )
        if not order.as_json:
            print_line(_verdict(one, state, damaged))
    if order.as_json:
        print_json(results)
    elif not cached:
        print_line(f"There is no model in {store.models(settings.cache)}.")
    return ModelInvalid.exit_code if any(result["state"] == "damaged" for result in results) else 0


def _verdict(model: CachedModel, state: str, damaged: list[str]) -> str:
    name = _named(model.id, model.style)
    if state == "unrecorded":
        return f"{name}: put there by hand, so there are no sums to compare with"
    if state == "whole":
        return f"{name}: whole, {in_gigabytes(model.size)}"
    style = "" if model.style == STANDARD else f" --style {model.style}"
    what = "damaged" if model.complete else "cut short"
    return (
        f"{name}: {what} ({', '.join(damaged)}); mend it with `./invoke models --download {model.id}{style}`"
    )


def _remove(model: str, style: str | None, cache: Path) -> int:
    """Remove a model from the cache, in one style or in all that are there."""
    there = [
        one for one in ((style,) if style else STYLES) if is_hub_id(model) and _is_there(cache, model, one)
    ]
    if not there:
        raise _not_cached(model, style, cache)
    with open_screen(quiet=False, log_json=False) as screen:
        for one in there:
            try:
                with store.exclusive(cache, model, screen.notice, one):
                    freed = store.remove(cache, model, one)
            except OSError as error:
                place = store.home(cache, model, one)
                raise OutputNotWritable(f"{place} cannot be removed: {error.strerror}", path=place) from error
            print_line(f"Removed {_named(model, one)}: {in_gigabytes(freed)} freed.")
    return 0


def _is_there(cache: Path, model: str, style: str) -> bool:
    return store.home(cache, model, style).exists() or store.record_path(cache, model, style).exists()


def _not_cached(model: str, style: str | None, cache: Path) -> UsageError:
    held = list(_ids(cache))
    near = model if model in held else nearest(model, held)
    hint = f"did you mean {near}?" if near and near != model else f"it holds {', '.join(held) or 'nothing'}."
    return UsageError(f"{_named(model, style or STANDARD)} is not in the cache {store.models(cache)}; {hint}")


def _ids(cache: Path) -> Iterator[str]:
    yield from dict.fromkeys(model.id for model in cached_models(cache))


def _named(model: str, style: str) -> str:
    return model if style == STANDARD else f"{model} in style {style}"
