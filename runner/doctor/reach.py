"""The network as the downloads will see it: proxies, authorities, and whether the model hub answers."""

from __future__ import annotations

import os
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from runner.doctor.finding import Finding
from runner.door.network import CA_VARIABLES, SYSTEM_STORES, proxies

PATIENCE = 3.0  # seconds for the hub to answer; a download waits longer
YES = {"1", "ON", "YES", "TRUE"}


def proxy() -> Finding:
    """The proxies that downloads go through, without their passwords."""
    found = proxies(os.environ)
    if not found:
        return Finding("proxy", "ok", "none set")
    shown = ", ".join(f"{name}={value}" for name, value in found.items())
    if any(value.startswith("socks") for value in found.values()):
        mend = "Only uv speaks SOCKS here; set HTTPS_PROXY to an HTTP proxy for the model hub."
        return Finding("proxy", "note", shown, mend)
    return Finding("proxy", "ok", shown)


def authorities() -> Finding:
    """Whose certificates are trusted, and whether the files named for that are there and hold any."""
    named = {name: Path(os.environ[name]) for name in CA_VARIABLES if os.environ.get(name)}
    if not named or {str(path) for path in named.values()} <= set(SYSTEM_STORES):
        return Finding("certificates", "ok", "the system's store")
    by_path: dict[Path, list[str]] = {}
    for name, path in named.items():
        by_path.setdefault(path, []).append(name)
    found = "; ".join(f"{path} ({', '.join(names)})" for path, names in by_path.items())
    for path, names in by_path.items():
        if reason := _unusable(path):
            mend = f"Unset {' and '.join(names)}, or name a file of certificates in PEM form."
            return Finding("certificates", "note", f"{found}: {path} {reason}", mend)
    return Finding("certificates", "ok", found)


def _unusable(path: Path) -> str:
    if path.is_dir():
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "holds no certificates"
    except OSError as error:
        return f"cannot be read ({(error.strerror or str(error)).lower()})"
    return ""


def hub(model: str, timeout: float) -> Finding:
    """Whether the hub answers and has `model`: one request, for the model's configuration file."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    host = urlsplit(endpoint).hostname or endpoint
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in YES:
            return Finding(
                "hub", "note", f"not asked: {name} is set", "Unset it to let models be downloaded."
            )
    request = urllib.request.Request(f"{endpoint}/{model}/resolve/main/config.json", method="HEAD")
    try:
        # An opener of our own: the common one keeps the proxies of its first use.
        with urllib.request.build_opener().open(request, timeout=min(timeout, PATIENCE)):
            return Finding("hub", "ok", f"{host} answers and has {model}")
    except urllib.error.HTTPError as error:
        return _refused(error.code, host, model)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return Finding("hub", "note", f"{host} cannot be reached: {_words(reason)}", _mend(reason))


def _refused(code: int, host: str, model: str) -> Finding:
    if code == 407:
        mend = "Put the user and password in the proxy's address: http://user:password@host:port."
        return Finding("hub", "note", f"the proxy on the way to {host} wants a user and a password", mend)
    if code in (401, 403, 404):
        mend = f"Check the name {model!r}; a private or gated model needs HF_TOKEN."
        return Finding("hub", "note", f"{host} answers but gives no {model} ({code})", mend)
    return Finding("hub", "note", f"{host} answers with an error ({code})", "Try again later.")


def _words(reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return "its name is not known here"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    if isinstance(reason, TimeoutError):
        return f"no answer in {PATIENCE:.0f} s"
    return (getattr(reason, "strerror", None) or str(reason)).lower().rstrip(".")


def _mend(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "Set SSL_CERT_FILE to a file with your company's certificate authority and the public ones."
    return "Behind a proxy set HTTPS_PROXY; for a mirror set HF_ENDPOINT."
