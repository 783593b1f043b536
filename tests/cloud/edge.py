"""moto's server with a rim around it: calls that it lacks, refusals on demand, and a record of what was asked."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

EC2 = '<?xml version="1.0"?><{0}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">{1}</{0}Response>'
REFUSED = "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>"


@dataclass
class Edge:
    """A WSGI application; tests set what it answers by the name of the action."""

    quotas: dict[str, float] = field(default_factory=lambda: {"L-3819A6DF": 8.0, "L-DB2E81BA": 8.0})
    snapshot_price: float | None = 0.053
    protection: dict[str, str] = field(default_factory=dict)  # by image
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)  # by action: code and message
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    hang: threading.Event | None = None  # nothing is answered before it is set
    _moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def actions(self) -> list[str]:
        return [action for action, _ in self.asked]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        form = parse_qs(body.decode(errors="replace")) if b"Action=" in body else {}
        action = form.get("Action", [environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]])[0]
        if action:
            self.asked.append((action, form))
        if self.hang is not None:
            self.hang.wait(60)
        if action in self.refusals:
            return self._refuse(action, bool(form), start)
        if (mine := getattr(self, f"_{action}", None)) is not None:
            return _answer(start, *mine(form, json.loads(body) if not form and body else {}))
        if action != "DescribeImages" or not self.protection:
            answer: Iterable[bytes] = self._moto(environ, start)
            return answer
        told: list[str] = []
        body = b"".join(self._moto(environ, lambda status, _headers, *_: told.append(status)))
        return _answer(start, told[0], "text/xml", self._with_protection(body.decode()))

    def _refuse(self, action: str, xml: bool, start: Callable[..., Any]) -> Iterable[bytes]:
        code, message = self.refusals[action]
        if xml:
            return _answer(start, "400 Bad Request", "text/xml", REFUSED.format(code, message))
        return _answer(
            start, "400 Bad Request", "application/x-amz-json-1.1", {"__type": code, "message": message}
        )

    def _GetServiceQuota(self, _form: Any, asked: dict[str, str]) -> tuple[str, str, Any]:  # noqa: N802 - AWS names it
        quota = self.quotas.get(asked["QuotaCode"])
        kind = "application/x-amz-json-1.1"
        if quota is None:
            return "400 Bad Request", kind, {"__type": "NoSuchResourceException", "message": "none was set"}
        return "200 OK", kind, {"Quota": {"QuotaCode": asked["QuotaCode"], "Value": quota}}

    def _GetAWSDefaultServiceQuota(self, _form: Any, asked: dict[str, str]) -> tuple[str, str, Any]:  # noqa: N802
        return (
            "200 OK",
            "application/x-amz-json-1.1",
            {"Quota": {"QuotaCode": asked["QuotaCode"], "Value": 0.0}},
        )

    def _GetProducts(self, _form: Any, _asked: Any) -> tuple[str, str, Any]:  # noqa: N802
        kind = "application/x-amz-json-1.1"
        if self.snapshot_price is None:
            return "400 Bad Request", kind, {"__type": "AccessDeniedException", "message": "no"}
        dimension = {"pricePerUnit": {"USD": str(self.snapshot_price)}}
        products = [
            {
                "product": {"attributes": {"usagetype": f"EUN1-{usage}"}},
                "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
            }
            for usage in ("EBS:SnapshotArchiveStorage", "EBS:SnapshotUsage")
        ]
        products[0]["terms"]["OnDemand"]["a"]["priceDimensions"]["b"] = {"pricePerUnit": {"USD": "9.0"}}  # type: ignore[index]
        return "200 OK", kind, {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in products]}

    def _DisableImageDeregistrationProtection(self, form: Any, _: Any) -> tuple[str, str, Any]:  # noqa: N802
        image = form["ImageId"][0]
        before = self.protection.get(image, "disabled")
        self.protection[image] = "disabled"
        answer = "disabled-with-cooldown" if before == "enabled-with-cooldown" else "true"
        return (
            "200 OK",
            "text/xml",
            EC2.format("DisableImageDeregistrationProtection", f"<return>{answer}</return>"),
        )

    def _with_protection(self, body: str) -> str:
        def insert(found: re.Match[str]) -> str:
            state = self.protection.get(found[1], "disabled")
            return f"{found[0]}<deregistrationProtection>{state}</deregistrationProtection>"

        return re.sub(r"<imageId>(ami-[0-9a-f]+)</imageId>", insert, body)


def _answer(start: Callable[..., Any], status: str, kind: str, body: Any) -> Iterable[bytes]:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    start(status, [("Content-Type", kind), ("Content-Length", str(len(data)))])
    return [data]


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug names it
        pass


@contextmanager
def serving(edge: Edge) -> Iterator[str]:
    """The edge on a port of the loopback; yields its address."""
    server = make_server("127.0.0.1", 0, edge, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
