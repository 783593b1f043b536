"""An account with nothing in it for each test, which boto3 and Packer find by the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from runner.cloud.account import Account
from tests.cloud.sky import Sky
from tests.support.aws.cloud import REGION
from tests.support.aws.cloud import aws as serve


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sky]:
    """An empty AWS on this computer."""
    with serve() as cloud:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in cloud.environment.items():
            if "REGION" not in name:
                monkeypatch.setenv(name, value)
        yield Sky(cloud)


@pytest.fixture
def account(aws: Sky) -> Account:
    return Account(REGION)
