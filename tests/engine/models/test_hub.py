"""Fetching from the hub, against a stand-in that can fail in the ways that networks and hubs do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.engine.models import hub as client
from runner.engine.models import store
from runner.errors import DiskFull, ModelInvalid, ModelUnavailable, OutputNotWritable
from tests.support.hub import Drop, Hub, Portal, Stall, Status, Whole, Wrong, running_hub
from tests.support.loopback import Authority, forwarding
from tests.support.needs import needs
from tests.support.whisper import WEIGHTS, checkpoint_files

pytestmark = pytest.mark.slow

MODEL = "org/whisper"
BLOCK = 1 << 16

FETCH = """
import sys
from pathlib import Path
from runner.engine.models import hub
record = hub.download(sys.argv[1], cache=Path(sys.argv[2]), timeout=20.0, notice=print)
print("revision", record.revision)
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


def fetch(cache: Path, model: str = MODEL, timeout: float = 20.0) -> store.Record:
    return client.download(model, cache=cache, timeout=timeout, notice=print)


def content(cache: Path, record: store.Record) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder_of(cache, record).iterdir()}


def child(cache: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, MODEL, str(cache)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_checkpoint_is_fetched_whole_and_nothing_else_is(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    others = dict.fromkeys(("pytorch_model.bin", "model.bin", "ggml-model.bin", "onnx/model.onnx"), b"large")
    revision = hub.publish(MODEL, files | others | {"README.md": b"about"})

    record = fetch(tmp_path)

    assert record.revision == revision
    assert content(tmp_path, record) == files
    assert store.damaged(tmp_path, record) == []
    assert hub.names() == ["listing", *files]


def test_the_revision_is_held_when_the_hub_moves_on(hub: Hub, tmp_path: Path) -> None:
    first = fetch_published(hub, tmp_path, seed=0)
    hub.publish(MODEL, checkpoint_files(seed=1))
    hub.asked.clear()

    again = fetch(tmp_path)

    assert (again, hub.asked) == (first, [])


def test_a_file_that_was_lost_comes_back_at_the_held_revision(hub: Hub, tmp_path: Path) -> None:
    first = fetch_published(hub, tmp_path, seed=0)
    hub.publish(MODEL, checkpoint_files(seed=1))
    (store.folder_of(tmp_path, first) / "config.json").unlink()
    hub.asked.clear()

    again = fetch(tmp_path)

    assert again == first
    assert hub.names() == ["listing", "config.json"]
    assert content(tmp_path, again) == checkpoint_files(seed=0)


def test_a_cut_download_goes_on_where_it_was_cut(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    hub.publish(MODEL, files)
    hub.faults[WEIGHTS] = [Drop(300_000), Status(503), Drop(300_000)]

    record = fetch(tmp_path)

    assert content(tmp_path, record) == files
    assert hub.sent(WEIGHTS) < len(files[WEIGHTS]) + 3 * BLOCK


def test_a_killed_download_goes_on_in_the_next_run(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    revision = hub.publish(MODEL, files)
    hub.faults[WEIGHTS] = [Stall(700_000)]
    with child(tmp_path) as killed:
        assert hub.stalled.wait(60)
        part = store.home(tmp_path, MODEL) / revision / f"{WEIGHTS}.part"
        while (store.size(part) or 0) < 600_000:  # what was sent is on its way to the disk
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
    hub.publish(MODEL, checkpoint_files(seed=1))
    hub.asked.clear()

    record = fetch(tmp_path)

    assert record.revision == revision
    assert content(tmp_path, record) == files
    assert hub.sent(WEIGHTS) <= len(files[WEIGHTS]) - 600_000


def test_a_half_fetched_revision_that_is_gone_gives_way_to_the_present_one(hub: Hub, tmp_path: Path) -> None:
    old = hub.publish(MODEL, checkpoint_files(seed=0))
    hub.faults[WEIGHTS] = [Drop(300_000), Status(503), Status(503), Status(503)]
    with pytest.raises(client.HubUnreachable, match="goes on from there"):
        fetch(tmp_path)
    new = hub.publish(MODEL, checkpoint_files(seed=1))
    del hub.repositories[MODEL].commits[old]

    record = fetch(tmp_path)

    assert record.revision == new
    assert content(tmp_path, record) == checkpoint_files(seed=1)


def test_a_whole_revision_that_is_gone_is_not_replaced_unasked(hub: Hub, tmp_path: Path) -> None:
    first = fetch_published(hub, tmp_path, seed=0)
    hub.publish(MODEL, checkpoint_files(seed=1))
    del hub.repositories[MODEL].commits[first.revision]
    (store.folder_of(tmp_path, first) / WEIGHTS).unlink()

    with pytest.raises(ModelUnavailable, match="no longer has the revision"):
        fetch(tmp_path)


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


def test_progress_runs_up_to_the_size_of_the_whole(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    hub.publish(MODEL, files)
    hub.faults[WEIGHTS] = [Drop(300_000)]
    seen: list[tuple[str, int, int]] = []

    client.download(MODEL, cache=tmp_path, timeout=20.0, notice=print, progress=lambda *at: seen.append(at))

    total = sum(map(len, files.values()))
    assert {(model, of) for model, _, of in seen} == {(MODEL, total)}
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert seen[-1][1] == total


def test_two_processes_fetch_a_model_once(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files()
    revision = hub.publish(MODEL, files)
    with child(tmp_path) as one, child(tmp_path) as other:
        told = [one.communicate(timeout=60), other.communicate(timeout=60)]

    assert all(f"revision {revision}" in out for out, _ in told), told
    assert hub.sent(WEIGHTS) == len(files[WEIGHTS])


def test_nothing_is_told_to_the_hub_but_what_is_wanted(hub: Hub, tmp_path: Path) -> None:
    files = checkpoint_files(kilobytes=1)
    hub.publish(MODEL, files)
    environment = {"AI_AGENT": "someone", "HF_HOME": str(tmp_path / "home")}
    with child(tmp_path / "cache", **environment) as process:
        out, err = process.communicate(timeout=60)

    assert "revision" in out, err
    assert hub.names() == ["listing", *files]
    assert not [asked for asked in hub.asked if "torch" in asked.headers["User-Agent"]]


def test_the_token_is_for_the_hub_and_not_for_its_storage(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.publish(MODEL, checkpoint_files())

    fetch(tmp_path)

    shown = {asked.host: asked.headers.get("Authorization") for asked in hub.asked}
    assert shown == {"hub": "Bearer hf_secret", "storage": None}


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


def test_offline_mode_is_obeyed(hub: Hub, tmp_path: Path) -> None:
    hub.publish(MODEL, checkpoint_files())
    with child(tmp_path, HF_HUB_OFFLINE="1") as process:
        _, err = process.communicate(timeout=60)

    assert "HubUnreachable: HF_HUB_OFFLINE is set" in err
    assert hub.asked == []


@needs("debian:openssl")
def test_a_proxy_and_an_authority_of_ones_own_are_enough(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "hub.test", "storage.test")
    with (
        running_hub(authority) as hub,
        forwarding(dict(zip(("hub.test", "storage.test"), hub.ports, strict=True))) as (proxy, seen),
    ):
        hub.storage = "https://storage.test"
        revision = hub.publish(MODEL, checkpoint_files())
        company = {"HF_ENDPOINT": "https://hub.test", "HTTPS_PROXY": f"http://127.0.0.1:{proxy}"}
        with child(tmp_path / "a", **company, SSL_CERT_FILE=str(authority.certificate)) as trusting:
            out, err = trusting.communicate(timeout=60)
        with child(tmp_path / "b", **company) as stranger:
            _, refused = stranger.communicate(timeout=60)

    assert f"revision {revision}" in out, err
    assert set(seen) == {"CONNECT hub.test:443", "CONNECT storage.test:443"}
    assert "the certificate of hub.test is not trusted here, which SSL_CERT_FILE can mend" in refused


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
        ModelInvalid, match=r"no weights in transformers' layout .it holds CTranslate2's model\.bin"
    ):
        fetch(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        (
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        ("pytorch_model.bin",),
    ],
)
def test_weights_in_parts_or_in_the_old_form_come_too(
    hub: Hub, tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = checkpoint_files(kilobytes=1)
    files |= dict.fromkeys(names, files[WEIGHTS])
    del files[WEIGHTS]
    hub.publish(MODEL, files, stored=[name for name in names if not name.endswith(".json")])

    assert content(tmp_path, fetch(tmp_path)) == files


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


def fetch_published(hub: Hub, cache: Path, seed: int) -> store.Record:
    hub.publish(MODEL, checkpoint_files(seed=seed))
    return fetch(cache)
