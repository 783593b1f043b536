"""Fetching from the hub: what comes, what is held, and where a cut download goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from runner.engine.models import hub as client
from runner.engine.models import store
from runner.errors import ModelUnavailable
from tests.support.fetching import BLOCK, MODEL, child, content, fetch, fetch_published
from tests.support.hub import Drop, Hub, Stall, Status
from tests.support.whisper import WEIGHTS, checkpoint_files

pytestmark = pytest.mark.slow


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
