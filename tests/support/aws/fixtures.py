"""An AWS account for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.aws.cloud import Cloud, aws


@pytest.fixture(name="aws")
def account() -> Iterator[Cloud]:
    """An account that holds nothing but a default VPC and Canonical's images."""
    with aws() as cloud:
        yield cloud
