"""Styles are revisions on the hub: held side by side, each at the commit that its name stood for, and never mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engine.models import store
from runner.engine.models.chain import Checkpoint, cached_models, damaged_files, find_checkpoint
from runner.errors import ModelInvalid, ModelUnavailable, UsageError
from tests.support.fetching import MODEL, content, fetch
from tests.support.hub import Hub, Status
from tests.support.whisper import WEIGHTS, checkpoint_files


def find(
    cache: Path,
    style: str = "standard",
    language: str = "auto",
    *,
    model: str = MODEL,
    demonstrate: bool = False,
) -> Checkpoint:
    return find_checkpoint(
        model,
        cache=cache,
        hub_timeout=20.0,
        allow_demonstration=demonstrate,
        notice=print,
        style=style,
        language=language,
    )


@pytest.fixture
def commits(hub: Hub) -> dict[str, str]:
    """A model in three styles, and the commit of each."""
    names = {"standard": "main", "subtitle": "subtitle", "strict": "strict"}
    return {
        style: hub.publish(MODEL, checkpoint_files(kilobytes=1, seed=seed), revision=name)
        for seed, (style, name) in enumerate(names.items())
    }


def test_each_style_is_the_revision_of_its_name(commits: dict[str, str], tmp_path: Path) -> None:
    found = {style: find(tmp_path, style) for style in commits}

    assert {style: one.model.revision for style, one in found.items()} == commits
    assert {style: one.model.style for style, one in found.items()} == {style: style for style in commits}
    assert len({one.folder for one in found.values()}) == 3
    for seed, style in enumerate(commits):
        record = store.read_record(tmp_path, MODEL, style)
        assert record is not None
        assert content(tmp_path, record) == checkpoint_files(kilobytes=1, seed=seed)


def test_a_style_is_held_at_its_commit(hub: Hub, commits: dict[str, str], tmp_path: Path) -> None:
    first = find(tmp_path, "strict")
    hub.publish(MODEL, checkpoint_files(kilobytes=1, seed=9), revision="strict")
    hub.asked.clear()

    again = find(tmp_path, "strict")

    assert (again.model.revision, again.model.source) == (first.model.revision, "cache")
    assert hub.asked == []


def test_a_lost_file_comes_back_at_the_commit_and_not_at_the_name(
    hub: Hub, commits: dict[str, str], tmp_path: Path
) -> None:
    first = find(tmp_path, "strict")
    hub.publish(MODEL, checkpoint_files(kilobytes=1, seed=9), revision="strict")
    (first.folder / "config.json").unlink()

    again = find(tmp_path, "strict")

    assert again.model.revision == commits["strict"]
    assert (again.folder / "config.json").read_bytes() == checkpoint_files(kilobytes=1, seed=2)["config.json"]


def test_the_cache_lists_each_style_by_itself(commits: dict[str, str], tmp_path: Path) -> None:
    for style in ("standard", "strict"):
        find(tmp_path, style)
    (find(tmp_path, "strict").folder / WEIGHTS).write_bytes(b"short")

    held = {model.style: model for model in cached_models(tmp_path)}

    assert {style: (model.id, model.complete) for style, model in held.items()} == {
        "standard": (MODEL, True),
        "strict": (MODEL, False),
    }
    assert damaged_files(MODEL, tmp_path) == []
    assert damaged_files(MODEL, tmp_path, "strict") == [WEIGHTS]


def test_a_style_that_the_hub_has_not_is_told(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(kilobytes=1))

    with pytest.raises(
        UsageError, match=r"org/whisper has no style subtitle: .* has no revision of that name"
    ):
        find(tmp_path, "subtitle")

    assert store.records(tmp_path) == []


def test_a_style_that_a_known_model_has_not_is_told_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NbAiLab/nb-whisper-small has no style strict"):
        find(tmp_path, "strict", model="NbAiLab/nb-whisper-small")

    assert hub.asked == []


def test_without_the_hub_the_style_is_named_in_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    hub.faults[""] = [Status(503)]

    with pytest.raises(ModelUnavailable, match="no weights of org/whisper in style strict here") as raised:
        find(tmp_path, "strict")

    assert str(store.home(tmp_path, MODEL, "strict")) in str(raised.value)


def test_a_record_from_before_there_were_styles_is_of_the_standard_one(
    commits: dict[str, str], tmp_path: Path
) -> None:
    find(tmp_path)
    path = store.record_path(tmp_path, MODEL)
    path.write_text(path.read_text().replace('"style": "standard"', '"also": "new"'))

    assert find(tmp_path).model.style == "standard"


def test_files_put_there_by_hand_are_listed_without_a_revision(tmp_path: Path) -> None:
    folder = store.home(tmp_path, MODEL, "subtitle")
    folder.mkdir(parents=True)
    for name, body in checkpoint_files(kilobytes=1).items():
        (folder / name).write_bytes(body)

    (held,) = cached_models(tmp_path)

    assert (held.id, held.style, held.source, held.revision) == (MODEL, "subtitle", "folder", "")
    assert find(tmp_path, "subtitle").model.source == "folder"


def test_an_unknown_language_is_told_before_the_weights_come(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(kilobytes=1))

    with pytest.raises(UsageError, match="org/whisper does not know the language 'fo'"):
        find(tmp_path, language="fo")

    assert hub.sent(WEIGHTS) == 0
    assert find(tmp_path, language="sv").model.source == "hub"


def test_an_unknown_language_is_told_of_a_cached_model_too(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(kilobytes=1))
    fetch(tmp_path)

    with pytest.raises(UsageError, match="does not know the language 'fo'"):
        find(tmp_path, language="fo")


def test_a_cached_model_that_does_not_fit_is_refused_before_it_is_loaded(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(kilobytes=1)
    files["config.json"] = files["config.json"].replace(b'"d_model": 8', b'"d_model": 16')
    hub.publish(MODEL, files)

    with pytest.raises(ModelInvalid, match=r"do not fit its config\.json"):
        find(tmp_path)


def test_an_english_only_model_is_refused_before_its_weights_come(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(kilobytes=1)
    files["generation_config.json"] = b'{"is_multilingual": false}'
    hub.publish(MODEL, files)

    with pytest.raises(ModelInvalid, match="English-only"):
        find(tmp_path)

    assert hub.sent(WEIGHTS) == 0
    assert store.records(tmp_path) == []


def test_a_lora_adapter_on_the_hub_is_refused_before_anything_comes(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, {"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights"})

    with pytest.raises(ModelInvalid, match="is a LoRA adapter"):
        find(tmp_path)

    assert hub.names() == ["listing"]
