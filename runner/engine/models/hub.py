"""A Whisper checkpoint from the Hugging Face hub: resumed where it was cut, checked, and held at one revision.

huggingface_hub knows addresses, tokens and errors. The bytes are received here, because its own download starts over
in a new process (its pull request 4228), and over plain HTTP, which passes any proxy that its Xet transfer may not.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

# Before the library is imported, which reads it then: with telemetry it would also ask the hub who is calling.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token, hf_hub_url
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # exported without saying so

from runner.engine.models import layout, store
from runner.errors import ModelInvalid, ModelUnavailable

Notice = Callable[[str], None]
Progress = Callable[[str, int, int], None]
T = TypeVar("T")

PAUSES = (1.0, 2.0, 4.0)  # seconds before another attempt, counted from the last one that received anything
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_BLOCK = 1 << 16
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class HubUnreachable(Exception):
    """The hub cannot be reached, or not long enough; says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class _Remote:
    """What the hub says of a file: SHA-256 of one in large-file storage, git's own SHA-1 of any other."""

    size: int
    sha256: str | None
    blob: str | None

    def is_in(self, path: Path) -> bool:
        if self.sha256:
            return store.sha256(path) == self.sha256
        content = path.read_bytes()
        return (
            hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
            == self.blob
        )


def endpoint() -> str:
    """The hub's address, which HF_ENDPOINT may set."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT


def download(
    model: str, *, cache: Path, timeout: float, notice: Notice, progress: Progress | None = None
) -> store.Record:
    """Fetch what `cache` lacks of `model` and return its record, complete.

    The revision met first is recorded before the weights are fetched, and held from then on. `timeout` is how many
    seconds the hub may be silent; `progress` is called after every block with model, bytes here and bytes in all.
    Raises HubUnreachable, ModelUnavailable (unknown or refused), ModelInvalid (not Whisper, or wrong bytes twice),
    DiskFull and OutputNotWritable.
    """
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what matters is told by us
    with store.writing(cache), store.exclusive(cache, model, notice), _understood(model, timeout):
        held = store.read_record(cache, model)
        if held and held.source == "hub":
            if not store.incomplete(cache, held):  # by the process that was waited for
                return held
        else:
            held = None
        fetch = _Download(model, cache, timeout, notice, progress or (lambda *_: None))
        try:
            return fetch.run(held)
        except RevisionNotFoundError:
            if held is None or all(file.sha256 for file in held.files.values()):
                raise
            notice(f"The hub no longer has the revision of {model} that was half fetched: starting over.")
            shutil.rmtree(store.folder_of(cache, held), ignore_errors=True)
            return fetch.run(None)


@dataclass(frozen=True, slots=True)
class _Download:
    model: str
    cache: Path
    timeout: float
    notice: Notice
    progress: Progress

    def run(self, held: store.Record | None) -> store.Record:
        """Fetch what is missing, small files first, so that what is not Whisper is refused early."""
        revision, remote = _within(self.timeout, lambda: self._list(held.revision if held else None))
        if held is None:
            layout.check_names(remote, self.model)
        names = list(held.files) if held else layout.needed(remote)
        if gone := [name for name in names if name not in remote]:
            raise HubUnreachable(f"{_host()} no longer lists {', '.join(gone)}")
        files = {name: store.File(remote[name].size, remote[name].sha256) for name in names}
        record = held or store.Record(self.model, revision, "hub", files)
        folder = store.folder_of(self.cache, record)
        lacking = [name for name in names if store.size(folder / name) != remote[name].size]
        total = sum(remote[name].size for name in names)
        here = total - sum(remote[name].size - (store.size(_part(folder / name)) or 0) for name in lacking)
        store.ensure_space(self.cache, total - here)
        self.notice(
            f"Downloading {self.model} from {_host()}: {total // store.MEGABYTE} MB"
            + (f", {here // store.MEGABYTE} of them already here." if here else ".")
        )
        folder.mkdir(parents=True, exist_ok=True)
        done = total - sum(remote[name].size for name in lacking)
        for name in names:
            if name in lacking:
                recorded = record.files[name].sha256
                self._file(folder / name, revision, replace(remote[name], sha256=recorded), done, total)
                done += remote[name].size
            if name == "config.json" and held is None:
                self._hold(record, folder)
        digests = {name: file.sha256 or store.sha256(folder / name) for name, file in record.files.items()}
        record = replace(record, files={name: store.File(remote[name].size, digests[name]) for name in names})
        store.write_record(self.cache, record)
        return record

    def _hold(self, record: store.Record, folder: Path) -> None:
        try:
            layout.check_config(folder, self.model)
        except ModelInvalid:
            shutil.rmtree(folder)
            raise
        store.write_record(self.cache, record)

    def _list(self, revision: str | None) -> tuple[str, Mapping[str, _Remote]]:
        """The revision, which is the present one where None is asked for, and its files by name."""
        try:
            info = HfApi(endpoint=endpoint()).model_info(
                self.model, revision=revision, files_metadata=True, timeout=self.timeout
            )
            files = {
                file.rfilename: _Remote(file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
                for file in info.siblings or ()
                if file.size is not None and (file.lfs or file.blob_id)
            }
        except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
            raise HubUnreachable(
                f"what answers at {_host()} is not the hub ({type(error).__name__})"
            ) from error
        if not _COMMIT.fullmatch(info.sha or "") or (info.siblings and not files):
            raise HubUnreachable(
                f"{_host()} gives no commit or no checksums, without which nothing is trusted"
            )
        return str(info.sha), files

    def _file(self, path: Path, revision: str, remote: _Remote, done: int, total: int) -> None:
        """Fetch one file; one whose bytes are wrong is fetched anew, once."""
        url = hf_hub_url(self.model, path.name, revision=revision, endpoint=endpoint())
        part = _part(path)
        for again in (True, False):
            self._receive(url, part, remote.size, done, total)
            if remote.is_in(part):
                with part.open("rb") as file:
                    os.fsync(file.fileno())
                part.replace(path)
                return
            part.unlink()
            if again:
                self.notice(f"{path.name} of {self.model} came with wrong bytes: fetching it anew.")
        raise ModelInvalid(
            f"{path.name} of {self.model} came from {_host()} with wrong bytes twice: try again later or from another "
            "network, for something on the way changes it",
            model=self.model,
        )

    def _receive(self, url: str, part: Path, size: int, done: int, total: int) -> None:
        """Append to `part` until it is whole; attempts are counted only while nothing more arrives."""
        pauses = iter(PAUSES)
        part.touch()
        while (have := part.stat().st_size) != size:
            if have > size:
                os.truncate(part, 0)
                continue
            trouble = self._attempt(url, part, size, done, total)
            if part.stat().st_size > have:
                pauses = iter(PAUSES)
                continue
            pause = next(pauses, None)
            if pause is None:
                at = (done + have) // store.MEGABYTE
                raise HubUnreachable(
                    f"{trouble}; {at} of {total // store.MEGABYTE} MB are here, and the next run goes on from there"
                )
            time.sleep(pause)

    def _attempt(self, url: str, part: Path, size: int, done: int, total: int) -> str:
        """Receive until the end or until something goes wrong; returns what did."""
        have = part.stat().st_size
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={have}-", **_authorization()}
        timeout = httpx2.Timeout(self.timeout)
        try:
            with get_session().stream(
                "GET", url, headers=headers, timeout=timeout, follow_redirects=True
            ) as answer:
                if answer.status_code in _BUSY:
                    return f"{_host()} answers {answer.status_code}"
                if answer.is_error:
                    answer.read()
                    hf_raise_for_status(answer)
                with part.open("ab" if answer.status_code == httpx2.codes.PARTIAL_CONTENT else "wb") as file:
                    for block in answer.iter_bytes(_BLOCK):
                        file.write(block[: size - file.tell()])
                        self.progress(self.model, done + file.tell(), total)
        except httpx2.TransportError as error:
            return _reason(error, self.timeout)
        return f"{_host()} ends the connection"


def _authorization() -> dict[str, str]:
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _host() -> str:
    """The hub's host, without what else an address may hold."""
    url = urlsplit(endpoint())
    return f"{url.hostname}:{url.port}" if url.port else str(url.hostname)


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return f"{_host()} did not answer within {timeout:g} s"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"the certificate of {_host()} is not trusted here, which SSL_CERT_FILE can mend"
    why = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return f"{_host()} cannot be reached: {why}"


def _within(seconds: float, call: Callable[[], T]) -> T:
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
        raise HubUnreachable(f"{_host()} did not answer within {seconds:g} s")
    return results[0]


@contextmanager
def _understood(model: str, timeout: float) -> Iterator[None]:
    """Turn the library's errors into ours."""

    def unavailable(says: str) -> ModelUnavailable:
        return ModelUnavailable(says, model=model, tried=("cache", "hub"))

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise HubUnreachable("HF_HUB_OFFLINE is set") from error
    except httpx2.TransportError as error:
        raise HubUnreachable(_reason(error, timeout)) from error
    except GatedRepoError as error:
        raise unavailable(
            f"{model} is only for those who accept its terms: do so at {endpoint()}/{model}, then set HF_TOKEN"
        ) from error
    except (RepositoryNotFoundError, DisabledRepoError) as error:
        raise unavailable(
            f"{_host()} has no model {model} that you may have: check its name, or set HF_TOKEN if it is private"
        ) from error
    except RevisionNotFoundError as error:
        raise unavailable(
            f"{_host()} no longer has the revision of {model} that is held here, and its files are incomplete: "
            "remove the model's record (.json) from the cache to take the present one"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in _BUSY:
            raise HubUnreachable(f"{_host()} answers {status}") from error
        if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
            raise unavailable(f"{_host()} refuses {model} to you ({status}): check HF_TOKEN") from error
        raise unavailable(
            f"{_host()} does not give {model} (it answers {status}): try again later"
        ) from error
