"""Calls that moto does not know, answered as EC2 does; what they change is kept on the cloud's own record."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.aws.edge import Answer, Request

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
