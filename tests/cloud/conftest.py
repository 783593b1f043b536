"""Credentials that only moto takes, and its server with nothing in it for each test."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cloud.account import Account
from tests.cloud.edge import Edge, serving

REGION = "eu-north-1"


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[Edge, str]]:
    edge = Edge()
    with serving(edge) as address:
        yield edge, address


@pytest.fixture
def aws(_server: tuple[Edge, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    """An empty AWS on this machine, which boto3 and Packer find by the environment."""
    edge, address = _server
    request = urllib.request.Request(f"{address}/moto-api/reset", method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
    fresh = Edge(_moto=edge._moto)
    edge.__dict__.update(fresh.__dict__)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nowhere = str(tmp_path / "no-such-file")
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": nowhere,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    return edge


@pytest.fixture
def account(aws: Edge) -> Account:
    return Account(REGION)
