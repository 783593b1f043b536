"""ami_id.txt: the newest image of each region, a line each, `eu-north-1 ami-0123…`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.door.install import ROOT
from runner.errors import OutputNotWritable
from runner.whole import replace_file

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
    """Note these images; other regions keep theirs. The file is there whole or as it was. Raises OutputNotWritable."""
    path = path or FILE
    _write({**read(path), **images}, path, f"note {images} by hand")


def forget(image: str, path: Path | None = None) -> None:
    """Take an image that is no more out of the file; raises OutputNotWritable."""
    path = path or FILE
    known = read(path)
    left = {region: one for region, one in known.items() if one != image}
    if left != known:
        _write(left, path, f"take {image} out of it by hand")


def _write(images: Mapping[str, str], path: Path, instead: str) -> None:
    """Put these images in the file; without any there is none."""
    try:
        if images:
            replace_file(path, "".join(f"{region} {image}\n" for region, image in sorted(images.items())))
        else:
            path.unlink()
    except OSError as error:
        raise OutputNotWritable(
            f"{path} cannot be written ({error.strerror}): {instead}.", path=path
        ) from error
