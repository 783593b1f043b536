"""From a name to a folder of weights: every step of the chain, and what is said of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engine.models import chain as models
from runner.engine.models import store
from runner.engine.models.chain import (
    DEMONSTRATION,
    Checkpoint,
    cached_models,
    damaged_files,
    find_checkpoint,
)
from runner.errors import ModelInvalid, ModelUnavailable
from tests.support.hub import Hub, Status
from tests.support.whisper import WEIGHTS, checkpoint_files

MODEL = "org/whisper"


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")


@pytest.fixture
def told() -> list[str]:
    return []


def find(model: str, cache: Path, told: list[str], *, allow_demonstration: bool = False) -> Checkpoint:
    return find_checkpoint(
        model, cache=cache, hub_timeout=20.0, allow_demonstration=allow_demonstration, notice=told.append
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def test_the_hub_is_asked_once_and_then_the_cache_serves(hub: Hub, tmp_path: Path, told: list[str]) -> None:
    revision = hub.publish(MODEL, checkpoint_files())

    first, again = find(MODEL, tmp_path, told), find(MODEL, tmp_path, told)

    assert (first.model.id, first.model.revision, first.model.source) == (MODEL, revision, "hub")
    assert (again.model.revision, again.model.source, again.folder) == (revision, "cache", first.folder)
    assert again.fallbacks == ()
    assert hub.names().count("listing") == 1
    assert len(told) == 1
    assert "Downloading org/whisper" in told[0]


def test_a_short_file_in_the_cache_is_said_and_fetched_anew(
    hub: Hub, tmp_path: Path, told: list[str]
) -> None:
    files = checkpoint_files()
    hub.publish(MODEL, files)
    folder = find(MODEL, tmp_path, told).folder
    (folder / WEIGHTS).write_bytes(files[WEIGHTS][:1000])
    told.clear()

    again = find(MODEL, tmp_path, told)

    assert (again.folder / WEIGHTS).read_bytes() == files[WEIGHTS]
    assert told[0] == f"{MODEL} in the cache is incomplete ({WEIGHTS}): fetching what is missing."


def test_a_cached_model_needs_neither_the_network_nor_the_hubs_library(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files())
    find(MODEL, tmp_path, [])
    script = (
        "import sys; from pathlib import Path; from runner.engine.models.chain import find_checkpoint\n"
        "found = find_checkpoint(sys.argv[1], cache=Path(sys.argv[2]), hub_timeout=1.0, allow_demonstration=False,"
        " notice=print)\n"
        "print(found.model.source, {'huggingface_hub', 'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, MODEL, str(tmp_path)],
        env=os.environ | {"HF_ENDPOINT": "https://hub.invalid"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "cache set()", done.stderr


def test_a_folder_is_used_where_it_stands(tmp_path: Path, told: list[str]) -> None:
    folder = write(tmp_path / "my model", checkpoint_files())

    found = find(str(folder), tmp_path / "cache", told)

    assert (found.folder, found.model.id, found.model.source) == (folder, str(folder), "folder")
    assert store.sha256(folder / WEIGHTS).startswith(found.model.revision)
    assert told == []


def test_a_folders_revision_follows_its_weights(tmp_path: Path, told: list[str]) -> None:
    folder = write(tmp_path / "model", checkpoint_files(seed=0))
    first, same = (find(str(folder), tmp_path, told).model.revision for _ in range(2))
    write(folder, checkpoint_files(seed=1))
    os.utime(folder / WEIGHTS, (1, 1))

    assert first == same != find(str(folder), tmp_path, told).model.revision


def test_files_put_into_the_cache_by_hand_are_found(tmp_path: Path, told: list[str]) -> None:
    folder = write(store.home(tmp_path, MODEL), checkpoint_files())

    found = find(MODEL, tmp_path, told)

    assert (found.folder, found.model.id, found.model.source) == (folder, MODEL, "folder")


@pytest.fixture
def demonstration_cache(tmp_path: Path) -> Path:
    """A cache in which the demonstration model was made before; its weights do not matter here."""
    folder = write(tmp_path / "made", checkpoint_files())
    files = {path.name: store.File(path.stat().st_size, store.sha256(path)) for path in folder.iterdir()}
    record = store.Record(DEMONSTRATION, "made", "demonstration", files)
    store.home(tmp_path / "cache", DEMONSTRATION).mkdir(parents=True)
    store.put(folder, tmp_path / "cache", record)
    return tmp_path / "cache"


def config(kind: str) -> bytes:
    return json.dumps({"model_type": kind}).encode()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"config.json": None}, "has no config.json"),
        ({"config.json": b"{"}, "config.json of .* cannot be read"),
        ({"config.json": b"[]"}, "config.json of .* cannot be read"),
        ({"config.json": config("wav2vec2")}, "is a wav2vec2 model and not Whisper"),
        ({"tokenizer.json": None}, "has no tokenizer.json"),
        ({WEIGHTS: None}, "has no weights"),
        ({WEIGHTS: None, "config.json": b"{}", "model.bin": b"x"}, "holds CTranslate2's model.bin"),
        ({WEIGHTS: None, "config.json": None, "model.bin": b"x"}, "holds CTranslate2's model.bin"),
        ({WEIGHTS: checkpoint_files()[WEIGHTS][:-1]}, "is cut short or damaged"),
        ({WEIGHTS: b""}, "is cut short or damaged"),
        ({WEIGHTS: b"version https://git-lfs.github.com/spec/v1\noid"}, "git lfs pull"),
    ],
)
def test_a_folder_that_holds_no_checkpoint_is_refused(
    tmp_path: Path, told: list[str], changes: dict[str, bytes | None], says: str
) -> None:
    files = {name: body for name, body in (checkpoint_files() | changes).items() if body is not None}
    folder = write(tmp_path / "model", files)

    with pytest.raises(ModelInvalid, match=says):
        find(str(folder), tmp_path, told)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "../nothing", "~/no such folder"])
def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path, told: list[str], name: str) -> None:
    with pytest.raises(ModelInvalid, match="there is no folder"):
        find(name, tmp_path, told)


def test_a_file_is_no_model(tmp_path: Path, told: list[str]) -> None:
    folder = write(tmp_path, checkpoint_files())

    with pytest.raises(ModelInvalid, match="name the folder"):
        find(str(folder / WEIGHTS), tmp_path, told)


@pytest.mark.parametrize(
    "name", ["", "small", "org/name/more", "org/../name", "org/..", "hub:org/name", "ö/ä"]
)
def test_what_is_neither_a_folder_nor_an_id_is_refused(tmp_path: Path, told: list[str], name: str) -> None:
    with pytest.raises(ModelInvalid, match="neither a folder here nor a hub id"):
        find(name, tmp_path / "cache", told)


def test_without_the_hub_the_demonstration_model_serves_and_says_so(
    no_hub: None, demonstration_cache: Path, told: list[str]
) -> None:
    found = find(MODEL, demonstration_cache, told, allow_demonstration=True)

    assert (found.model.id, found.model.source) == (DEMONSTRATION, "demonstration")
    (fallback,) = found.fallbacks
    assert (fallback.subject, fallback.wanted, fallback.used) == ("model", MODEL, DEMONSTRATION)
    assert "hub.invalid" in fallback.reason
    assert told[-1].startswith(f"NOT {MODEL}: ")
    assert "far below" in told[-1]
    assert str(store.home(demonstration_cache, MODEL)) in told[-1]


def test_the_demonstration_model_asked_for_by_name_is_no_fall_back(
    no_hub: None, demonstration_cache: Path, told: list[str]
) -> None:
    found = find(DEMONSTRATION, demonstration_cache, told, allow_demonstration=True)

    assert (found.model.source, found.fallbacks) == ("demonstration", ())


def test_without_the_hub_and_without_a_demonstration_it_says_where_to_put_a_model(
    no_hub: None, tmp_path: Path, told: list[str]
) -> None:
    with pytest.raises(ModelUnavailable, match=r"hub\.invalid.*--model") as raised:
        find(MODEL, tmp_path, told)

    assert str(store.home(tmp_path, MODEL)) in str(raised.value)
    assert (raised.value.exit_code, raised.value.tried) == (2, ("cache", "hub"))


@pytest.mark.parametrize("model", [MODEL, DEMONSTRATION])
def test_without_hub_and_index_one_sentence_says_it_all(
    no_hub: None, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))

    with pytest.raises(ModelUnavailable) as raised:
        find(model, tmp_path, told, allow_demonstration=True)

    sentence = str(raised.value)
    assert "\n" not in sentence
    assert all(part in sentence for part in (model, "hub.invalid", "package index", "--model"))
    assert str(store.home(tmp_path, model)) in sentence
    assert raised.value.tried == ("cache", "hub", "index")


@pytest.mark.parametrize("refusal", [Status(403, "GatedRepo"), Status(404, "RepoNotFound")])
def test_a_refusal_of_the_hub_does_not_fall_back(
    hub: Hub, tmp_path: Path, told: list[str], refusal: Status
) -> None:
    hub.publish(MODEL, checkpoint_files())
    hub.repositories[MODEL].refusal = refusal

    with pytest.raises(ModelUnavailable):
        find(MODEL, tmp_path, told, allow_demonstration=True)

    assert store.records(tmp_path) == []


def test_the_cache_lists_what_it_holds(hub: Hub, tmp_path: Path, told: list[str]) -> None:
    files = checkpoint_files()
    revision = hub.publish(MODEL, files)
    hub.publish("org/other", files)
    whole, short = find(MODEL, tmp_path, told), find("org/other", tmp_path, told)
    (short.folder / WEIGHTS).unlink()

    other, held = sorted(cached_models(tmp_path), key=lambda model: model.id)

    assert held == models.CachedModel(
        MODEL, revision, "hub", sum(map(len, files.values())), whole.folder, complete=True
    )
    assert (other.id, other.complete) == ("org/other", False)


def test_an_empty_cache_lists_nothing(tmp_path: Path) -> None:
    assert cached_models(tmp_path) == []


def test_a_record_that_cannot_be_read_counts_as_none(hub: Hub, tmp_path: Path, told: list[str]) -> None:
    hub.publish(MODEL, checkpoint_files())
    find(MODEL, tmp_path, told)
    store.record_path(tmp_path, MODEL).write_text("{")

    assert cached_models(tmp_path) == []
    assert find(MODEL, tmp_path, told).model.source == "hub"


def test_a_flipped_bit_in_the_cache_is_found(hub: Hub, tmp_path: Path, told: list[str]) -> None:
    hub.publish(MODEL, checkpoint_files())
    path = find(MODEL, tmp_path, told).folder / WEIGHTS
    assert damaged_files(MODEL, tmp_path) == []
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert damaged_files(MODEL, tmp_path) == [WEIGHTS]
