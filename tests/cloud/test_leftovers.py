"""What a build has left in the account is looked for by the names that Packer told."""

from __future__ import annotations

import pytest

from runner.cloud.account import Account
from runner.cloud.leftovers import leftovers
from tests.cloud.made import make_image, run_machine

pytestmark = pytest.mark.slow  # each has an AWS of its own


def test_what_is_still_there_is_named_with_the_way_to_remove_it(account: Account) -> None:
    image = make_image(account, "half made")
    machine = run_machine(account, image)
    account.ec2.create_key_pair(KeyName="packer_1")
    group = account.ec2.create_security_group(GroupName="packer_2", Description="x")["GroupId"]
    made = {"instance": [machine], "key pair": ["packer_1"], "security group": ["packer_2"], "image": [image]}

    assert leftovers(account, made) == [
        f"machine {machine} (aws ec2 terminate-instances --instance-ids)",
        "key pair packer_1 (aws ec2 delete-key-pair --key-name)",
        f"security group {group} (aws ec2 delete-security-group --group-id)",
        f"image {image}",
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
