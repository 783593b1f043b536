"""An AMI is made by the amazon-ebs source, and nothing else is left of making it; a failed build makes none."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packer.conftest import KEY_PAIR, Build
from tests.support import packer
from tests.support.aws import Cloud
from tests.support.checkout import ROOT
from tests.support.machines import Root, machine, network
from tests.support.needs import needs

pytestmark = [needs("machines"), pytest.mark.slow]

VERSIONS: dict[str, Any] = yaml.safe_load((ROOT / "ansible/group_vars/all/versions.yml").read_text())

# A role that does wrong without failing, and the playbook with it alone: the machine has been baked before.
CARELESS = """\
- name: Leave the model open to everybody
  ansible.builtin.command: find /opt/transcribe/models -type f -exec chmod 0666 {} +
  changed_when: true
"""
ONLY_THE_MODEL = """\
- name: Spoil a machine
  hosts: all
  become: true
  roles:
    - {role: model, tags: [main]}
"""
FAILING = """\
- name: Fail on purpose
  ansible.builtin.fail:
    msg: this role is broken on purpose
"""


def test_an_image_is_made_and_nothing_else_is_left(
    baked: Root, aws: Cloud, build_image: Callable[..., Build]
) -> None:
    """The whole path on a machine that was baked before, as a second build of the same checkout finds it."""
    with machine(baked) as one:
        build = build_image(one)
    assert build.code == 0, build.log

    images = aws.client("ec2").describe_images(Owners=["self"])["Images"]
    assert [image["ImageId"] for image in images] == [build.image]
    name = rf"gpu-transcriber-{VERSIONS['image_series']}-cpu-\d{{12}}-00000000"
    assert re.fullmatch(name, images[0]["Name"])
    _assert_nothing_rented(aws)
    _assert_launched_safely(aws)
    _assert_tagged(aws, build)
    if packer.find().modern:
        _assert_kept_and_ended(aws, build)


@pytest.mark.parametrize("role", ["base", "model"])
def test_a_role_that_fails_leaves_no_image(
    role: str,
    baked: Root,
    aws: Cloud,
    build_image: Callable[..., Build],
    broken_checkout: Callable[[dict[str, str]], Path],
) -> None:
    """Whether it fails before the reboot or after it; on a spot instance, as is the default."""
    tags = "first" if role == "base" else "main"
    playbook = ONLY_THE_MODEL.replace("role: model, tags: [main]", f"role: {role}, tags: [{tags}]")
    broken = broken_checkout({f"ansible/roles/{role}/tasks/main.yml": FAILING, "ansible/image.yml": playbook})
    with machine(baked) as one:
        build = build_image(one, checkout=broken, spot="true")
    assert build.code != 0
    assert "this role is broken on purpose" in build.log
    (template,) = aws.asked("CreateLaunchTemplate")
    assert template.parameters["LaunchTemplateData.InstanceMarketOptions.MarketType"] == "spot"
    _assert_no_image(aws, build)


def test_a_machine_whose_checks_fail_becomes_no_image(
    baked: Root,
    aws: Cloud,
    build_image: Callable[..., Build],
    broken_checkout: Callable[[dict[str, str]], Path],
) -> None:
    """Every role succeeds, and the checks alone see that one did wrong."""
    broken = broken_checkout(
        {"ansible/roles/model/tasks/main.yml": CARELESS, "ansible/image.yml": ONLY_THE_MODEL}
    )
    with machine(baked) as one:
        build = build_image(one, checkout=broken)
    assert build.code != 0
    report = json.loads((build.output / "checks.json").read_text())
    assert report["verdict"] == "red"
    assert any(check["subject"] == "model" for check in report["checks"] if check["outcome"] == "failed")
    _assert_no_image(aws, build)


def test_missing_capacity_is_told_and_leaves_nothing(aws: Cloud, build_image: Callable[..., Build]) -> None:
    aws.fail("RunInstances", "InsufficientInstanceCapacity")
    with machine() as one:
        build = build_image(one)
    assert build.code != 0
    assert "InsufficientInstanceCapacity" in build.log
    _assert_no_image(aws, build)


def _assert_no_image(aws: Cloud, build: Build) -> None:
    assert not aws.asked("CreateImage")
    assert aws.client("ec2").describe_images(Owners=["self"])["Images"] == []
    assert not (build.output / "manifest.json").exists()
    _assert_nothing_rented(aws)


def _assert_nothing_rented(aws: Cloud) -> None:
    """No instance, volume, key pair or security group that the build made."""
    ec2 = aws.client("ec2")
    instances = [one for page in ec2.describe_instances()["Reservations"] for one in page["Instances"]]
    assert {one["State"]["Name"] for one in instances} <= {"terminated"}
    assert ec2.describe_volumes()["Volumes"] == []
    assert {pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]} <= {KEY_PAIR}
    assert {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]} == {"default"}
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []


def _assert_launched_safely(aws: Cloud) -> None:
    (launch,) = aws.asked("RunInstances")
    asked = launch.parameters
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert asked["BlockDeviceMapping.1.Ebs.VolumeSize"] == "30"
    assert asked["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] == "true"
    (opened,) = aws.asked("AuthorizeSecurityGroupIngress")
    cidrs = [value for name, value in opened.parameters.items() if name.endswith("CidrIp")]
    assert cidrs == [f"{network.GATEWAY}/32"]
    assert (
        opened.parameters["IpPermissions.1.FromPort"] == opened.parameters["IpPermissions.1.ToPort"] == "22"
    )
    if packer.find().modern:
        assert asked["MetadataOptions.HttpTokens"] == "required"
        assert asked["BlockDeviceMapping.1.Ebs.VolumeType"] == "gp3"
        assert asked["BlockDeviceMapping.1.Ebs.Iops"] == "3000"
        assert asked["BlockDeviceMapping.1.Ebs.Throughput"] == "125"
        assert [pair.parameters["KeyType"] for pair in aws.asked("CreateKeyPair")] == ["ed25519"]


def _assert_tagged(aws: Cloud, build: Build) -> None:
    """By what was asked of AWS: every version and digest is on the image, as the machine itself states them."""
    tags: dict[str, str] = {}
    for request in aws.asked("CreateTags"):
        if build.image in request.list_of("ResourceId"):
            tags |= request.tags()
    said = json.loads(build.manifest["custom_data"]["machine"])
    passed = [
        json.loads((build.output / name).read_text())["passed"]
        for name in ("checks.json", "checks-sealed.json")
    ]
    assert tags["Checks"] == build.manifest["custom_data"]["checks"] == str(sum(passed))
    assert passed[0] >= 60
    assert tags["Project"] == "gpu-transcriber"
    assert tags["GitSha"] == said["git_sha"] == "0" * 40
    assert re.fullmatch("ami-[0-9a-f]+", tags["SourceAmi"])
    assert tags["Kernel"] == said["kernel"]
    assert tags["Torch"] == said["torch"]
    assert tags["Torch"].startswith(VERSIONS["torch_version"])
    assert (
        tags["Transformers"] == said["transformers"] == VERSIONS["transformers_version"][said["python"][:4]]
    )
    assert tags["Model"] == said["model"]["id"] == VERSIONS["demonstration_model"]["id"]
    assert tags["ModelRevision"] == said["model"]["revision"]
    assert tags["ModelSha256"] == _sum_of_sums(said["model"]["files"])
    sums = json.loads(build.manifest["custom_data"]["checks_sha256"])
    assert sums == {
        name: hashlib.sha256((build.output / name).read_bytes()).hexdigest()
        for name in ("checks.json", "checks-sealed.json")
    }
    assert tags["ChecksSha256"] == _sum_of_sums(sums)
    assert tags["LockSha256"] == said["lock_sha256"]
    assert tags["VenvSha256"] == said["venv_sha256"]
    assert tags["WheelSha256"] == said["wheel_sha256"]
    assert (tags["Driver"], tags["Cuda"], tags["Cudnn"]) == ("none", "none", "none")
    snapshots = [name for request in aws.asked("CreateTags") for name in request.list_of("ResourceId")]
    assert any(name.startswith("snap-") for name in snapshots)


def _sum_of_sums(files: dict[str, str]) -> str:
    """By the programs that a person would use: sha256sum's own lines, and their sum."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    done = subprocess.run(["sha256sum"], input=lines, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()[0]


def _assert_kept_and_ended(aws: Cloud, build: Build) -> None:
    """Protected from being deregistered, no longer offered after a year, metadata version 2 wherever it is launched."""
    (protected,) = aws.asked("EnableImageDeregistrationProtection")
    assert protected.parameters["ImageId"] == build.image
    assert protected.parameters["WithCooldown"] == "true"
    (deprecated,) = aws.asked("EnableImageDeprecation")
    end = datetime.fromisoformat(deprecated.parameters["DeprecateAt"].replace("Z", "+00:00"))
    assert timedelta(days=364) < end - datetime.now(timezone.utc) < timedelta(days=366)
    (changed,) = (one for one in aws.asked("ModifyImageAttribute") if "ImdsSupport.Value" in one.parameters)
    assert changed.parameters["ImdsSupport.Value"] == "v2.0"
