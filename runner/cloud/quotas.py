"""How many virtual processors of GPU machines the account may run at once; new accounts often may run none."""

from __future__ import annotations

from dataclasses import dataclass

from runner.cloud.account import Account, told

# AWS counts the machines of the families G and VT together, those on demand apart from those on the spot market.
CODES = {"spot": "L-3819A6DF", "on-demand": "L-DB2E81BA"}


@dataclass(frozen=True, slots=True)
class Quota:
    """One market's limit, in virtual processors."""

    code: str
    vcpus: int


def gpu_quota(account: Account, market: str) -> Quota:
    """The quota for G and VT machines of a market, spot or on-demand; raises AccountError, CloudFailed."""
    code = CODES[market]
    with told(f"read the {market} quota for G and VT machines"):
        try:
            found = account.quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        except account.quotas.exceptions.NoSuchResourceException:
            # An account in which it was never changed has the default alone.
            found = account.quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
    return Quota(code, int(found["Value"]))


def vcpus(account: Account, instance_type: str) -> int:
    """Virtual processors of a type of machine; raises CloudFailed where the region has no such type."""
    with told(f"describe {instance_type}"):
        types = account.ec2.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]  # type: ignore[list-item]
    return types[0]["VCpuInfo"]["DefaultVCpus"]
