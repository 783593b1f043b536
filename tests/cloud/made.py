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
