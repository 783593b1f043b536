"""Our machine images in an account: what they are, what uses them, and how one is removed for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from runner.cloud.account import Account, code_of, told
from runner.errors import CloudFailed

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import EbsBlockDeviceTypeDef, ImageTypeDef, SnapshotTypeDef

PROJECT = "gpu-transcriber"  # the tag Project by which ours are known
ALIVE = ["pending", "running", "stopping", "stopped", "shutting-down"]
COOLING = "with-cooldown"  # AWS then keeps an image for 24 hours after its protection was lifted


@dataclass(frozen=True, slots=True)
class Image:
    """One of our images; sizes in bytes. `used_by` names what would break without it."""

    id: str
    name: str
    region: str
    state: str
    created: datetime
    tags: Mapping[str, str]
    snapshots: Sequence[str]
    size: int
    size_is_exact: bool  # else it is the size of the disk, which snapshots seldom fill
    protection: str
    deprecated_at: str
    last_launched: str
    used_by: Sequence[str] = field(default=())

    @property
    def protected(self) -> bool:
        """Whether AWS refuses to remove it as it is."""
        return self.protection.startswith("enabled")


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one image: sentences for what was done, and for what is left and why."""

    image: Image
    done: Sequence[str]
    left: Sequence[str]


def our_images(account: Account) -> list[Image]:
    """Our images in the account's region, newest first, with what uses them; raises AccountError, CloudFailed."""
    with told("list images"):
        pages = account.ec2.get_paginator("describe_images").paginate(
            Owners=["self"], Filters=[{"Name": "tag:Project", "Values": [PROJECT]}], IncludeDeprecated=True
        )
        found = [image for page in pages for image in page["Images"]]
        snapshots = _snapshots(account, found)
    used = _uses(account, [image["ImageId"] for image in found])
    images = [_image(image, account.region, snapshots, used.get(image["ImageId"], [])) for image in found]
    return sorted(images, key=lambda image: (image.created, image.id), reverse=True)


def remove(account: Account, image: Image) -> Removal:
    """Lift the protection, deregister, delete the snapshots; what AWS refuses is told and left.

    Raises AccountError where the credentials may not do it, for then nothing further will go well.
    """
    done, left = list[str](), list[str]()
    if image.protected:
        with told("lift the protection of an image"):
            answer = account.ec2.disable_image_deregistration_protection(ImageId=image.id)
        done.append("protection lifted")
        if COOLING in answer.get("Return", "") or COOLING in image.protection:
            return Removal(image, done, [_cooling(image)])
    try:
        with told("deregister an image"):
            account.ec2.deregister_image(ImageId=image.id)
    except CloudFailed as error:
        cooling = "cooldown" in str(error).lower().replace("-", "")
        return Removal(image, done, [_cooling(image) if cooling else f"{image.id} is left: {error}"])
    done.append("deregistered")
    for snapshot in image.snapshots:
        try:
            with told("delete a snapshot"):
                account.ec2.delete_snapshot(SnapshotId=snapshot)
        except CloudFailed as error:
            if error.code == "InvalidSnapshot.NotFound":  # AWS took it with the image
                continue
            reason = "another image is made of it" if error.code == "InvalidSnapshot.InUse" else str(error)
            left.append(f"snapshot {snapshot} is left: {reason}")
        else:
            done.append(f"snapshot {snapshot} deleted")
    return Removal(image, done, left)


def exists(account: Account, image_id: str) -> bool:
    """Whether AWS still knows the image."""
    with told("look for an image"):
        try:
            return bool(account.ec2.describe_images(ImageIds=[image_id])["Images"])
        except ClientError as error:
            if code_of(error).startswith("InvalidAMIID"):
                return False
            raise


def _cooling(image: Image) -> str:
    return (
        f"{image.id} is left for now: its protection is lifted, but it was made with a cool-down, so that AWS removes "
        "it 24 hours from then at the earliest; run this again tomorrow."
    )


def _image(
    image: ImageTypeDef, region: str, snapshots: Mapping[str, SnapshotTypeDef], used_by: Sequence[str]
) -> Image:
    disks = _disks(image)
    ids = [disk["SnapshotId"] for disk in disks]
    full = [snapshots[id_].get("FullSnapshotSizeInBytes", 0) for id_ in ids if id_ in snapshots]
    exact = bool(full) and all(full)
    size = sum(full) if exact else sum(disk.get("VolumeSize", 0) for disk in disks) * 2**30
    return Image(
        id=image["ImageId"],
        name=image.get("Name", ""),
        region=region,
        state=image.get("State", ""),
        created=_moment(image.get("CreationDate", "")),
        tags={tag["Key"]: tag["Value"] for tag in image.get("Tags", [])},
        snapshots=ids,
        size=size,
        size_is_exact=exact,
        protection=image.get("DeregistrationProtection", ""),
        deprecated_at=image.get("DeprecationTime", ""),
        last_launched=image.get("LastLaunchedTime", ""),
        used_by=used_by,
    )


def _disks(image: ImageTypeDef) -> list[EbsBlockDeviceTypeDef]:
    """The disks of an image that come of a snapshot."""
    return [
        disk["Ebs"] for disk in image.get("BlockDeviceMappings", []) if "SnapshotId" in disk.get("Ebs", {})
    ]


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text.replace("Z", "+0000"), "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return datetime.fromtimestamp(0, timezone.utc)


def _snapshots(account: Account, images: Iterable[ImageTypeDef]) -> dict[str, SnapshotTypeDef]:
    ids = [disk["SnapshotId"] for image in images for disk in _disks(image)]
    if not ids:
        return {}
    # By a filter, which passes over those that are gone, where asking for them by name would fail the whole.
    pages = account.ec2.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"], Filters=[{"Name": "snapshot-id", "Values": ids}]
    )
    return {snapshot["SnapshotId"]: snapshot for page in pages for snapshot in page["Snapshots"]}


def _uses(account: Account, ids: Sequence[str]) -> dict[str, list[str]]:
    """What uses each of these images: machines that are not terminated, and every version of every launch template."""
    used: dict[str, list[str]] = {}
    if not ids:
        return used
    with told("look which machines use an image"):
        machines = account.ec2.get_paginator("describe_instances").paginate(
            Filters=[
                {"Name": "image-id", "Values": list(ids)},
                {"Name": "instance-state-name", "Values": ALIVE},
            ]
        )
        for page in machines:
            for machine in (one for group in page["Reservations"] for one in group["Instances"]):
                used.setdefault(machine["ImageId"], []).append(f"machine {machine['InstanceId']}")
    with told("look which launch templates use an image"):
        for templates in account.ec2.get_paginator("describe_launch_templates").paginate():
            for template in templates["LaunchTemplates"]:
                versions = account.ec2.get_paginator("describe_launch_template_versions").paginate(
                    LaunchTemplateId=template["LaunchTemplateId"]
                )
                for version in (one for page in versions for one in page["LaunchTemplateVersions"]):
                    image = version["LaunchTemplateData"].get("ImageId", "")
                    named = (
                        f"launch template {template['LaunchTemplateName']} version {version['VersionNumber']}"
                    )
                    used.setdefault(image, []).append(named)
    return used
