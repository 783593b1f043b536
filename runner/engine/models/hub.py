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
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

# Before the library is imported, which reads it then: with telemetry it would also ask the hub who is calling.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token, hf_hub_url
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # exported without saying so

from runner.engine.models import compatibility, layout, store
from runner.engine.models.refusals import BUSY, HubUnreachable, endpoint, host, reason, understood, within
from runner.engine.models.registry import STANDARD
from runner.errors import ModelInvalid, UsageError

__all__ = ["HubUnreachable", "download", "endpoint"]

Notice = Callable[[str], None]
Progress = Callable[[str, int, int], None]

PAUSES = (1.0, 2.0, 4.0)  # seconds before another attempt, counted from the last one that received anything
_BLOCK = 1 << 16
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


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


def download(
    model: str,
    *,
    cache: Path,
    timeout: float,
    notice: Notice,
    progress: Progress | None = None,
    style: str = STANDARD,
    language: str = "auto",
) -> store.Record:
    """Fetch what `cache` lacks of `model` in `style` and return its record, complete.

    The revision met first is recorded before the weights are fetched, and held from then on. `timeout` is how many
    seconds the hub may be silent; `progress` is called after every block with model, bytes here and bytes in all.
    Raises, before the weights come where that can be known: HubUnreachable, ModelUnavailable (unknown or refused),
    ModelInvalid (not Whisper, or wrong bytes twice), UsageError (the model has not that `language` or style),
    DiskFull and OutputNotWritable.
    """
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what matters is told by us
    with store.writing(cache), store.exclusive(cache, model, notice, style), understood(model, timeout):
        held = store.read_record(cache, model, style)
        if held and held.source == "hub":
            if not store.incomplete(cache, held):  # by the process that was waited for
                return held
        else:
            held = None
        fetch = _Download(model, style, language, cache, timeout, notice, progress or (lambda *_: None))
        try:
            return fetch.run(held)
        except RevisionNotFoundError as error:
            if held is None and style != STANDARD:
                raise UsageError(
                    f"{model} has no style {style}: {host()} has no revision of that name; leave --style out"
                ) from error
            if held is None or all(file.sha256 for file in held.files.values()):
                raise
            notice(f"The hub no longer has the revision of {model} that was half fetched: starting over.")
            shutil.rmtree(store.folder_of(cache, held), ignore_errors=True)
            return fetch.run(None)


@dataclass(frozen=True, slots=True)
class _Download:
    model: str
    style: str
    language: str
    cache: Path
    timeout: float
    notice: Notice
    progress: Progress

    def run(self, held: store.Record | None) -> store.Record:
        """Fetch what is missing, small files first, so that what is not Whisper is refused early."""
        asked = held.revision if held else None if self.style == STANDARD else self.style
        revision, remote = within(self.timeout, lambda: self._list(asked))
        if held is None:
            compatibility.check_names(remote, self.model)
        names = list(held.files) if held else layout.needed(remote)
        if gone := [name for name in names if name not in remote]:
            raise HubUnreachable(f"{host()} no longer lists {', '.join(gone)}")
        files = {name: store.File(remote[name].size, remote[name].sha256) for name in names}
        record = held or store.Record(self.model, revision, "hub", files, self.style)
        folder = store.folder_of(self.cache, record)
        lacking = [name for name in names if store.size(folder / name) != remote[name].size]
        total = sum(remote[name].size for name in names)
        here = total - sum(remote[name].size - (store.size(_part(folder / name)) or 0) for name in lacking)
        store.ensure_space(self.cache, total - here)
        self.notice(
            f"Downloading {self.model} from {host()}: {total // store.MEGABYTE} MB"
            + (f", {here // store.MEGABYTE} of them already here." if here else ".")
        )
        folder.mkdir(parents=True, exist_ok=True)
        done = total - sum(remote[name].size for name in lacking)
        heavy = layout.weights(names)
        for name in names:
            if heavy and name == heavy[0]:
                self._hold(record, folder, held is None)
            if name in lacking:
                recorded = record.files[name].sha256
                self._file(folder / name, revision, replace(remote[name], sha256=recorded), done, total)
                done += remote[name].size
        digests = {name: file.sha256 or store.sha256(folder / name) for name, file in record.files.items()}
        record = replace(record, files={name: store.File(remote[name].size, digests[name]) for name in names})
        store.write_record(self.cache, record)
        return record

    def _hold(self, record: store.Record, folder: Path, new: bool) -> None:
        """Before the weights come: refuse what is not for us, and record the revision that is fetched."""
        try:
            compatibility.check_settings(folder, self.model)
        except ModelInvalid:
            if new:
                shutil.rmtree(folder)
            raise
        if new:
            store.write_record(self.cache, record)
        compatibility.check_language(folder, self.model, self.language)

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
                f"what answers at {host()} is not the hub ({type(error).__name__})"
            ) from error
        if not _COMMIT.fullmatch(info.sha or "") or (info.siblings and not files):
            raise HubUnreachable(
                f"{host()} gives no commit or no checksums, without which nothing is trusted"
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
            f"{path.name} of {self.model} came from {host()} with wrong bytes twice: try again later or from another "
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
                if answer.status_code in BUSY:
                    return f"{host()} answers {answer.status_code}"
                if answer.is_error:
                    answer.read()
                    hf_raise_for_status(answer)
                with part.open("ab" if answer.status_code == httpx2.codes.PARTIAL_CONTENT else "wb") as file:
                    for block in answer.iter_bytes(_BLOCK):
                        file.write(block[: size - file.tell()])
                        self.progress(self.model, done + file.tell(), total)
        except httpx2.TransportError as error:
            return reason(error, self.timeout)
        return f"{host()} ends the connection"


def _authorization() -> dict[str, str]:
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
