"""Servers on the loopback address: pages over HTTP or TLS with a CA of its own, and a forward proxy that keeps a list.

They stand for the package index, the model hub and a company's proxy, and serve uv, pip and the hub's client as
the real ones would.
"""

from __future__ import annotations

import hashlib
import select
import socket
import socketserver
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

COMMIT = "1" * 40


@dataclass(frozen=True)
class Page:
    """What one address answers."""

    body: bytes
    kind: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


def hub_pages(model: str, files: Mapping[str, bytes]) -> dict[str, Page]:
    """The addresses from which the hub's client fetches `files` of `model`."""
    return {
        f"/{model}/resolve/{revision}/{name}": Page(
            body,
            headers={
                "ETag": f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
            },
        )
        for name, body in files.items()
        for revision in ("main", COMMIT)
    }


def index_pages(folder: Path, package: str) -> dict[str, Page]:
    """The addresses of a package index that holds one wheel, made in `folder`, of an empty `package`."""
    wheel = folder / f"{package}-1.0-py3-none-any.whl"
    about = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{package}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(
            f"{about}/RECORD", f"{package}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    links = f'<!DOCTYPE html><html><body><a href="/files/{wheel.name}">{wheel.name}</a></body></html>'
    return {
        f"/simple/{package}/": Page(links.encode(), "text/html"),
        f"/files/{wheel.name}": Page(wheel.read_bytes()),
    }


@dataclass(frozen=True)
class Authority:
    """A certificate authority that only a person who names `certificate` trusts."""

    certificate: Path
    server: Path  # certificate and key in one file

    @classmethod
    def make(cls, folder: Path, *names: str) -> Authority:
        """A CA in `folder` and one certificate signed by it for the host `names`; needs openssl."""
        alternatives = ",".join(f"DNS:{name}" for name in names)
        openssl = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]
        openssl += ["-days", "2"]
        authority = [*openssl, "-subj", "/CN=Authority of a test", "-keyout", "ca.key", "-out", "ca.pem"]
        authority += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        server = [*openssl, "-subj", f"/CN={names[0]}", "-keyout", "server.key", "-out", "server.pem"]
        server += ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={alternatives}"]
        server += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]
        for command in (authority, server):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        both = folder / "both.pem"
        both.write_bytes((folder / "server.pem").read_bytes() + (folder / "server.key").read_bytes())
        return cls(folder / "ca.pem", both)


@contextmanager
def serving(pages: Mapping[str, Page], authority: Authority | None = None) -> Iterator[int]:
    """Serve `pages` on a free port, over TLS where an authority is given; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = pages.get(urlsplit(self.path).path)
            body = page.body if page else b"not here"
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", page.kind if page else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (page.headers if page else {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that trusts nobody hangs up
    with _running(server):
        yield server.server_port


class _Proxy(socketserver.StreamRequestHandler):
    """Takes CONNECT and plain GET; whatever host is named, the connection goes to the port of `hosts`."""

    hosts: ClassVar[Mapping[str, int]] = {}
    seen: ClassVar[list[str]] = []

    def handle(self) -> None:
        request = self.rfile.readline().decode("latin-1")
        method, target, version = request.split()
        header = b""
        while (line := self.rfile.readline()).strip():
            header += line
        self.seen.append(f"{method} {target}")
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = self.hosts.get(url.hostname or "")
        if port is None:
            self.wfile.write(b"HTTP/1.1 502 Unknown host\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as onward:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = url.path + (f"?{url.query}" if url.query else "")
                onward.sendall(f"{method} {path} {version}\r\n".encode() + header + b"\r\n")
            self._pass_on(onward)

    def _pass_on(self, onward: socket.socket) -> None:
        while True:
            ready, _, _ = select.select([self.connection, onward], [], [], 30)
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (onward if source is self.connection else self.connection).sendall(data)
            if not ready:
                return


@contextmanager
def forwarding(hosts: Mapping[str, int]) -> Iterator[tuple[int, list[str]]]:
    """A forward proxy that alone knows the made-up `hosts`; yields its port and the requests that it sees."""
    seen: list[str] = []
    handler = type("Handler", (_Proxy,), {"hosts": hosts, "seen": seen})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    with _running(server):
        yield server.server_address[1], seen


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
