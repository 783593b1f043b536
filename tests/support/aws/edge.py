"""The WSGI application between an AWS client and moto: answers missing calls, fails by rule, records requests."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """What a client asked for; `parameters` are those of the query protocol, or the top level of a JSON body."""

    service: str
    region: str
    action: str
    parameters: Mapping[str, Any]
    method: str
    path: str
    body: bytes = field(repr=False, default=b"")

    @classmethod
    def read(cls, environ: Environ) -> Request:
        """Read a request, and put its body back for who comes next."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        region, service = scope.groups() if scope else ("", "")
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        parameters: Mapping[str, Any] = {}
        if target := environ.get("HTTP_X_AMZ_TARGET"):
            action = target.rpartition(".")[2]
            parameters = json.loads(body or b"{}")
        elif "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "") or environ.get("QUERY_STRING", ""):
            form = dict(parse_qsl(body.decode("latin-1")) + parse_qsl(environ.get("QUERY_STRING", "")))
            action = form.get("Action", f"{method} {path}")
            parameters = form
        else:
            action = f"{method} {path}"
            if body.startswith(b"{"):
                parameters = json.loads(body)
        return cls(service, region, action, parameters, method, path, body)

    def list_of(self, name: str) -> list[str]:
        """The values of a numbered parameter, such as ImageId.1, ImageId.2."""
        found = {key: value for key, value in self.parameters.items() if re.fullmatch(rf"{name}\.\d+", key)}
        return [found[key] for key in sorted(found, key=lambda key: int(key.rpartition(".")[2]))]

    def tags(self, of: str | None = None) -> dict[str, str]:
        """The tags that the request sets: by CreateTags, or by TagSpecification on resources of the type `of`."""
        tags = {}
        for key, value in self.parameters.items():
            if not (place := re.fullmatch(r"(.*)Tag\.(\d+)\.Key", key)):
                continue
            before, number = place.groups()
            kind = self.parameters.get(f"{before}ResourceType")
            if of is None or kind == of:
                tags[value] = self.parameters.get(f"{before}Tag.{number}.Value", "")
        return tags


@dataclass(frozen=True)
class Answer:
    """What the edge says instead of moto."""

    body: str
    status: int = 200
    kind: str = "text/xml;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """A failure to come: for an action, where these parameters are contained in the request's, so many times."""

    action: str
    code: str
    message: str = "made by a test"
    status: int = 400
    times: int | None = None  # None: always
    where: Mapping[str, str] = field(default_factory=dict)

    def meets(self, request: Request) -> bool:
        """Say whether the request fails, and count it."""
        named = self.action == request.action and self.times != 0
        if not named or any(str(request.parameters.get(name)) != value for name, value in self.where.items()):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def answer(self, request: Request) -> Answer:
        """The failure in the words of the service's protocol."""
        if request.service == "ec2":
            return Answer(
                f"<Response><Errors><Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
                "</Error></Errors><RequestID>edge</RequestID></Response>",
                self.status,
            )
        if request.service == "s3":
            words = (
                f"<Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message></Error>"
            )
            return Answer(words, self.status, "application/xml")
        if request.action == f"{request.method} {request.path}" or request.service in _JSON:
            words = json.dumps({"__type": self.code, "message": self.message})
            return Answer(words, self.status, "application/json", {"x-amzn-ErrorType": self.code})
        return Answer(
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(self.code)}</Code>"
            f"<Message>{escape(self.message)}</Message></Error><RequestId>edge</RequestId></ErrorResponse>",
            self.status,
        )


_JSON = {"servicequotas", "logs", "pricing", "ssm", "scheduler", "budgets", "ce", "sqs"}

Answerer = Callable[[Request], Answer]
Witness = Callable[
    [Request, int, bytes], bytes | None
]  # request, status and answer; returns another answer or None


class Edge:
    """The application. `answers` and `faults` may be changed at any time; `requests` grows."""

    def __init__(self, behind: Application, answers: Mapping[str, Answerer]) -> None:
        self.behind = behind
        self.answers: dict[str, Answerer] = dict(answers)
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.witnesses: dict[str, Witness] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/_edge/"):
            return self._control(environ, start_response)
        request = Request.read(environ)
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self.faults if fault.meets(request)), None)
        if fault is not None:
            return _say(fault.answer(request), start_response)
        if (answerer := self.answers.get(request.action)) is not None:
            return _say(answerer(request), start_response)
        if (witness := self.witnesses.get(request.action)) is None:
            return self.behind(environ, start_response)
        return self._witnessed(environ, start_response, request, witness)

    def _witnessed(
        self, environ: Environ, start_response: StartResponse, request: Request, witness: Witness
    ) -> Iterable[bytes]:
        """Pass on, and show the answer before the client has it, which may then get another."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self.behind(environ, lambda status, headers, *_: started.append((status, headers))))
        status, headers = started[0]
        body = witness(request, int(status.split(maxsplit=1)[0]), body) or body
        others = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*others, ("Content-Length", str(len(body)))])
        return [body]

    def _control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """For other processes: POST /_edge/faults adds a fault, GET /_edge/requests lists what was asked."""
        if environ["REQUEST_METHOD"] == "POST":
            wanted = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            with self._lock:
                self.faults.append(Fault(**wanted))
            return _say(Answer("{}", kind="application/json"), start_response)
        rows = [
            {"action": one.action, "region": one.region, "parameters": one.parameters}
            for one in self.requests
        ]
        return _say(Answer(json.dumps(rows), kind="application/json"), start_response)


def _say(answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    body = answer.body.encode()
    headers = {"Content-Type": answer.kind, "Content-Length": str(len(body)), **answer.headers}
    start_response(f"{answer.status} {'OK' if answer.status < 400 else 'Error'}", list(headers.items()))
    return [body]
