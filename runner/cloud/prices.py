"""What keeping an image costs, asked of AWS's price list each time: prices written down are soon wrong."""

from __future__ import annotations

import json

from runner.cloud.account import Account, told
from runner.errors import TranscriberError


def snapshot_price(account: Account) -> float | None:
    """USD for a gigabyte of snapshot kept for a month in the account's region; None where that cannot be learnt."""
    filters = [("productFamily", "Storage Snapshot"), ("regionCode", account.region)]
    try:
        with told("read the price list"):
            answer = account.pricing.get_products(
                ServiceCode="AmazonEC2",
                Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters],
            )
    except TranscriberError:  # a list of images is worth having without prices
        return None
    for product in map(json.loads, answer["PriceList"]):
        if product["product"]["attributes"].get("usagetype", "").endswith("EBS:SnapshotUsage"):
            terms = product["terms"]["OnDemand"].values()
            prices = [
                price["pricePerUnit"]["USD"] for term in terms for price in term["priceDimensions"].values()
            ]
            return max(map(float, prices), default=None)
    return None
