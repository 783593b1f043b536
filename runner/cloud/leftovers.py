"""What a build that ended badly has left in the account: looked for by name, not taken on trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runner.cloud.account import Account, told
from runner.cloud.images import PROJECT, exists

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

GONE = ("terminated", "shutting-down")
PACKERS = "packer-"  # how the names of its launch templates begin


def leftovers(account: Account, made: Mapping[str, Sequence[str]], commit: str = "") -> list[str]:
    """Those of the things that Packer made which are still there, as words and commands to remove them.

    `made` holds names by kind as Packer told them: instance, key pair, security group, image. Of launch templates and
    volumes it tells nothing: they are known by our tag and that of the `commit`. Raises AccountError, CloudFailed.
    """
    left = []
    region = f"--region {account.region}"
    with told("look what a build has left"):
        if instances := made.get("instance"):
            groups = account.ec2.describe_instances(
                Filters=[{"Name": "instance-id", "Values": list(instances)}]
            )
            machines = [one for group in groups["Reservations"] for one in group["Instances"]]
            left += [
                f"machine {machine['InstanceId']} "
                f"(aws ec2 terminate-instances --instance-ids {machine['InstanceId']} {region})"
                for machine in machines
                if machine["State"]["Name"] not in GONE
            ]
        if keys := made.get("key pair"):
            found = account.ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": list(keys)}])[
                "KeyPairs"
            ]
            left += [
                f"key pair {key['KeyName']} (aws ec2 delete-key-pair --key-name {key['KeyName']} {region})"
                for key in found
            ]
        for kind in ("group-name", "group-id"):
            names = [
                name
                for name in made.get("security group", ())
                if name.startswith("sg-") == (kind == "group-id")
            ]
            if names:
                query = account.ec2.describe_security_groups(Filters=[{"Name": kind, "Values": names}])
                left += [
                    f"security group {group['GroupId']} "
                    f"(aws ec2 delete-security-group --group-id {group['GroupId']} {region})"
                    for group in query["SecurityGroups"]
                ]
        left += _tagged(account, commit, region) if commit else []
    left += [
        f"image {image} (aws ec2 deregister-image --image-id {image} --delete-associated-snapshots {region})"
        for image in made.get("image", ())
        if exists(account, image)
    ]
    return list(dict.fromkeys(left))


def _tagged(account: Account, commit: str, region: str) -> list[str]:
    """Launch templates and volumes of a build of this commit; a volume in use goes with its machine."""
    tags: list[FilterTypeDef] = [
        {"Name": "tag:Project", "Values": [PROJECT]},
        {"Name": "tag:GitSha", "Values": [commit]},
    ]
    templates = account.ec2.describe_launch_templates(Filters=tags)["LaunchTemplates"]
    volumes = account.ec2.describe_volumes(Filters=tags)["Volumes"]
    return [
        f"launch template {one['LaunchTemplateName']} "
        f"(aws ec2 delete-launch-template --launch-template-id {one['LaunchTemplateId']} {region})"
        for one in templates
        if one["LaunchTemplateName"].startswith(PACKERS)
    ] + [
        f"volume {one['VolumeId']} (aws ec2 delete-volume --volume-id {one['VolumeId']} {region})"
        for one in volumes
        if one["State"] in ("available", "error")
    ]
