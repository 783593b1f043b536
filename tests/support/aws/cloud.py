"""One AWS account on this computer, as clients and as tests see it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.aws.edge import Edge, Fault, Request
from tests.support.aws.missing import ANSWERS, remember_spot

REGION = "eu-north-1"
CANONICAL = "099720109477"
JAMMY = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20261101"


@dataclass(frozen=True)
class Cloud:
    """The account: `environment` points clients at it, `requests` is all that they asked."""

    endpoint: str
    edge: Edge

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment, and nothing of the person's own account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def url(self) -> str:
        return self.endpoint

    @property
    def requests(self) -> list[Request]:
        return self.edge.requests

    def asked(self, action: str) -> list[Request]:
        """The requests of this action, oldest first."""
        return [request for request in self.requests if request.action == action]

    def fail(
        self, action: str, code: str, *, times: int | None = None, status: int = 400, **where: str
    ) -> None:
        """Have an action fail with this code: always, or so many times, or where parameters are these."""
        self.edge.faults.append(Fault(action, code, times=times, status=status, where=where))

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client of the account."""
        import boto3

        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@contextmanager
def aws() -> Iterator[Cloud]:
    """An account with a default VPC and Canonical's images and nothing else, served on the loopback address."""
    from moto.moto_api._internal.models import moto_api_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    moto_api_backend.reset()
    _name_jammy()
    edge = Edge(DomainDispatcherApplication(create_backend_app), ANSWERS)
    remember_spot(edge)
    server = make_server("127.0.0.1", 0, edge, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Cloud(f"http://127.0.0.1:{server.server_port}", edge)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        moto_api_backend.reset()


def _name_jammy() -> None:
    """Give one of Canonical's images the name of the release that we bake on: moto's own are older ones."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.ec2.models import ec2_backends

    images = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].amis.values()
    image = next(
        image
        for image in images
        if image.owner_id == CANONICAL
        and image.root_device_type == "ebs"
        and image.virtualization_type == "hvm"
        and image.architecture == "x86_64"
    )
    image.name = JAMMY
