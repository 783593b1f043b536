"""What moto does not know, answered as EC2 does; what such calls change is seen in the recorded requests alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support.aws.edge import Answer, Edge, Request

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def _ec2(action: str, inner: str) -> Answer:
    return Answer(
        f'<{action}Response xmlns="{NAMESPACE}"><requestId>edge</requestId>{inner}</{action}Response>'
    )


def _returns(word: str) -> Callable[[Request], Answer]:
    return lambda request: _ec2(request.action, f"<return>{word}</return>")


# What protects and ends an image. Clients assert on the recorded request: moto's images have no such attributes.
ANSWERS: dict[str, Callable[[Request], Answer]] = {
    "EnableImageDeprecation": _returns("true"),
    "DisableImageDeprecation": _returns("true"),
    "EnableImageDeregistrationProtection": _returns("enabled-with-cooldown"),
    "DisableImageDeregistrationProtection": _returns("disabled"),
}


def remember_spot(edge: Edge) -> None:
    """Have instances of a fleet say which spot request they came from: moto forgets it, and Packer tags it."""
    of_fleets: set[bytes] = set()

    def launched(request: Request, status: int, body: bytes) -> None:
        of_fleets.update(re.findall(rb"<item>(i-[0-9a-f]+)</item>", body))

    def described(request: Request, status: int, body: bytes) -> bytes:
        for instance in of_fleets:
            whole = b"<instanceId>" + instance + b"</instanceId>"
            spot = b"<spotInstanceRequestId>sir-" + instance[2:10] + b"</spotInstanceRequestId>"
            body = body.replace(whole, whole + spot)
        return body

    edge.witnesses |= {"CreateFleet": launched, "DescribeInstances": described}
