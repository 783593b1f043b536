"""Sets that error rates are published on, fetched from the hub and laid out as recordings with texts beside."""

from __future__ import annotations

import csv
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Published:
    """Where a set lies on the hub; `columns` are those of the recording's name and of its text in the table."""

    repository: str
    table: str
    archive: str
    columns: tuple[int, int]
    header: bool


SETS = {
    "fleurs-sv": Published(
        "google/fleurs", "data/sv_se/test.tsv", "data/sv_se/audio/test.tar.gz", (1, 3), header=False
    ),
    # For those who accepted its terms on the hub and are logged in.
    "common-voice-sv": Published(
        "mozilla-foundation/common_voice_17_0",
        "transcript/sv-SE/test.tsv",
        "audio/sv-SE/test/sv-SE_test_0.tar",
        (1, 3),
        header=True,
    ),
}


def fetch(name: str, cache: Path, timeout: float, notice: Callable[[str], None]) -> Path:
    """The folder of a set, fetched once; raises CannotStart where the hub is silent (`timeout` seconds) or refuses."""
    folder = cache / "sets" / name
    if folder.is_dir():
        return folder
    published = SETS[name]
    notice(f"fetching {name} from {published.repository}")
    import httpx2
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def file(path: str) -> Path:
        return Path(hf_hub_download(published.repository, path, repo_type="dataset"))

    try:
        # The library's own attempts take half a minute to find out.
        httpx2.head(hf_hub_url(published.repository, published.table, repo_type="dataset"), timeout=timeout)
        table, archive = file(published.table), file(published.archive)
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotStart(
            f"{name} cannot be fetched from the hub ({published.repository}: {reason}): fetch it elsewhere, lay a .txt "
            "beside each recording, and name the folder."
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        unpack(published, table, archive, Path(made) / name)
        (Path(made) / name).rename(folder)
    return folder


def unpack(published: Published, table: Path, archive: Path, folder: Path) -> None:
    """Write each recording that the table names, and its text; raises CannotStart where none is there."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[published.header :]
    name, said = published.columns
    texts = {row[name]: row[said] for row in rows}
    folder.mkdir(parents=True)
    with tarfile.open(archive) as members:
        for member in members:
            base = Path(member.name).name
            if base in texts and (content := members.extractfile(member)):
                (folder / base).write_bytes(content.read())
                (folder / base).with_suffix(".txt").write_text(texts[base] + "\n", encoding="utf-8")
    if not any(folder.iterdir()):
        raise CannotStart(f"{published.archive} holds none of the recordings that {published.table} names.")
