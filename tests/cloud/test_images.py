"""Our images in an account: which they are, what uses them, what they cost to keep, and how one is removed."""

from __future__ import annotations

import pytest

from runner.cloud.account import Account
from runner.cloud.images import exists, our_images, remove
from runner.errors import AccountError
from tests.cloud.made import make_image, run_machine
from tests.cloud.sky import Sky

pytestmark = pytest.mark.slow  # each has an AWS of its own


def snapshots(account: Account) -> set[str]:
    owned = account.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {snapshot["SnapshotId"] for snapshot in owned}


def test_ours_are_known_by_their_tag_and_told_with_their_tags(account: Account) -> None:
    ours = make_image(account, "ours", Checks="61", Torch="2.7.1")
    make_image(account, "another's", project="something else")

    (image,) = our_images(account)

    assert (image.id, image.name, image.state, image.region) == (ours, "ours", "available", "eu-north-1")
    assert (image.tags["Checks"], image.tags["Torch"]) == ("61", "2.7.1")
    assert set(image.snapshots) <= snapshots(account)
    assert image.size > 0
    assert not image.protected
    assert image.used_by == []


def test_a_machine_that_is_not_terminated_uses_its_image(account: Account) -> None:
    image = make_image(account, "ours")
    machine = run_machine(account, image)
    account.ec2.stop_instances(InstanceIds=[machine])
    assert our_images(account)[0].used_by == [f"machine {machine}"]

    account.ec2.terminate_instances(InstanceIds=[machine])
    assert our_images(account)[0].used_by == []


def test_any_version_of_a_launch_template_uses_its_image(account: Account) -> None:
    old, new = make_image(account, "old"), make_image(account, "new")
    account.ec2.create_launch_template(LaunchTemplateName="api", LaunchTemplateData={"ImageId": old})
    account.ec2.create_launch_template_version(
        LaunchTemplateName="api", LaunchTemplateData={"ImageId": new}, SourceVersion="1"
    )

    used = {image.id: image.used_by for image in our_images(account)}

    assert used == {old: ["launch template api version 1"], new: ["launch template api version 2"]}


def test_a_removed_image_leaves_no_snapshot(account: Account) -> None:
    before = snapshots(account)
    make_image(account, "ours")
    (image,) = our_images(account)

    removal = remove(account, image)

    assert removal.done == ["deregistered", *(f"snapshot {one} deleted" for one in image.snapshots)]
    assert removal.left == []
    assert not exists(account, image.id)
    assert snapshots(account) == before


def test_protection_is_lifted_first(account: Account, aws: Sky) -> None:
    aws.protect(make_image(account, "ours"), "enabled-without-cooldown")
    (image,) = our_images(account)
    assert image.protected

    removal = remove(account, image)

    assert removal.done[:2] == ["protection lifted", "deregistered"]
    assert not exists(account, image.id)


def test_a_cool_down_is_told_and_the_image_left(account: Account, aws: Sky) -> None:
    aws.protect(make_image(account, "ours"), "enabled-with-cooldown")
    (image,) = our_images(account)

    removal = remove(account, image)

    assert removal.done == ["protection lifted"]
    assert "24 hours" in removal.left[0]
    assert "run this again tomorrow" in removal.left[0]
    assert exists(account, image.id)
    assert "DeregisterImage" not in aws.actions()


def test_a_snapshot_that_another_image_is_made_of_stays(account: Account, aws: Sky) -> None:
    make_image(account, "ours")
    (image,) = our_images(account)
    aws.refuse("DeleteSnapshot", "InvalidSnapshot.InUse", "in use by ami-1")

    removal = remove(account, image)

    assert removal.done == ["deregistered"]
    assert removal.left == [f"snapshot {image.snapshots[0]} is left: another image is made of it"]


def test_a_snapshot_that_went_with_the_image_is_no_failure(account: Account, aws: Sky) -> None:
    make_image(account, "ours")
    (image,) = our_images(account)
    aws.refuse("DeleteSnapshot", "InvalidSnapshot.NotFound", "gone")

    assert remove(account, image).left == []


def test_an_image_that_aws_will_not_remove_is_left_with_its_reason(account: Account, aws: Sky) -> None:
    make_image(account, "ours")
    (image,) = our_images(account)
    aws.refuse("DeregisterImage", "InvalidAMIID.Unavailable", "The image is being made.")

    removal = remove(account, image)

    assert removal.left == [
        f"{image.id} is left: AWS would not deregister an image (InvalidAMIID.Unavailable): The image is being made."
    ]


def test_without_the_permission_nothing_more_is_tried(account: Account, aws: Sky) -> None:
    make_image(account, "ours")
    (image,) = our_images(account)
    aws.refuse("DeregisterImage", "UnauthorizedOperation", "no")

    with pytest.raises(AccountError, match="may not deregister an image"):
        remove(account, image)
