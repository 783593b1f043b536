"""Images, machines and templates made in the AWS of a test."""

from __future__ import annotations

from runner.cloud.account import Account


def make_image(account: Account, name: str, *, project: str = "gpu-transcriber", **tags: str) -> str:
    """An image of a machine that is terminated then; returns its id."""
    ec2 = account.ec2
    base = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    machine = ec2.run_instances(ImageId=base, MinCount=1, MaxCount=1, InstanceType="t3.micro")["Instances"][0]
    image = ec2.create_image(InstanceId=machine["InstanceId"], Name=name)["ImageId"]
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    ec2.create_tags(
        Resources=[image],
        Tags=[{"Key": key, "Value": value} for key, value in {"Project": project, **tags}.items()],
    )
    return image


def run_machine(account: Account, image: str) -> str:
    """A machine of this image; returns its id."""
    started = account.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
    return started["Instances"][0]["InstanceId"]


JAMMY = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20261101"


def name_base(account: Account, name: str) -> None:
    """Give the newest of the images that moto brings from Canonical this name."""
    from moto.ec2.models import ec2_backends

    backend = ec2_backends["123456789012"][account.region]
    next(image for image in backend.amis.values() if image.owner_id == "099720109477").name = name
