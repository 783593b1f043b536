"""What the hub's silences and refusals mean, in our words; huggingface_hub's errors end here."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from runner.errors import ModelUnavailable

T = TypeVar("T")

BUSY = frozenset({408, 429, 500, 502, 503, 504})


class HubUnreachable(Exception):
    """The hub cannot be reached, or not long enough; says why, without a full stop."""


def endpoint() -> str:
    """The hub's address, which HF_ENDPOINT may set."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT


def host() -> str:
    """The hub's host, without what else an address may hold."""
    url = urlsplit(endpoint())
    return f"{url.hostname}:{url.port}" if url.port else str(url.hostname)


def reason(error: Exception, timeout: float) -> str:
    """Why the hub could not be reached, without a full stop; `timeout` in seconds."""
    if isinstance(error, httpx2.TimeoutException):
        return f"{host()} did not answer within {timeout:g} s"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"the certificate of {host()} is not trusted here, which SSL_CERT_FILE can mend"
    why = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return f"{host()} cannot be reached: {why}"


def within(seconds: float, call: Callable[[], T]) -> T:
    """Run `call` for at most so long: looking up a name obeys no other time limit."""
    results: list[T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as fault:  # noqa: BLE001 - whatever it is, it belongs to who waits
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not results:
        raise HubUnreachable(f"{host()} did not answer within {seconds:g} s")
    return results[0]


@contextmanager
def understood(model: str, timeout: float) -> Iterator[None]:
    """Turn the library's errors into ours."""

    def unavailable(says: str) -> ModelUnavailable:
        return ModelUnavailable(says, model=model, tried=("cache", "hub"))

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubUnreachable("HF_HUB_OFFLINE is set") from error
    except httpx2.TransportError as error:
        raise HubUnreachable(reason(error, timeout)) from error
    except GatedRepoError as error:
        raise unavailable(
            f"{model} is only for those who accept its terms: do so at {endpoint()}/{model}, then set HF_TOKEN"
        ) from error
    except (RepositoryNotFoundError, DisabledRepoError) as error:
        raise unavailable(
            f"{host()} has no model {model} that you may have: check its name, or set HF_TOKEN if it is private"
        ) from error
    except RevisionNotFoundError as error:
        raise unavailable(
            f"{host()} no longer has the revision of {model} that is held here, and its files are incomplete: "
            "remove it from the cache with `models --remove` to take the present one"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in BUSY:
            raise HubUnreachable(f"{host()} answers {status}") from error
        if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            raise unavailable(f"{host()} refuses {model} to you ({status}): check HF_TOKEN") from error
        raise unavailable(f"{host()} does not give {model} (it answers {status}): try again later") from error
