"""Every setting as a person sees it: its value, where that came from, and what it takes."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass

from runner.screen.tables import print_json, print_line, print_table
from runner.settings import (
    FILE_VARIABLE,
    PREFIX,
    Settings,
    is_secret,
    load_settings,
    nearest,
    settings_file,
    takes,
    variable,
)


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting as a person sees it; `value` and `default` are plain JSON values, a secret's is masked.

    `origin` is default, environment NAME, file PATH, command line, or language CODE for a model that it picked.
    """

    name: str
    value: str | int | float | bool | None
    default: str | int | float | bool | None
    origin: str
    variable: str
    takes: str
    doc: str


def describe(settings: Settings) -> list[Knob]:
    """Every knob in the order in which Settings declares them."""
    return [
        Knob(
            name=name,
            value=_shown(name, getattr(settings, name)),
            default=_shown(name, field.default),
            origin=settings._origins.get(name, "default"),
            variable=variable(name),
            takes=takes(name),
            doc=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def unknown_variables() -> dict[str, str | None]:
    """The variables that begin as ours do but name no knob, each with the one that was probably meant."""
    known = {*Settings.model_fields, FILE_VARIABLE.removeprefix(PREFIX).lower()}
    unknown: dict[str, str | None] = {}
    for spelt in sorted(os.environ):
        name = spelt.upper().removeprefix(PREFIX).lower()
        if spelt.upper().startswith(PREFIX) and name not in known:
            near = nearest(name, known)
            unknown[spelt] = PREFIX + near.upper() if near else None
    return unknown


def show_settings(as_json: bool = False) -> int:
    """Print every knob on stdout, and on stderr what looks like a knob and is none; the exit code is 0."""
    knobs, unknown, path = describe(load_settings()), unknown_variables(), settings_file()
    if as_json:
        file = {"path": str(path), "exists": path.is_file()}
        print_json({"file": file, "settings": [asdict(knob) for knob in knobs], "unknown": unknown})
    else:
        headings = ("Setting", "Value", "From", "What it does")
        print_table(headings, [(knob.name, str(knob.value), knob.origin, knob.doc) for knob in knobs])
        print_line(f"\nSettings file: {path}{'' if path.is_file() else ' (there is none)'}")
        print_line(f"In the environment a setting is named {PREFIX} and its name in capitals.")
    for name, meant in unknown.items():
        sys.stderr.write(
            f"{name} is no setting and does nothing{f'; did you mean {meant}?' if meant else '.'}\n"
        )
    return 0


def _shown(name: str, value: object) -> str | int | float | bool | None:
    if is_secret(name):
        return "********" if value else None
    return value if isinstance(value, str | int | float | bool) else str(value)
