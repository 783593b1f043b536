"""The table of models: what a language picks, which styles there are, and that nothing in it is made up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from runner.engine.models.chain import is_hub_id
from runner.engine.models.registry import (
    REGISTRY,
    STYLES,
    Entry,
    check_style,
    default_model,
    entry_of,
    nearest,
    unsuited,
)
from runner.errors import UsageError
from runner.settings import Settings


@pytest.mark.parametrize(
    ("language", "model"),
    [
        ("sv", "KBLab/kb-whisper-small"),
        ("no", "NbAiLab/nb-whisper-small"),
        ("nn", "NbAiLab/nb-whisper-small"),
        ("da", "CoRal-project/roest-v3-whisper-1.5b"),
        ("fi", "Finnish-NLP/whisper-large-finnish-v3"),
        ("is", "language-and-voice-lab/whisper-large-icelandic-62640-steps-967h"),
        ("en", "openai/whisper-small"),
        ("auto", "openai/whisper-small"),
        ("de", "openai/whisper-small"),
    ],
)
def test_a_language_picks_a_model_made_for_it(language: str, model: str) -> None:
    assert default_model(language) == model


def test_no_model_is_listed_twice_and_no_language_has_two_defaults() -> None:
    ids = [entry.id for entry in REGISTRY]
    defaults = [language for entry in REGISTRY for language in entry.default_for]
    assert len(set(ids)) == len(ids)
    assert len(set(defaults)) == len(defaults)
    assert all(map(is_hub_id, ids))


def test_a_default_is_made_for_its_language() -> None:
    for entry in REGISTRY:
        assert not entry.languages or set(entry.default_for) <= set(entry.languages)


def test_the_table_holds_no_revision() -> None:
    """A commit written by hand would be one that somebody made up."""
    source = Path(sys.modules[Entry.__module__].__file__ or "").read_text(encoding="utf-8")
    assert not re.search(r"\b[0-9a-f]{12,64}\b", source)


def test_the_settings_take_the_styles_of_the_table() -> None:
    assert get_args(Settings.model_fields["style"].annotation) == STYLES


@pytest.mark.parametrize("style", STYLES)
def test_kb_whisper_has_every_style(style: str) -> None:
    check_style("KBLab/kb-whisper-small", style)


def test_a_style_that_a_model_has_not_is_refused_with_one_that_has_it() -> None:
    with pytest.raises(UsageError) as raised:
        check_style("NbAiLab/nb-whisper-small", "strict")
    assert str(raised.value) == (
        "NbAiLab/nb-whisper-small has no style strict, only standard: leave --style out, or name a model that has it "
        "with --model, such as KBLab/kb-whisper-small"
    )


def test_a_folder_has_no_styles(tmp_path: Path) -> None:
    check_style(str(tmp_path), "standard")
    with pytest.raises(UsageError, match="is a folder, which holds one"):
        check_style(str(tmp_path), "subtitle")


def test_styles_of_models_that_nobody_knows_are_left_to_the_hub() -> None:
    check_style("org/whisper", "strict")
    check_style("KBLab/kb-whisper-base", "strict")


def test_what_is_no_style_is_refused() -> None:
    with pytest.raises(UsageError, match="takes standard, subtitle or strict"):
        check_style("KBLab/kb-whisper-small", "verbatim")


def test_a_model_for_another_language_is_doubted_and_a_better_one_named() -> None:
    doubt = unsuited("KBLab/kb-whisper-small", "fi")
    assert doubt is not None
    assert "Finnish-NLP/whisper-large-finnish-v3" in doubt


@pytest.mark.parametrize(
    ("model", "language"),
    [
        ("KBLab/kb-whisper-small", "sv"),
        ("KBLab/kb-whisper-small", "auto"),
        ("openai/whisper-base", "fi"),
        ("me/mine", "fi"),
    ],
)
def test_no_other_model_is_doubted(model: str, language: str) -> None:
    assert unsuited(model, language) is None


def test_an_id_nearly_right_is_recognised() -> None:
    assert nearest("kb-wisper-small") == "KBLab/kb-whisper-small"
    assert nearest("something else entirely") is None
    assert entry_of("kb-whisper-small") is None


def test_reading_the_table_imports_none_of_the_engines_packages() -> None:
    script = (
        "import sys, runner.models, runner.session\n"
        "print({'torch', 'tokenizers', 'numpy', 'safetensors', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
