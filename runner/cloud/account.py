"""Whose account, in which region: clients with little patience, and what AWS refuses told in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from runner.errors import AccountError, CannotStart, CloudFailed, TranscriberError
from runner.quoting import quoted

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_pricing import PricingClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sts import STSClient

DEFAULT_REGION = "eu-north-1"
PRICE_REGION = "us-east-1"  # the price list answers for every region from a few places only
# A person waits for these answers: a request is tried twice, and a network that is not there is soon told.
PATIENCE = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 2, "mode": "standard"})

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnauthorizedException"}
UNKNOWN_KEY = {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says that we are."""

    account: str
    arn: str


class Account:
    """The credentials that boto3 finds, in one region."""

    def __init__(self, region: str = "") -> None:
        bundle = os.environ.get("AWS_CA_BUNDLE", "")
        if bundle and not Path(bundle).is_file():  # boto3 would tell of a network that is not there
            raise CannotStart(
                f"AWS_CA_BUNDLE is {bundle}, and there is no such file: correct it, or unset it."
            )
        with told("read the AWS configuration"):
            self._session = boto3.Session()
        # boto3 itself reads AWS_DEFAULT_REGION and the profile's, and not the variable that AWS's other tools take.
        named = region or os.environ.get("AWS_REGION") or self._session.region_name
        self.region: str = named or DEFAULT_REGION

    @cached_property
    def ec2(self) -> EC2Client:
        with told("make a client"):
            return self._session.client("ec2", region_name=self.region, config=PATIENCE)

    @cached_property
    def quotas(self) -> ServiceQuotasClient:
        with told("make a client"):
            return self._session.client("service-quotas", region_name=self.region, config=PATIENCE)

    @cached_property
    def pricing(self) -> PricingClient:
        with told("make a client"):
            return self._session.client("pricing", region_name=PRICE_REGION, config=PATIENCE)

    @cached_property
    def sts(self) -> STSClient:
        with told("make a client"):
            return self._session.client("sts", region_name=self.region, config=PATIENCE)

    def identity(self) -> Identity:
        """Ask AWS who we are; raises AccountError, CloudFailed."""
        with told("ask AWS who we are"):
            answer = self.sts.get_caller_identity()
        return Identity(answer["Account"], answer["Arn"])


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn what AWS and boto3 raise into CannotStart or CloudFailed; `doing` is what was tried, as a verb's phrase.

    ValueError and OSError are what boto3 lets through of a setting or a credential_process that makes no sense.
    """
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError, ValueError, OSError) as error:
        raise refusal(error, doing) from error


def code_of(error: Exception) -> str:
    """AWS's own name for why it refused; empty for what is no refusal of AWS."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def refusal(error: Exception, doing: str) -> TranscriberError:
    """The sentence for a failure of boto3's, as an exception of ours."""
    profile = os.environ.get("AWS_PROFILE", "")
    again = f"run aws sso login{f' --profile {profile}' if profile else ''}, or renew them as you got them."
    if isinstance(error, NoCredentialsError):
        return AccountError(
            "There are no AWS credentials: set AWS_PROFILE, or make some with aws configure or aws sso login."
        )
    if isinstance(error, PartialCredentialsError):
        return AccountError(f"The AWS credentials are incomplete ({error}): mend them, or set AWS_PROFILE.")
    if isinstance(error, ProfileNotFound):
        return AccountError(f"{error}: correct AWS_PROFILE, or make the profile with aws configure.")
    if (misset := _misset(error)) is not None:
        return misset
    if isinstance(error, (TokenRetrievalError, SSOError)) or code_of(error) in EXPIRED:
        return AccountError(f"The AWS credentials are expired: {again}")
    if code_of(error) in UNKNOWN_KEY:
        return AccountError(
            "AWS does not know these credentials: look whether AWS_PROFILE, the key and its secret belong together."
        )
    if code_of(error) in FORBIDDEN and isinstance(error, ClientError):
        return AccountError(
            f"These AWS credentials may not {doing} ({error.operation_name}): have that action allowed, or use others."
        )
    if isinstance(error, ClientError):
        said = quoted(error.response.get("Error", {}).get("Message", "")) or "it gave no reason"
        return CloudFailed(
            f"AWS would not {doing} ({code_of(error)}): {said.rstrip('.')}.", code=code_of(error)
        )
    if isinstance(error, ResponseParserError):  # a page of a proxy's, in place of AWS's answer
        return CloudFailed(
            f"What answered when we tried to {doing} was not AWS: check HTTPS_PROXY and the network."
        )
    if isinstance(error, (EndpointConnectionError, HTTPClientError)):
        return CloudFailed(
            f"AWS could not be reached to {doing}: check the network, HTTPS_PROXY and the region."
        )
    return CloudFailed(f"AWS could not {doing}: {str(error).rstrip('.')}.")


def _misset(error: Exception) -> TranscriberError | None:
    """The sentence where the reason is a setting on this computer; None where it is another."""
    said = " ".join(str(error).split()).rstrip(".: ")
    if isinstance(error, (ConfigParseError, ConfigNotFound)):
        return AccountError(
            f"The AWS configuration cannot be read ({said}): correct that file, or name another in AWS_CONFIG_FILE or "
            "AWS_SHARED_CREDENTIALS_FILE."
        )
    if isinstance(error, ProxyConnectionError):
        return CannotStart(f"The proxy does not answer ({said}): correct HTTPS_PROXY, or unset it.")
    if isinstance(error, SSLError):
        return CannotStart(
            f"The certificate of what answers for AWS is not trusted ({quoted(said)}): name your network's own in "
            "AWS_CA_BUNDLE, and check HTTPS_PROXY."
        )
    if "Invalid endpoint" in said:
        return CannotStart(
            f"What AWS is to be reached by is no address ({said}): correct AWS_ENDPOINT_URL, which takes "
            "https://host, or unset it; and the region."
        )
    ours = isinstance(error, (BotoCoreError, ClientError, ResponseParserError))
    if isinstance(error, CredentialRetrievalError) or not ours:
        return AccountError(
            f"The program or service that hands out the AWS credentials failed ({said}): run by hand what "
            "credential_process names in the AWS configuration, or set AWS_PROFILE to another."
        )
    return None
