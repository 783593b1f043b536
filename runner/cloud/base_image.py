"""The image that ours is built upon: Canonical's Ubuntu, the newest of its series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.cloud.account import Account, told


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image to build upon."""

    id: str
    name: str


def newest_image(account: Account, *, owners: Sequence[str], name: str) -> BaseImage | None:
    """The newest available image of these owners whose name matches the pattern; raises AccountError, CloudFailed."""
    with told("look for the base image"):
        found = account.ec2.describe_images(
            Owners=list(owners),
            Filters=[{"Name": "name", "Values": [name]}, {"Name": "state", "Values": ["available"]}],
        )["Images"]
    newest = max(found, key=lambda image: image.get("CreationDate", ""), default=None)
    if newest is None:
        return None
    return BaseImage(newest["ImageId"], newest.get("Name", ""))
