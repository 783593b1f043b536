"""Quotas and prices, as AWS has them today."""

from __future__ import annotations

import pytest

from runner.cloud.account import Account
from runner.cloud.prices import snapshot_price
from runner.cloud.quotas import gpu_quota, vcpus
from tests.cloud.sky import Sky

pytestmark = pytest.mark.slow  # each has an AWS of its own


def test_each_market_has_its_own_quota(account: Account, aws: Sky) -> None:
    aws.quotas = {"L-3819A6DF": 4.0, "L-DB2E81BA": 16.0}

    assert (gpu_quota(account, "spot").vcpus, gpu_quota(account, "on-demand").vcpus) == (4, 16)


def test_an_account_in_which_none_was_set_has_the_default(account: Account, aws: Sky) -> None:
    aws.quotas = {}

    assert gpu_quota(account, "spot").vcpus == 0


def test_a_type_of_machine_has_its_processors(account: Account) -> None:
    assert vcpus(account, "g4dn.xlarge") == 4


def test_the_price_is_that_of_snapshots_kept_the_usual_way(account: Account, aws: Sky) -> None:
    assert snapshot_price(account) == 0.053
    aws.snapshot_price = None
    assert snapshot_price(account) is None
