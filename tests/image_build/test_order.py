"""What may be asked of a build, what of it goes to Packer, and the folder that it leaves."""

from __future__ import annotations

import errno
from datetime import datetime, timezone
from pathlib import Path

import pytest

from runner.errors import DiskFull, OutputNotWritable, UsageError
from runner.image.order import Order, new_folder, parse_variables


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (Order(take_over=True), "--take-over goes with --host"),
        (Order(disposable=True), "--disposable goes with --host"),
        (Order(host="ssh://me@box", region="eu-west-1"), "--region goes with a build in AWS"),
        (Order(template=Path("/nowhere")), "--template is '/nowhere'"),
        (Order(variables={"disposable": "true"}), "--var disposable=… is not taken: --disposable does it"),
        (Order(variables={"take_over": "true"}), "--var take_over=… is not taken: --take-over does it"),
        (Order(variables={"gpu": "false"}), "--var gpu=… is not taken: --cpu"),
        (Order(variables={"model_source": "hub"}), "--var model_source=… is not taken: --model"),
        (Order(variables={"model_id": "a/b"}), "--var model_id=… is not taken: --model"),
        (Order(variables={"region": "eu-west-1"}), "--var region=… is not taken: --region"),
        (Order(variables={"host_address": "box"}), "--var host_address=… is not taken: --host"),
        (
            Order(variables={"host_private_key_file": "/k"}),
            "--var host_private_key_file=… is not .*--ssh-config",
        ),
        (Order(variables={"host_whatever": "x"}), "--var host_whatever=… is not taken: --host"),
        *(
            (Order(variables={name: "x"}), f"--var {name}=… is not taken")
            for name in ("wheel", "output", "tools", "git_sha")
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(order: Order, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        order.refuse_nonsense()


def test_a_model_is_a_hub_id_a_folder_or_the_demonstration(tmp_path: Path) -> None:
    assert Order().model_variables() == {}
    assert Order(model="demonstration").model_variables() == {"model_source": "demonstration"}
    assert Order(model="KBLab/kb-whisper-large").model_variables() == {
        "model_source": "hub",
        "model_id": "KBLab/kb-whisper-large",
    }
    assert Order(model=str(tmp_path)).model_variables() == {"model_source": str(tmp_path)}


@pytest.mark.parametrize("model", ["small", "./nowhere", "/nowhere/at/all", "a/b/c"])
def test_a_model_that_is_none_of_them_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="a hub id, a folder that is there, or demonstration"):
        Order(model=model).model_variables()


def test_variables_for_packer_may_hold_anything_after_the_first_equals_sign() -> None:
    assert parse_variables(['copy_regions=["eu-west-1"]', "note=a=b"]) == {
        "copy_regions": '["eu-west-1"]',
        "note": "a=b",
    }
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_variables(["encrypted"])


def test_two_builds_in_one_second_have_a_folder_each(tmp_path: Path) -> None:
    now = datetime(2026, 1, 31, 14, 25, 1, tzinfo=timezone.utc)

    assert [new_folder(now, tmp_path).name for _ in range(3)] == [
        "image-20260131_142501",
        "image-20260131_142501_2",
        "image-20260131_142501_3",
    ]


def test_a_place_that_cannot_hold_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file")

    with pytest.raises(OutputNotWritable, match="cannot be written to"):
        new_folder(datetime.now(timezone.utc), tmp_path / "build")


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(
        DiskFull, match=r"no space left for builds in .*: free some, or build from a checkout"
    ):
        new_folder(datetime.now(timezone.utc), tmp_path / "build")
