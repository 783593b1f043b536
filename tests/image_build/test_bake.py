"""A build from its order to what it leaves: real Packer, a real machine, AWS on this machine, and small templates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cloud.account import Account
from runner.errors import ImageFailed, PreflightFailed, UsageError
from runner.image import ami_id, bake, order, preflight
from runner.image.order import Order
from tests.cloud.made import run_machine
from tests.image_build.bakes import INVENTORY, here, template, there
from tests.support.checkout import ROOT
from tests.support.machines import Machine, machine
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("debian:packer")]
IMAGES = '{"builds": [{"artifact_id": "eu-north-1:ami-0a,eu-west-1:ami-0b"}]}'
MANIFEST = f"echo '{IMAGES}' > ${{var.output}}/manifest.json"


@pytest.fixture(autouse=True)
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where builds leave what they leave; a computer that is busy with other tests is no reason to begin none."""
    monkeypatch.setattr(preflight, "PATIENCE", 300.0)
    folder = tmp_path / "build"
    monkeypatch.setattr(order, "BUILDS", folder)
    monkeypatch.setattr(order.new_folder, "__defaults__", (folder,))
    return folder


@pytest.fixture
def may_build(aws: object) -> None:
    """An account in which a build may begin."""


def in_aws(folder: Path, *provisioners: str) -> Order:
    """The order of an image in AWS, of which the template makes nothing."""
    return Order(cpu=True, model="demonstration", template=template(folder, *provisioners, on_host=False))


def on(one: Machine, folder: Path, *provisioners: str) -> Order:
    return Order(
        host=f"ssh://{one.user}@{one.address}",
        ssh_config=one.ssh_config,
        cpu=True,
        model="demonstration",
        template=template(folder, *provisioners),
    )


@needs("machines")
def test_a_host_is_set_up_after_its_plan_and_everything_is_written_down(
    tmp_path: Path, builds: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with machine() as one:
        code = bake.bake(
            on(one, tmp_path / "t", there("echo 'stage: base'", "echo done by $USER"), INVENTORY)
        )

    told = capfd.readouterr()
    assert code == 0
    assert told.out == f"ssh://{one.user}@{one.address} is set up\n"
    plan, preflight, stage = (
        told.err.index(words) for words in ("This will set up", "ok       machine", "base")
    )
    assert plan < preflight
    assert "no sysprep" in told.err
    assert f"done by {one.user}" in told.err[stage:]
    (folder,) = builds.iterdir()
    assert {file.name for file in folder.iterdir()} >= {
        "packer.log",
        "report.md",
        "sbom.cdx.json",
        "inventory.json",
    }
    assert f"done by {one.user}" in (folder / "packer.log").read_text()
    assert json.loads((folder / "sbom.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    report = (folder / "report.md").read_text()
    assert "| openssh-server |" in report
    assert "| base |" in report
    assert list(folder.glob("gpu_transcriber-*.whl"))


@needs("machines")
def test_a_host_on_which_a_stage_fails_is_told_with_stage_reason_and_log(
    tmp_path: Path, builds: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with machine() as one, pytest.raises(ImageFailed) as caught:
        bake.bake(
            on(one, tmp_path / "t", there("echo 'stage: checks'", "exit 4"), there("echo 'never here'"))
        )

    assert caught.value.exit_code == 6
    assert caught.value.stage == "checks"
    assert "was not set up: it ended at the stage checks (Script exited with non-zero exit status: 4" in str(
        caught.value
    )
    assert "running this again goes on from there" in str(caught.value)
    assert caught.value.log.read_text().count("never here") == 0
    assert "\n  all" in capfd.readouterr().err


def test_an_image_is_noted_by_region_and_printed(
    may_build: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert bake.bake(in_aws(tmp_path / "t", here("echo 'stage: base'", MANIFEST))) == 0

    assert capfd.readouterr().out == "eu-north-1 ami-0a\neu-west-1 ami-0b\n"
    assert ami_id.read() == {"eu-north-1": "ami-0a", "eu-west-1": "ami-0b"}


def test_packer_gets_the_wheel_the_commit_the_region_and_what_was_added(
    may_build: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = here(
        "echo said ${var.region} ${var.model_source} ${var.gpu} ${var.git_sha} ${var.spot} $(ls ${var.wheel})",
        MANIFEST,
    )
    asked = in_aws(tmp_path / "t", said)
    bake.bake(replace(asked, variables={"spot": "false"}))

    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("said"))
    _, region, source, gpu, sha, spot, wheel = line.split()
    assert (region, source, gpu, spot) == ("eu-north-1", "demonstration", "false", "false")
    assert len(sha.removesuffix("-dirty")) == 40 or sha == "unknown"
    assert wheel.endswith(".whl")


def test_a_build_that_fails_looks_for_what_it_left_and_says_nothing(
    may_build: None, tmp_path: Path, ami_file: Path
) -> None:
    lines = (
        "echo 'Instance ID: i-0123456789abcdef0'",
        "echo 'Creating temporary keypair: packer_1'",
        "exit 3",
    )
    with pytest.raises(ImageFailed, match=r"The image was not made: it ended at the stage launch") as caught:
        bake.bake(in_aws(tmp_path / "t", here(*lines)))

    assert (
        "Nothing is left in eu-north-1: no machine, volume, image, key pair, security group or launch template."
        in str(caught.value)
    )
    assert not ami_file.exists()


def test_what_a_failed_build_did_leave_is_named(
    may_build: None, account: Account, tmp_path: Path, ami_file: Path
) -> None:
    base = account.ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    left = run_machine(account, base)
    with pytest.raises(ImageFailed, match=f"Left in eu-north-1, to be removed by hand: machine {left}"):
        bake.bake(in_aws(tmp_path / "t", here(f"echo 'Instance ID: {left}'", "exit 3")))


def packer_without_capacity(folder: Path, *, times: int, code: str) -> Path:
    """A program that speaks as Packer does when AWS refuses a machine so many times, and then makes an image."""
    count, path = folder / "tries", folder / "packer"
    path.write_text(
        f"""#!/bin/sh
[ $1 = version ] && {{ echo Packer v1.6.6; exit; }}
[ $1 = validate ] && exit
echo x >> {count}
if [ $(wc -l < {count}) -le {times} ]; then
    echo '1,amazon-ebs.image,error,Error launching source instance: {code}: none here'
    exit 1
fi
echo '1,amazon-ebs.image,artifact,0,id,eu-north-1:ami-0c'
"""
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("code", "times", "tries", "made"),
    [
        ("InsufficientInstanceCapacity", 2, 3, True),
        ("InsufficientInstanceCapacity", 99, bake.ATTEMPTS, False),
        ("VcpuLimitExceeded", 99, 1, False),
    ],
)
def test_only_missing_capacity_is_tried_again_and_not_for_ever(
    code: str,
    times: int,
    tries: int,
    made: bool,
    may_build: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packer = packer_without_capacity(tmp_path, times=times, code=code)
    monkeypatch.setenv("GPU_TRANSCRIBER_PACKER", str(packer))
    asked = in_aws(tmp_path / "t")
    if made:
        assert bake.bake(asked) == 0
        assert ami_id.read() == {"eu-north-1": "ami-0c"}
    else:
        with pytest.raises(ImageFailed, match=code):
            bake.bake(asked)
    assert (tmp_path / "tries").read_text().count("x") == tries


def test_everything_that_is_wrong_is_told_before_anything_is_begun(
    aws: object,
    tmp_path: Path,
    builds: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("GPU_TRANSCRIBER_PACKER", "no-such-packer")
    with pytest.raises(PreflightFailed, match=r"Nothing was begun: mend the \d things above") as caught:
        bake.bake(Order(template=template(tmp_path / "t", here("exit 1"), on_host=False)))

    failures = " ".join(caught.value.failures)
    told = capfd.readouterr().err
    for sentence in ("There are no AWS credentials", "Packer is not installed (no-such-packer)"):
        assert sentence in failures
        assert sentence in told
    assert told.count("There are no AWS credentials") == 1
    rows = sum(line.startswith("problem ") for line in told.splitlines())
    assert rows == len(caught.value.failures)
    assert f"mend the {rows} things above" in str(caught.value)
    assert not builds.exists()


def test_a_profile_that_is_not_there_is_a_row_among_the_others(
    aws: object, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    with pytest.raises(PreflightFailed, match="mend what is told above"):
        bake.bake(replace(in_aws(tmp_path / "t", here("exit 1")), check=True))

    told = capfd.readouterr().err
    assert told.count("profile (nosuch) could not be found") == 1
    assert "ok       wheel" in told


def test_a_check_alone_builds_nothing(
    may_build: None, tmp_path: Path, builds: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = in_aws(tmp_path / "t", here("exit 1"))
    assert bake.bake(replace(asked, check=True)) == 0

    told = capfd.readouterr().err
    assert "ok       base image" in told
    assert told.splitlines()[-1] == "A build could begin."
    assert not builds.exists()


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("name", "value"), [("spott", "true"), ("size", "big")])
def test_a_variable_that_packer_would_not_take_is_told_before_anything_is_begun(
    name: str, value: str, check: bool, may_build: None, tmp_path: Path, builds: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked = in_aws(tmp_path / "t", here("exit 1"))
    (asked.template / "size.pkr.hcl").write_text('variable "size" {\n  type    = number\n  default = 8\n}\n')
    with pytest.raises(PreflightFailed) as caught:
        bake.bake(replace(asked, variables={name: value}, check=check))

    assert caught.value.exit_code == 2
    assert len(caught.value.failures) == 1
    assert "problem  variables" in capfd.readouterr().err
    assert not builds.exists()


def test_a_machine_is_not_wiped_by_way_of_a_variable(tmp_path: Path, builds: Path) -> None:
    with pytest.raises(UsageError, match="--disposable does it, with --host, and asks first"):
        bake.bake(Order(host="ssh://me@192.0.2.7", variables={"disposable": "true"}))
    assert not builds.exists()


@needs("machines")
def test_a_machine_is_not_taken_over_unless_somebody_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with machine() as one:
        asked = on(one, tmp_path / "t", there("exit 1"))
        with pytest.raises(UsageError, match="add --yes to agree to the plan"):
            bake.bake(replace(asked, take_over=True))


@needs("machines")
def test_an_interruption_lets_packer_end_and_says_where_it_was(tmp_path: Path) -> None:
    folder = template(tmp_path / "t", there("echo 'stage: warmup'", "echo begun", "sleep 300"))
    with machine() as one:
        words = [
            f"--host=ssh://{one.user}@{one.address}",
            f"--ssh-config={one.ssh_config}",
            f"--template={folder}",
        ]
        with subprocess.Popen(
            [sys.executable, "tasks.py", "image", "--cpu", "--model=demonstration", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GPU_TRANSCRIBER_PACKER": "packer"},
        ) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if line.strip() == "begun":
                    break
            process.send_signal(signal.SIGTERM)  # SIGINT is ignored where the tests run in the background
            rest = process.stderr.read()

    assert process.returncode == 143, "".join(said) + rest
    assert "Ending early: Packer takes down what it put up" in rest
    assert "error: Ended early by SIGTERM at the stage warmup." in rest
