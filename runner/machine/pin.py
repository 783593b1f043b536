"""The default model's revision, resolved once: `python -m runner.machine.pin` writes it into versions.yml.

The model is fetched whole into a folder that is gone afterwards, so that every size and SHA-256 is of bytes that were
seen here, the small files' too, of which the hub tells no SHA-256. Commit what it writes.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.door.install import ROOT, install
from runner.errors import CannotStart, ModelUnavailable, TranscriberError
from runner.whole import replace_file

VERSIONS = ROOT / "ansible" / "group_vars" / "all" / "versions.yml"
_BLOCK = re.compile(r"^default_model:\n(?:(?: +.*)?\n)+", re.MULTILINE)
_PINNED = re.compile(r"^  revision:.*\n|^  files:.*\n(?:    .*\n)*", re.MULTILINE)


def resolve(model: str, style: str, room: Path) -> dict[str, Any]:
    """The present revision and its files' sizes and sums; raises ModelUnavailable, ModelInvalid, DiskFull."""
    from runner.machine.model import HUB, Wanted, hold

    with tempfile.TemporaryDirectory(prefix="model-", dir=room) as folder:
        record, _ = hold(Wanted(HUB, model, style), Path(folder))
    if record.source != HUB:
        raise ModelUnavailable(
            f"{model} did not come from the hub but from {record.source}, which has no revision to hold",
            model=model,
        )
    files = {name: {"size": file.size, "sha256": file.sha256} for name, file in record.files.items()}
    return {"revision": record.revision, "files": files}


def pinned(text: str, found: dict[str, Any]) -> str:
    """The text of versions.yml with this revision for the default model, all else as it was; raises CannotStart."""
    block = _BLOCK.search(text)
    if block is None:
        raise CannotStart("versions.yml has no default_model: take the file from the repository.")
    lines = [f'  revision: "{found["revision"]}"\n', "  files:\n"]
    lines += [
        f'    {name}: {{size: {file["size"]}, sha256: "{file["sha256"]}"}}\n'
        for name, file in found["files"].items()
    ]
    kept = _PINNED.sub("", block[0])
    return text[: block.start()] + kept + "".join(lines) + text[block.end() :]


def main(words: Sequence[str] | None = None) -> int:
    """Resolve and write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runner.machine.pin", description=__doc__)
    parser.add_argument("--file", type=Path, default=VERSIONS, help="where to, if not versions.yml")
    parser.add_argument(
        "--room", type=Path, default=Path("/var/tmp"), help="a folder with room for the model"
    )
    asked = parser.parse_args(words)
    try:
        install("engine", "image")
        import yaml

        text = asked.file.read_text(encoding="utf-8")
        wanted = yaml.safe_load(text)["default_model"]
        found = resolve(wanted["id"], wanted["style"], asked.room)
        replace_file(asked.file, pinned(text, found), asked.file.stat().st_mode & 0o7777)
    except ModelUnavailable as error:
        why = str(error).partition(": put the files")[0]  # in a folder that is gone
        sys.stderr.write(
            f"error: The revision of the default model cannot be resolved here ({why}): run "
            "`.venv/bin/python -m runner.machine.pin` on a machine that reaches the hub, and commit versions.yml.\n"
        )
        return error.exit_code
    except TranscriberError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"error: {error.filename} cannot be read or written ({error.strerror}).\n")
        return CannotStart.exit_code
    sys.stderr.write(f"{asked.file}: {wanted['id']} at revision {found['revision']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
