"""What a build has left in the account is looked for by the names that Packer told."""

from __future__ import annotations

from typing import Any

import pytest

from runner.cloud.account import Account
from runner.cloud.leftovers import leftovers
from tests.cloud.made import make_image, run_machine

pytestmark = pytest.mark.slow  # each has an AWS of its own
REGION = "--region eu-north-1"


def test_what_is_still_there_is_named_with_the_way_to_remove_it(account: Account) -> None:
    image = make_image(account, "half made")
    machine = run_machine(account, image)
    account.ec2.create_key_pair(KeyName="packer_1")
    group = account.ec2.create_security_group(GroupName="packer_2", Description="x")["GroupId"]
    made = {"instance": [machine], "key pair": ["packer_1"], "security group": ["packer_2"], "image": [image]}

    assert leftovers(account, made) == [
        f"machine {machine} (aws ec2 terminate-instances --instance-ids {machine} {REGION})",
        f"key pair packer_1 (aws ec2 delete-key-pair --key-name packer_1 {REGION})",
        f"security group {group} (aws ec2 delete-security-group --group-id {group} {REGION})",
        f"image {image} (aws ec2 deregister-image --image-id {image} --delete-associated-snapshots {REGION})",
    ]


def test_launch_templates_and_volumes_are_known_by_the_tags_of_the_build(account: Account) -> None:
    def tags(kind: str, commit: str) -> list[Any]:
        pairs = {"Project": "gpu-transcriber", "GitSha": commit}
        return [
            {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}
        ]

    ids, zone = {}, f"{account.region}a"
    for name, commit in (("packer-1", "ours"), ("packer-2", "another"), ("fleet", "ours")):
        made = account.ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={"InstanceType": "t3.micro"},
            TagSpecifications=tags("launch-template", commit),
        )
        ids[name] = made["LaunchTemplate"]["LaunchTemplateId"]
    disks = [
        account.ec2.create_volume(AvailabilityZone=zone, Size=8, TagSpecifications=tags("volume", commit))[
            "VolumeId"
        ]
        for commit in ("ours", "another")
    ]

    assert leftovers(account, {}, "ours") == [
        f"launch template packer-1 (aws ec2 delete-launch-template --launch-template-id {ids['packer-1']} {REGION})",
        f"volume {disks[0]} (aws ec2 delete-volume --volume-id {disks[0]} {REGION})",
    ]


def test_what_is_gone_is_not_told(account: Account) -> None:
    image = make_image(account, "kept by someone else")
    machine = run_machine(account, image)
    account.ec2.terminate_instances(InstanceIds=[machine])
    account.ec2.deregister_image(ImageId=image)
    made = {
        "instance": [machine],
        "key pair": ["packer_1"],
        "security group": ["sg-0123456789abcdef0"],
        "image": [image],
    }

    assert leftovers(account, made) == []
    assert leftovers(account, {}) == []
