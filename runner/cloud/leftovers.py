"""What a build that ended badly has left in the account: looked for by name, not taken on trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.cloud.account import Account, told
from runner.cloud.images import exists

GONE = ("terminated", "shutting-down")


def leftovers(account: Account, made: Mapping[str, Sequence[str]]) -> list[str]:
    """Those of the things that Packer said it made which are still there, as words and commands to remove them.

    `made` holds names by kind: instance, key pair, security group, image. Raises AccountError, CloudFailed.
    """
    left = []
    with told("look what a build has left"):
        if instances := made.get("instance"):
            groups = account.ec2.describe_instances(
                Filters=[{"Name": "instance-id", "Values": list(instances)}]
            )
            machines = [one for group in groups["Reservations"] for one in group["Instances"]]
            left += [
                f"machine {machine['InstanceId']} (aws ec2 terminate-instances --instance-ids)"
                for machine in machines
                if machine["State"]["Name"] not in GONE
            ]
        if keys := made.get("key pair"):
            found = account.ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": list(keys)}])[
                "KeyPairs"
            ]
            left += [f"key pair {key['KeyName']} (aws ec2 delete-key-pair --key-name)" for key in found]
        for kind in ("group-name", "group-id"):
            names = [
                name
                for name in made.get("security group", ())
                if name.startswith("sg-") == (kind == "group-id")
            ]
            if names:
                query = account.ec2.describe_security_groups(Filters=[{"Name": kind, "Values": names}])
                left += [
                    f"security group {group['GroupId']} (aws ec2 delete-security-group --group-id)"
                    for group in query["SecurityGroups"]
                ]
    left += [f"image {image}" for image in made.get("image", ()) if exists(account, image)]
    return list(dict.fromkeys(left))
