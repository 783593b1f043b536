"""The models that are known by name: one table, and which of them a language or a style asks for.

Everything here was read where its row says; what could not be read is None and shown as "unknown". No revision is
listed: a model's revision is what its first download resolves, and the store holds it from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from runner.errors import UsageError

STANDARD = "standard"
STYLES = (
    STANDARD,
    "subtitle",
    "strict",
)  # each is also the name of a revision on the hub; standard is its main
FALLBACK = "openai/whisper-small"
MEANT = {"nb": "no", "se": "sv", "dk": "da"}  # codes that people try, and the ones that Whisper has


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on the hub: `parameters` in millions; None is what nobody said, no languages are all of Whisper's.

    `default_for` are the languages that pick this model where none is named.
    """

    id: str
    languages: tuple[str, ...]
    licence: str | None
    parameters: int | None
    styles: tuple[str, ...] | None = (STANDARD,)
    default_for: tuple[str, ...] = ()


_SV, _NO = ("sv",), ("no", "nn", "en")

# Sizes of Whisper: the model card of github.com/openai/whisper. Ids are paths on huggingface.co.
REGISTRY = (
    # KBLab's cards: Apache-2.0, and since 2025-05-13 revisions "subtitle" (condensed) and "strict" (more verbatim).
    # The card of base was read without that part, so whether it has them is left to the hub.
    Entry("KBLab/kb-whisper-tiny", _SV, "Apache-2.0", 39, STYLES),
    Entry("KBLab/kb-whisper-base", _SV, "Apache-2.0", 74, None),
    Entry("KBLab/kb-whisper-small", _SV, "Apache-2.0", 244, STYLES, default_for=("sv",)),
    Entry("KBLab/kb-whisper-medium", _SV, "Apache-2.0", 769, STYLES),
    Entry("KBLab/kb-whisper-large", _SV, "Apache-2.0", 1550, STYLES),
    # github.com/NbAiLab/nb-whisper, template.md, of which the cards are made: licence, languages, parameters, and the
    # languages' tokens: no for bokmål, nn for nynorsk. Its verbatim variants are models of their own.
    Entry("NbAiLab/nb-whisper-tiny", _NO, "Apache-2.0", 39),
    Entry("NbAiLab/nb-whisper-base", _NO, "Apache-2.0", 74),
    Entry("NbAiLab/nb-whisper-small", _NO, "Apache-2.0", 244, default_for=("no", "nn")),
    Entry("NbAiLab/nb-whisper-small-verbatim", _NO, "Apache-2.0", 244),
    Entry("NbAiLab/nb-whisper-medium", _NO, "Apache-2.0", 769),
    Entry("NbAiLab/nb-whisper-large", _NO, "Apache-2.0", 1550),
    # The card of roest-v3 says a Whisper-large trained on CoRal-v3; its size is by its name, its licence was not read.
    Entry("CoRal-project/roest-v3-whisper-1.5b", ("da",), None, 1500, default_for=("da",)),
    # The card of hviske-v2: openrail, from whisper-large-v3; its size is in the table of Alvenir/coral-1-whisper-large.
    Entry("syvai/hviske-v2", ("da",), "OpenRAIL", 1540),
    # The card of hviske-v3; its size is in the table of syvai/hviske-v5.3 (which is no Whisper).
    Entry("syvai/hviske-v3-conversation", ("da",), None, 1540),
    # The hub's page of the model: Apache-2.0, Finnish.
    Entry("Finnish-NLP/whisper-large-finnish-v3", ("fi",), "Apache-2.0", None, default_for=("fi",)),
    # The hub's page of the model: CC-BY-4.0, Icelandic, from whisper-large by palli23/Whisper-Large-Spjallromur's card.
    Entry(
        "language-and-voice-lab/whisper-large-icelandic-62640-steps-967h",
        ("is",),
        "CC-BY-4.0",
        1550,
        default_for=("is",),
    ),
    # The hub's pages of the models: 99 languages; OpenAI's own repository has the same weights under MIT.
    Entry("openai/whisper-tiny", (), "Apache-2.0", 39),
    Entry("openai/whisper-base", (), "Apache-2.0", 74),
    Entry(FALLBACK, (), "Apache-2.0", 244, default_for=("en", "auto")),
    Entry("openai/whisper-medium", (), "Apache-2.0", 769),
    Entry("openai/whisper-large-v3", (), "Apache-2.0", 1550),
    Entry("openai/whisper-large-v3-turbo", (), "MIT", 809),
)
_BY_ID = {entry.id: entry for entry in REGISTRY}


def entry_of(model: str) -> Entry | None:
    """The row of a model, None where it is not in the table."""
    return _BY_ID.get(model)


def default_model(language: str) -> str:
    """The model for a language where none is named: made for it, small if there is a small one, else multilingual."""
    return next((entry.id for entry in REGISTRY if language in entry.default_for), FALLBACK)


def check_style(model: str, style: str) -> None:
    """Raise UsageError where `model`, an id or a folder, is known not to have `style`; the hub knows of others."""
    if style not in STYLES:
        raise UsageError(f"--style is {style!r}, but it takes {', '.join(STYLES[:-1])} or {STYLES[-1]}.")
    if style == STANDARD:
        return
    if model and Path(model).expanduser().exists():
        raise UsageError(
            f"--style {style} chooses among a hub model's revisions, and {model} is a folder, which holds one: "
            "leave --style out, or name the folder that holds that style"
        )
    entry = entry_of(model)
    if entry is not None and entry.styles is not None and style not in entry.styles:
        raise UsageError(
            f"{model} has no style {style}, only {' and '.join(entry.styles)}: leave --style out, or name a model that "
            f"has it with --model, such as {_with_style(style)}"
        )


def unsuited(model: str, language: str) -> str | None:
    """Say in a sentence that a model was made for other languages; None where it was not, or nobody knows."""
    entry = entry_of(model)
    if entry is None or not entry.languages or language in (*entry.languages, "auto"):
        return None
    return (
        f"{model} is made for {' and '.join(entry.languages)}, and what it writes for --language {language} will be "
        f"poor: {default_model(language)} is the choice for that."
    )


def nearest(model: str, known: Iterable[str] = tuple(_BY_ID)) -> str | None:
    """The id that was probably meant, of the table's or those `known`; its last part alone is enough."""
    short = {name.rsplit("/", 1)[-1].lower(): name for name in known}
    near = get_close_matches(model.rsplit("/", 1)[-1].lower(), list(short), n=1, cutoff=0.6)
    return short[near[0]] if near else None


def _with_style(style: str) -> str:
    return next(entry.id for entry in REGISTRY if style in (entry.styles or ()) and entry.default_for)
