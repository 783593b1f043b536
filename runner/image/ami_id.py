"""ami_id.txt: the newest image of each region, a line each, `eu-north-1 ami-0123…`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.door.install import ROOT
from runner.errors import OutputNotWritable

FILE = ROOT / "ami_id.txt"


def read(path: Path | None = None) -> dict[str, str]:
    """The image of each region; nothing where there is no such file."""
    try:
        lines = (path or FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def write(images: Mapping[str, str], path: Path | None = None) -> None:
    """Note these images; other regions keep theirs. The file is there whole or as it was."""
    path = path or FILE
    lines = [f"{region} {image}\n" for region, image in sorted({**read(path), **images}.items())]
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text("".join(lines), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise OutputNotWritable(
            f"{path} cannot be written ({error.strerror}): note {images} by hand.", path=path
        ) from error


def forget(image: str, path: Path | None = None) -> None:
    """Take an image that is no more out of the file."""
    path = path or FILE
    left = {region: one for region, one in read(path).items() if one != image}
    if left != read(path):
        path.unlink()
        if left:
            write(left, path)
