"""The table of what an account must allow names every request that this program itself makes."""

from __future__ import annotations

import re

from tests.support.checkout import ROOT

TOLD = (ROOT / "packer" / "PERMISSIONS.md").read_text()
# A client's name in the code → the service's in IAM.
SERVICES = {"ec2": "ec2", "quotas": "servicequotas", "pricing": "pricing", "sts": "sts"}


def asked() -> set[str]:
    """The actions behind the calls of the clients, paginated or not."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "runner" / "cloud").glob("*.py")))
    calls = re.findall(r"\b(?:account|self)\.(\w+)\.(?:get_paginator\(\"(\w+)\"|(\w+)\()", text)
    return {
        f"{SERVICES[client]}:{''.join(map(str.capitalize, (paged or plain).split('_')))}"
        for client, paged, plain in calls
        if client in SERVICES
    }


def test_every_request_of_ours_is_in_the_table_of_permissions() -> None:
    calls = asked() - {"servicequotas:GetAwsDefaultServiceQuota"} | {
        "servicequotas:GetAWSDefaultServiceQuota"
    }

    assert {"ec2:DescribeImages", "ec2:DescribeLaunchTemplateVersions", "sts:GetCallerIdentity"} < calls
    assert calls - set(re.findall(r"`(\w+:\w+)`", TOLD)) == set()
