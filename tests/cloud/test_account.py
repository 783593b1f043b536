"""Credentials and refusals: each a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cloud.account import DEFAULT_REGION, Account
from runner.errors import AccountError, CannotStart, CloudFailed
from tests.cloud.sky import Sky

pytestmark = pytest.mark.slow  # each has an AWS of its own


def test_who_we_are_is_asked_of_aws(account: Account) -> None:
    assert account.identity().account == "123456789012"


def test_region_is_the_one_named_then_the_environments_then_ours(
    aws: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Account().region == DEFAULT_REGION
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Account().region == "eu-west-1"
    assert Account("us-east-1").region == "us-east-1"


def test_aws_region_alone_is_the_region_and_wins_over_boto3s_own_variable(
    aws: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    assert Account().region == "eu-south-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Account().region == "eu-south-1"
    assert Account("us-east-1").region == "us-east-1"


def test_without_credentials_it_is_told_how_to_get_some(aws: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AccountError, match="There are no AWS credentials: set AWS_PROFILE"):
        Account().identity()


def test_a_key_without_its_secret_is_told(aws: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AccountError, match="incomplete"):
        Account().identity()


def test_a_profile_that_is_not_there_is_named(aws: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")

    with pytest.raises(AccountError, match=r"profile \(work\) could not be found.*correct AWS_PROFILE"):
        Account()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("ExpiredToken", "The AWS credentials are expired: run aws sso login"),
        ("InvalidClientTokenId", "AWS does not know these credentials"),
        ("AccessDenied", "may not ask AWS who we are .GetCallerIdentity.: have that action allowed"),
    ],
)
def test_each_way_to_be_kept_out_has_its_sentence(
    code: str, sentence: str, account: Account, aws: Sky
) -> None:
    aws.refuse("GetCallerIdentity", code, "no")

    with pytest.raises(AccountError, match=sentence):
        account.identity()


def test_another_refusal_keeps_awss_words_and_its_code(account: Account, aws: Sky) -> None:
    aws.refuse("GetCallerIdentity", "RequestLimitExceeded", "Slow down.")

    with pytest.raises(
        CloudFailed, match=r"AWS would not ask AWS who we are \(RequestLimitExceeded\): Slow down\."
    ) as caught:
        account.identity()
    assert caught.value.code == "RequestLimitExceeded"


def test_a_network_that_is_not_there_is_told(
    aws: Sky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(
        CloudFailed, match=r"could not be reached .* check the network, HTTPS_PROXY and the region"
    ):
        Account().identity()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "AWS_ENDPOINT_URL",
            "nonsense",
            r"is no address \(Invalid endpoint: nonsense\): correct AWS_ENDPOINT_URL",
        ),
        ("AWS_CA_BUNDLE", "/nowhere/at/all", "AWS_CA_BUNDLE is /nowhere/at/all, and there is no such file"),
        (
            "AWS_CONFIG_FILE",
            "[default\nbroken",
            "configuration cannot be read .*: correct that file, or name another",
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_with_its_name(
    name: str, value: str, sentence: str, aws: Sky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if name == "AWS_CONFIG_FILE":
        (tmp_path / "config").write_text(value)
        value = str(tmp_path / "config")
    monkeypatch.setenv(name, value)

    with pytest.raises(CannotStart, match=sentence):
        Account(DEFAULT_REGION).identity()


def test_a_proxy_that_is_none_is_told(aws: Sky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    with pytest.raises(CannotStart, match=r"The proxy does not answer .*: correct HTTPS_PROXY, or unset it"):
        Account(DEFAULT_REGION).identity()


@pytest.mark.parametrize("process", ["/bin/false", "echo nonsense", "/no/such/program"])
def test_a_program_that_should_hand_out_credentials_and_does_not_is_told(
    process: str, aws: Sky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    with pytest.raises(AccountError, match="run by hand what credential_process names"):
        Account(DEFAULT_REGION).identity()
