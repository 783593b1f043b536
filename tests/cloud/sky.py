"""What images and preflights ask of an account beside moto's EC2: quotas, prices, protection; set by a test."""

from __future__ import annotations

import json
from typing import Any

from tests.support.aws import Answer, Cloud, Request
from tests.support.aws.cloud import REGION

JSON = "application/x-amz-json-1.1"


class Sky:
    """An account whose quotas, price of snapshots and protection a test sets."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.quotas = {"L-3819A6DF": 8.0, "L-DB2E81BA": 8.0}
        self.snapshot_price: float | None = 0.053
        cloud.edge.answers |= {
            "GetServiceQuota": self._quota,
            "GetAWSDefaultServiceQuota": lambda _: _json({"Quota": {"Value": 0.0}}),
            "GetProducts": self._products,
            "DisableImageDeregistrationProtection": self._lift,
        }

    def actions(self) -> list[str]:
        return [request.action for request in self.cloud.requests]

    def refuse(self, action: str, code: str, message: str = "made by a test") -> None:
        self.cloud.fail(action, code)
        self.cloud.edge.faults[-1].message = message

    def protect(self, image: str, state: str) -> None:
        """Have an image protected: moto lists whatever its images have as attributes."""
        _ami(image).deregistration_protection = state

    def _quota(self, request: Request) -> Answer:
        value = self.quotas.get(request.parameters["QuotaCode"])
        if value is None:
            return _json({"__type": "NoSuchResourceException", "message": "none was set"}, 400)
        return _json({"Quota": {"QuotaCode": request.parameters["QuotaCode"], "Value": value}})

    def _products(self, _request: Request) -> Answer:
        if self.snapshot_price is None:
            return _json({"__type": "AccessDeniedException", "message": "no"}, 400)
        priced = {"EUN1-EBS:SnapshotArchiveStorage": 9.0, "EUN1-EBS:SnapshotUsage": self.snapshot_price}
        products = [
            {
                "product": {"attributes": {"usagetype": usage}},
                "terms": {
                    "OnDemand": {"a": {"priceDimensions": {"b": {"pricePerUnit": {"USD": str(price)}}}}}
                },
            }
            for usage, price in priced.items()
        ]
        return _json({"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in products]})

    def _lift(self, request: Request) -> Answer:
        image = _ami(request.parameters["ImageId"])
        cooling = image.deregistration_protection == "enabled-with-cooldown"
        image.deregistration_protection = "disabled"
        word = "disabled-with-cooldown" if cooling else "true"
        space = "http://ec2.amazonaws.com/doc/2016-11-15/"
        return Answer(
            f'<{request.action}Response xmlns="{space}"><return>{word}</return></{request.action}Response>'
        )


def _json(content: object, status: int = 200) -> Answer:
    return Answer(json.dumps(content), status, JSON)


def _ami(image: str) -> Any:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.ec2.models import ec2_backends

    return ec2_backends[DEFAULT_ACCOUNT_ID][REGION].amis[image]
