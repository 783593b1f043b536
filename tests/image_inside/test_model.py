"""The one model of an image: fetched at its pin, copied from a folder, compared with its sums, and sealed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load, save

from runner.engine.models import store
from runner.engine.models.chain import find_checkpoint
from runner.errors import ModelInvalid
from runner.machine.model import Wanted, hold
from tests.support.hub import Hub
from tests.support.whisper import checkpoint_files

MODEL = "KBLab/kb-whisper-small"


def pin(record: store.Record) -> dict[str, Any]:
    return {"revision": record.revision, "files": {name: asdict(file) for name, file in record.files.items()}}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def content(cache: Path, record: store.Record) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder_of(cache, record).iterdir()}


def test_without_a_pin_the_present_revision_is_taken_and_told_so_that_it_can_be_pinned(
    hub: Hub, tmp_path: Path
) -> None:
    files = checkpoint_files(seed=1)
    revision = hub.publish(MODEL, files)
    record, changed = hold(Wanted("hub", MODEL), tmp_path)
    assert (record.revision, changed) == (revision, True)
    assert content(tmp_path, record) == files
    again = Wanted("hub", MODEL, pinned=pin(record))
    assert hold(again, tmp_path) == (record, False)


def test_a_pinned_revision_is_fetched_where_the_hub_has_moved_on(hub: Hub, tmp_path: Path) -> None:
    old = checkpoint_files(seed=1)
    hub.publish(MODEL, old)
    pinned = pin(hold(Wanted("hub", MODEL), tmp_path / "once")[0])
    hub.publish(MODEL, checkpoint_files(seed=2))
    record, _ = hold(Wanted("hub", MODEL, pinned=pinned), tmp_path / "later")
    assert content(tmp_path / "later", record) == old


def test_another_revision_that_lies_there_makes_way_for_the_pinned_one(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    pinned = pin(hold(Wanted("hub", MODEL), tmp_path / "once")[0])
    hub.publish(MODEL, checkpoint_files(seed=2))
    hold(Wanted("hub", MODEL), tmp_path / "machine")
    record, changed = hold(Wanted("hub", MODEL, pinned=pinned), tmp_path / "machine")
    assert (record.revision, changed) == (pinned["revision"], True)
    home = store.home(tmp_path / "machine", MODEL)
    assert [path.name for path in home.iterdir()] == [pinned["revision"]]


def test_other_bytes_than_the_pinned_ones_are_refused(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    pinned = pin(hold(Wanted("hub", MODEL), tmp_path / "once")[0])
    pinned["files"]["model.safetensors"]["sha256"] = "0" * 64
    with pytest.raises(ModelInvalid, match="wrong bytes twice"):
        hold(Wanted("hub", MODEL, pinned=pinned), tmp_path / "machine")


@pytest.mark.parametrize("damage", ["a byte", "a file"])
def test_what_was_damaged_is_taken_anew(damage: str, hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(seed=1)
    hub.publish(MODEL, files)
    record, _ = hold(Wanted("hub", MODEL), tmp_path)
    weights = store.folder_of(tmp_path, record) / "model.safetensors"
    weights.chmod(0o644)
    if damage == "a file":
        weights.unlink()
    else:
        weights.write_bytes(bytes([files[weights.name][0] ^ 1]) + files[weights.name][1:])
    again, changed = hold(Wanted("hub", MODEL), tmp_path)
    assert (again, changed) == (record, True)
    assert content(tmp_path, record) == files


def test_a_folder_is_copied_and_found_by_the_models_name_without_a_network(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(seed=1)
    folder = write(tmp_path / "given", files | {"notes.txt": b"mine", "pytorch_model.bin": b"not needed"})
    record, changed = hold(Wanted(str(folder), "our/own-model", "standard"), tmp_path / "machine")
    assert changed
    assert content(tmp_path / "machine", record) == files
    found = find_checkpoint(
        "our/own-model",
        cache=tmp_path / "machine",
        hub_timeout=1.0,
        allow_demonstration=False,
        notice=pytest.fail,
    )
    assert found.folder == store.folder_of(tmp_path / "machine", record)
    assert hub.asked == []
    assert hold(Wanted(str(folder), "our/own-model"), tmp_path / "machine") == (record, False)


def test_a_folder_with_other_weights_is_another_revision(tmp_path: Path) -> None:
    first, _ = hold(Wanted(str(write(tmp_path / "a", checkpoint_files(seed=1))), MODEL), tmp_path / "machine")
    second, _ = hold(
        Wanted(str(write(tmp_path / "b", checkpoint_files(seed=2))), MODEL), tmp_path / "machine"
    )
    assert first.revision != second.revision
    assert [path.name for path in store.home(tmp_path / "machine", MODEL).iterdir()] == [second.revision]


def test_a_checkpoint_in_parts_has_the_same_revision_copied_or_not(tmp_path: Path) -> None:
    """And another one where any part differs."""
    given = write(tmp_path / "given", in_parts(checkpoint_files(seed=1)))
    other = write(tmp_path / "other", in_parts(checkpoint_files(seed=1)))
    first_part = next(other.glob("model-00001-*"))
    first_part.write_bytes(first_part.read_bytes()[:-1] + b"\x01")
    held, _ = hold(Wanted(str(given), MODEL), tmp_path / "machine")
    found = find_checkpoint(
        str(given), cache=tmp_path / "cache", hub_timeout=1.0, allow_demonstration=False, notice=pytest.fail
    )
    assert held.revision == found.model.revision
    assert hold(Wanted(str(other), MODEL), tmp_path / "another")[0].revision != held.revision


def in_parts(files: dict[str, bytes]) -> dict[str, bytes]:
    """With the weights in two files, as transformers saves what is large."""
    weights = load(files["model.safetensors"])
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    mapped = {tensor: names[number % 2] for number, tensor in enumerate(sorted(weights))}
    parts = {name: save({key: weights[key] for key in weights if mapped[key] == name}) for name in names}
    index = json.dumps({"weight_map": mapped}).encode()
    rest = {name: body for name, body in files.items() if name != "model.safetensors"}
    return rest | parts | {"model.safetensors.index.json": index}


def test_what_another_process_copied_meanwhile_is_not_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is let in when the other has let go, and looks again."""
    wanted, cache = (
        Wanted(str(write(tmp_path / "given", checkpoint_files(seed=1))), MODEL),
        tmp_path / "machine",
    )
    copied: list[int] = []
    real = store.exclusive

    @contextmanager
    def after_another(*words: Any) -> Iterator[None]:
        monkeypatch.setattr(store, "exclusive", real)
        record, _ = hold(wanted, cache)
        copied.append((store.folder_of(cache, record) / "model.safetensors").stat().st_ino)
        with real(*words):
            yield

    monkeypatch.setattr(store, "exclusive", after_another)
    record, _ = hold(wanted, cache)
    assert (store.folder_of(cache, record) / "model.safetensors").stat().st_ino == copied[0]


def test_a_folder_in_one_style_leaves_the_others_alone(tmp_path: Path) -> None:
    """Also what is being made of them at the time."""
    making = store.home(tmp_path / "machine", MODEL) / ".making-standard"
    making.mkdir(parents=True)
    hold(Wanted(str(write(tmp_path / "given", checkpoint_files())), MODEL, "strict"), tmp_path / "machine")
    assert making.is_dir()


def test_every_byte_of_what_is_held_is_summed_once(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    record, _ = hold(Wanted("hub", MODEL), tmp_path)
    summed: list[str] = []
    real = store.sha256

    def count(path: Path) -> str:
        summed.append(path.name)
        return real(path)

    monkeypatch.setattr(store, "sha256", count)
    assert hold(Wanted("hub", MODEL), tmp_path) == (record, False)
    assert sorted(summed) == sorted(record.files)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid):
        hold(Wanted(str(write(tmp_path / "given", {"config.json": b"{}"})), MODEL), tmp_path / "machine")


def test_nobody_may_change_what_is_held_and_everybody_may_read_it(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files(seed=1))
    record, _ = hold(Wanted("hub", MODEL), tmp_path)
    modes = {
        (path.is_dir(), oct(path.stat().st_mode & 0o7777), path.stat().st_uid)
        for path in [store.models(tmp_path), *store.models(tmp_path).rglob("*")]
    }
    assert modes == {(True, "0o755", os.geteuid()), (False, "0o444", os.geteuid())}
    assert sorted(path.suffix for path in store.models(tmp_path).iterdir()) == ["", ".json"]
    (store.folder_of(tmp_path, record) / "config.json").chmod(0o666)
    assert hold(Wanted("hub", MODEL), tmp_path) == (record, True)
    assert (store.folder_of(tmp_path, record) / "config.json").stat().st_mode & 0o7777 == 0o444


@pytest.mark.slow
def test_another_demonstration_model_than_the_pinned_one_is_refused(checkpoint: object) -> None:
    from runner.settings import Settings

    with pytest.raises(ModelInvalid, match=r"is here at revision .*, and versions\.yml holds other"):
        hold(Wanted("demonstration", "any", pinned={"revision": "other"}), Settings().cache)


def test_the_command_prints_what_it_holds_and_an_error_in_a_sentence(hub: Hub, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runner.machine.model", *words, "--cache", str(tmp_path)]
        return subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "HF_ENDPOINT": hub.endpoint}
        )

    revision = hub.publish(MODEL, checkpoint_files())
    done = run("hub", "--id", MODEL)
    answer = json.loads(done.stdout)
    assert (answer["changed"], answer["revision"], answer["id"]) == (True, revision, MODEL)
    assert json.loads(run("hub", "--id", MODEL).stdout)["changed"] is False
    failed = run("hub", "--id", "nobody/nothing")
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in failed.stderr
