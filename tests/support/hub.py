"""A stand-in for the Hugging Face hub on the loopback address: its listing, its files, its storage, and its bad days.

Like the real one it answers `/api/models/ID[/revision/COMMIT]` with sizes and digests, serves small files itself and
sends whoever wants a large one to a storage host (here another port), with ranges. It keeps a list of what it was
asked and how much it sent. What it stands in for was read from huggingface_hub's source, not from the hub.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.loopback import Authority


@dataclass(frozen=True)
class Status:
    """Answer with this status, and with what the hub calls the error."""

    code: int
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class Drop:
    """Close the connection after this many bytes of the body."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Send this many bytes of the body, then nothing until the hub is closed."""

    after: int


@dataclass(frozen=True)
class Wrong:
    """Send other bytes, as many as there should be."""


@dataclass(frozen=True)
class Whole:
    """Ignore the range that is asked for."""


@dataclass(frozen=True)
class Portal:
    """Answer with a page that asks to log in, as a hotel's network does."""


Fault = Status | Drop | Stall | Wrong | Whole | Portal


@dataclass
class Asked:
    """One request: `host` is hub or storage, `name` the file or "" for the listing, `sent` bytes of its body."""

    host: str
    name: str
    path: str
    headers: Message
    sent: int = 0


@dataclass
class Repository:
    """One model: its files at each commit, the commit of each named revision, and what is in large-file storage."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    stored: Collection[str] = ()
    heads: dict[str, str] = field(default_factory=dict)
    refusal: Status | None = None
    files_refusal: Status | None = None


class Hub:
    """`endpoint` is its address; `faults[name]` are taken in turn by requests for that file ("" is the listing)."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = defaultdict(Repository)
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.ports = (0, 0)  # of hub and storage
        self.endpoint = ""
        self.storage = ""

    def publish(
        self,
        model: str,
        files: Mapping[str, bytes],
        stored: Collection[str] = ("model.safetensors",),
        revision: str = "main",
    ) -> str:
        """Make a commit of these files the present one of a named revision and return its id."""
        repository = self.repositories[model]
        content = json.dumps({name: hashlib.sha256(body).hexdigest() for name, body in files.items()})
        commit = hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
        repository.heads[revision] = commit
        repository.commits[commit] = dict(files)
        repository.stored = stored
        return commit

    def sent(self, name: str) -> int:
        """Bytes sent of one file, over all requests."""
        return sum(asked.sent for asked in self.asked if asked.name == name)

    def names(self) -> list[str]:
        """The files asked of the hub, in order, the listing as "listing"."""
        return [asked.name or "listing" for asked in self.asked if asked.host == "hub"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that does not keep a test waiting, in the place of the real one."""
    from runner.engine.models import hub as client

    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running


@contextmanager
def running_hub(authority: Authority | None = None) -> Iterator[Hub]:
    """A hub without models, serving until the block ends; over TLS where an authority is given."""
    hub = Hub()
    servers = [_server(hub, host) for host in ("hub", "storage")]
    hub.ports = servers[0].server_port, servers[1].server_port
    hub.endpoint, hub.storage = (
        f"{'https' if authority else 'http'}://127.0.0.1:{server.server_port}" for server in servers
    )
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server)
        for server in servers:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def _server(hub: Hub, host: str) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"hub": hub, "host": host})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a killed client hangs up
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    host: str

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name = "" if path.startswith("/api/") else path.rsplit("/", 1)[-1]
        self.asked = Asked(self.host, name, self.path, self.headers)
        self.hub.asked.append(self.asked)
        if self.host == "storage":
            *_, model, commit, name = path[1:].rsplit("/", 2)
            return self._body(self.hub.repositories[model].commits[commit][name], name)
        if path.startswith("/api/models/"):
            model, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            return self._listing(model, revision)
        model, _, rest = path[1:].partition("/resolve/")
        return self._file(model, *rest.split("/", 1)) if rest else self._status(Status(404))

    def _listing(self, model: str, revision: str) -> None:
        fault = self._fault("")
        repository = self.hub.repositories.get(model)
        if isinstance(fault, Status):
            return self._status(fault)
        if isinstance(fault, Portal):
            return self._answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"})
        if isinstance(fault, Stall):
            return self._stall()
        if repository is None:
            return self._status(Status(401, "RepoNotFound", "Invalid username or password."))
        if repository.refusal:
            return self._status(repository.refusal)
        commit = repository.heads.get(revision or "main", revision)
        if commit not in repository.commits:
            return self._status(Status(404, "RevisionNotFound"))
        siblings = [
            self._sibling(name, body, name in repository.stored)
            for name, body in repository.commits[commit].items()
        ]
        body = json.dumps({"id": model, "sha": commit, "siblings": siblings}).encode()
        return self._answer(200, body, {"Content-Type": "application/json"})

    @staticmethod
    def _sibling(name: str, body: bytes, stored: bool) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
        said: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": blob}
        if stored:
            said["lfs"] = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        return said

    def _file(self, model: str, commit: str, name: str) -> None:
        repository = self.hub.repositories[model]
        if repository.files_refusal:
            return self._status(repository.files_refusal)
        files = repository.commits.get(commit)
        if files is None:
            return self._status(Status(404, "RevisionNotFound"))
        if name not in files:
            return self._status(Status(404, "EntryNotFound"))
        headers = {"X-Repo-Commit": commit}
        if name in repository.stored:
            headers |= {
                "X-Linked-Size": str(len(files[name])),
                "X-Linked-Etag": f'"{hashlib.sha256(files[name]).hexdigest()}"',
                "Location": f"{self.hub.storage}/{model}/{commit}/{name}",
            }
            return self._answer(302, b"", headers)
        return self._body(files[name], name, headers)

    def _body(self, body: bytes, name: str, headers: Mapping[str, str] | None = None) -> None:
        fault = self._fault(name)
        if isinstance(fault, Status):
            return self._status(fault)
        if isinstance(fault, Wrong):
            body = bytes(byte ^ 1 for byte in body)
        start, wanted = 0, self.headers.get("Range")
        if wanted and not isinstance(fault, Whole):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self._status(Status(416))
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            "Accept-Ranges": "bytes",
            **(headers or {}),
        }
        if start or wanted:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start:]
        cut = fault.after if isinstance(fault, Drop | Stall) else len(part)
        self._answer(
            206 if "Content-Range" in headers and not isinstance(fault, Whole) else 200, part, headers, cut
        )
        if isinstance(fault, Stall):
            self._stall()
        return None

    def _fault(self, name: str) -> Fault | None:
        return self.hub.faults[name].pop(0) if self.hub.faults[name] else None

    def _stall(self) -> None:
        self.wfile.flush()
        self.hub.stalled.set()
        self.hub.released.wait()
        self.close_connection = True

    def _status(self, status: Status) -> None:
        headers = {"X-Error-Code": status.error, "X-Error-Message": status.message}
        self._answer(
            status.code, b'{"error": "no"}', {name: value for name, value in headers.items() if value}
        )

    def _answer(self, code: int, body: bytes, headers: Mapping[str, str], cut: int | None = None) -> None:
        """Send it; `cut` is after how many bytes of the body to stop and hang up."""
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        sending = memoryview(body)[:cut]
        for start in range(0, len(sending), 1 << 16):
            block = sending[start : start + (1 << 16)]
            self.wfile.write(block)
            self.asked.sent += len(block)
        if cut is not None and cut < len(body):
            self.close_connection = True
