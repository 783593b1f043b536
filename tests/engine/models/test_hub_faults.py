"""Fetching from a hub that fails in the ways that networks, hubs and disks do, and what is said of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runner.engine.models import hub as client
from runner.engine.models import store
from runner.errors import DiskFull, ModelInvalid, ModelUnavailable, OutputNotWritable
from tests.support.fetching import MODEL, content, fetch
from tests.support.hub import Drop, Hub, Portal, Stall, Status, Whole, Wrong, running_hub
from tests.support.needs import needs
from tests.support.whisper import WEIGHTS, checkpoint_files

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_wrong_bytes_are_fetched_anew_once(hub: Hub, tmp_path: Path, name: str) -> None:
    files = checkpoint_files()
    hub.publish(MODEL, files)
    hub.faults[name] = [Wrong()]

    record = fetch(tmp_path)

    assert content(tmp_path, record) == files


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_wrong_bytes_twice_are_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    revision = hub.publish(MODEL, checkpoint_files())
    hub.faults[name] = [Wrong(), Wrong()]

    with pytest.raises(ModelInvalid, match="wrong bytes twice"):
        fetch(tmp_path)

    left = store.home(tmp_path, MODEL) / revision
    assert not (left / name).exists()
    assert not (left / f"{name}.part").exists()


def test_a_server_that_ignores_ranges_is_heard_from_the_start(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    hub.publish(MODEL, files)
    hub.faults[WEIGHTS] = [Drop(300_000), Whole()]

    record = fetch(tmp_path)

    assert content(tmp_path, record) == files


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Status(503), "answers 503"), (Status(429), "answers 429"), (Portal(), "is not the hub")],
)
def test_a_hub_that_cannot_serve_counts_as_unreachable(
    hub: Hub, tmp_path: Path, fault: Status | Portal, reason: str
) -> None:
    hub.publish(MODEL, checkpoint_files())
    hub.faults[""] = [fault]

    with pytest.raises(client.HubUnreachable, match=reason):
        fetch(tmp_path)

    assert hub.names() == ["listing"]  # it is not asked again and again


def test_a_hub_that_keeps_silent_is_unreachable_when_the_time_is_up(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files())
    hub.faults[""] = [Stall(0)]

    with pytest.raises(client.HubUnreachable, match=r"did not answer within 0\.2 s"):
        fetch(tmp_path, timeout=0.2)


def test_a_download_that_falls_silent_is_given_up(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", ())
    hub.publish(MODEL, checkpoint_files())
    hub.faults[WEIGHTS] = [Stall(300_000), Stall(0)]

    with pytest.raises(client.HubUnreachable, match=r"did not answer within 1 s; 0 of 1 MB are here"):
        fetch(tmp_path, timeout=1.0)


def test_an_address_where_nothing_listens_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub() as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.endpoint)
    with pytest.raises(client.HubUnreachable, match="cannot be reached"):
        fetch(tmp_path)


def test_a_name_that_nobody_knows_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    with pytest.raises(client.HubUnreachable, match=r"hub\.invalid"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Status(403, "GatedRepo"), "accept its terms"),
        (Status(401, "GatedRepo"), "accept its terms"),
        (Status(401, "RepoNotFound"), "has no model org/whisper"),
        (Status(401, "", "Invalid credentials in Authorization header"), "check HF_TOKEN"),
        (Status(403), "check HF_TOKEN"),
        (Status(404, "RepoNotFound"), "has no model org/whisper"),
        (Status(418), "answers 418"),
    ],
)
@pytest.mark.parametrize("place", ["listing", "files"])
def test_a_refusal_is_said_and_is_no_unreachability(
    hub: Hub, tmp_path: Path, refusal: Status, says: str, place: str
) -> None:
    hub.publish(MODEL, checkpoint_files())
    if place == "listing":
        hub.repositories[MODEL].refusal = refusal
    else:
        hub.repositories[MODEL].files_refusal = refusal

    with pytest.raises(ModelUnavailable, match=says) as raised:
        fetch(tmp_path)

    assert raised.value.model == MODEL


def test_an_unknown_model_is_said_to_be_unknown(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="has no model org/whisper"):
        fetch(tmp_path)


def test_what_is_not_whisper_is_refused_before_its_weights_come(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files() | {"config.json": json.dumps({"model_type": "bert"}).encode()})

    with pytest.raises(ModelInvalid, match="is a bert model and not Whisper"):
        fetch(tmp_path)

    assert hub.sent(WEIGHTS) == 0
    assert store.read_record(tmp_path, MODEL) is None
    assert not list(tmp_path.rglob("config.json"))


def test_a_repository_in_another_layout_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, {"config.json": b"{}", "model.bin": b"weights", "vocabulary.txt": b""})

    with pytest.raises(
        ModelInvalid, match=r"no weights .it holds CTranslate2's model\.bin.: it needs model\.safetensors"
    ):
        fetch(tmp_path)


def test_a_disk_without_room_is_said_before_anything_is_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(MODEL, checkpoint_files())
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: usage._replace(free=1_000_000)
    )  # the one thing not real

    with pytest.raises(DiskFull, match=r"takes 1 MB and .* has 1 MB free"):
        fetch(tmp_path)

    assert hub.names() == ["listing"]


@needs("linux")
def test_a_disk_that_fills_up_on_the_way_is_said(hub: Hub, tmp_path: Path) -> None:
    revision = hub.publish(MODEL, checkpoint_files())
    part = store.home(tmp_path, MODEL) / revision / f"{WEIGHTS}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")

    with pytest.raises(DiskFull, match="no space left"):
        fetch(tmp_path)


def test_a_cache_that_cannot_be_a_folder_is_said(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(OutputNotWritable, match="GPU_TRANSCRIBER_CACHE"):
        fetch(tmp_path / "cache")
