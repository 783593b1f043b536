"""AWS on this computer says what AWS says, fails when it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.support.aws import Cloud
from tests.support.aws.cloud import CANONICAL, JAMMY


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_account_has_canonicals_image_and_nothing_of_its_own(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    (image,) = ec2.describe_images(
        Owners=[CANONICAL], Filters=[{"Name": "name", "Values": ["*jammy-22.04*"]}]
    )["Images"]
    assert (image["Name"], image["RootDeviceType"]) == (JAMMY, "ebs")
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert ec2.describe_instances()["Reservations"] == []


@pytest.mark.parametrize(
    ("service", "call", "action", "code"),
    [
        ("ec2", "describe_instances", "DescribeInstances", "RequestLimitExceeded"),
        ("sts", "get_caller_identity", "GetCallerIdentity", "ExpiredToken"),
        ("service-quotas", "list_services", "ListServices", "AccessDeniedException"),
        ("s3", "list_buckets", "GET /", "AccessDenied"),
    ],
)
def test_a_failure_is_told_in_the_words_of_its_service(
    service: str, call: str, action: str, code: str, aws: Cloud
) -> None:
    aws.fail(action, code)
    with pytest.raises(ClientError) as error:
        getattr(aws.client(service), call)()
    assert code_of(error) == code


def test_a_failure_can_be_for_some_requests_and_some_times_only(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    aws.fail("CreateKeyPair", "InvalidKeyPair.Duplicate", times=1, KeyName="taken")
    ec2.create_key_pair(KeyName="free")
    with pytest.raises(ClientError) as error:
        ec2.create_key_pair(KeyName="taken")
    assert code_of(error) == "InvalidKeyPair.Duplicate"
    ec2.create_key_pair(KeyName="taken")


def test_requests_are_kept_with_their_parameters_and_tags(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    group = ec2.create_security_group(
        GroupName="one",
        Description="of a test",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "Project", "Value": "p"}]}],
    )["GroupId"]
    ec2.create_tags(Resources=[group], Tags=[{"Key": "Name", "Value": "n"}, {"Key": "Empty", "Value": ""}])
    (created,) = aws.asked("CreateSecurityGroup")
    assert (created.service, created.region, created.parameters["GroupName"]) == ("ec2", "eu-north-1", "one")
    assert created.tags(of="security-group") == {"Project": "p"}
    (tagged,) = aws.asked("CreateTags")
    assert (tagged.list_of("ResourceId"), tagged.tags()) == ([group], {"Name": "n", "Empty": ""})


def test_an_image_can_be_protected_and_deprecated(aws: Cloud) -> None:
    ec2 = aws.client("ec2")
    assert ec2.enable_image_deregistration_protection(ImageId="ami-1", WithCooldown=True)["Return"]
    assert ec2.enable_image_deprecation(ImageId="ami-1", DeprecateAt="2030-01-01T00:00:00Z")["Return"] is True
    assert [one.parameters["ImageId"] for one in aws.asked("EnableImageDeprecation")] == ["ami-1"]


def test_other_processes_can_set_faults_and_read_requests(aws: Cloud) -> None:
    rule = json.dumps({"action": "DescribeVpcs", "code": "UnauthorizedOperation", "times": 1}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{aws.url}/_edge/faults", rule)).close()
    with pytest.raises(ClientError):
        aws.client("ec2").describe_vpcs()
    with urllib.request.urlopen(f"{aws.url}/_edge/requests") as answer:
        assert [row["action"] for row in json.load(answer)] == ["DescribeVpcs"]
