"""A machine's first transcription, made before anyone waits for it, and what it teaches.

The program transcribes the built-in clip twice, in processes of their own and as the user that will serve: once with
its files put out of memory, which says what a cold start takes and which parts of which files it touches (the list that
`preread.py` reads as the machine starts), and once as it is from then on. What a GPU's driver compiles for it stays in
CACHE/kernels, under the name of that GPU and driver. `warm.json` holds what came of it, and what it holds for.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runner.engine.models import store
from runner.errors import EngineFailed, ModelUnavailable, UsageError
from runner.machine import clip, preread, touched
from runner.machine.identity import Identity, identify
from runner.whole import replace_file

SCHEMA = 1
RECORD, LIST = "warm.json", "preread.list"
LEAST_ACCURACY = 0.9  # of the clip's words; the demonstration model hears all but one
STILL_THERE = 64 << 20  # bytes that may stay in memory after everything was put out of it
# Of the driver, what every program that uses the GPU maps.
_DRIVER = ("libcuda.so*", "libnvidia-ml.so*", "libnvidia-ptxjitcompiler.so*", "libnvidia-nvvm*.so*")


@dataclass(frozen=True, slots=True)
class Order:
    """What to warm: `cache` takes what is found, `user` does the work, `gpu` says that a GPU must do it."""

    cache: Path
    user: str | None = None
    gpu: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """One start from nothing to text: seconds in all and by stage, and the most bytes that were held."""

    total_s: float
    model_s: float
    load_s: float
    transcribe_s: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Warmth:
    """What `warm.json` holds; `how` tells by what means the list was made."""

    identity: Identity
    text: str
    expected: str
    accuracy: float
    device: str
    precision: str
    cold: Start
    warm: Start
    how: str
    preread: Mapping[str, int]
    kernels: str
    schema: int = field(default=SCHEMA)


def warm(order: Order, model: str, style: str, cache: Path) -> tuple[Warmth, bool]:
    """Warm this machine for `model`, which `cache` holds; returns what came of it and whether it was done.

    What was done before for the same GPU, driver, program and model is not done again unless the order says so.
    Raises ModelUnavailable, UsageError, EngineFailed.
    """
    record = store.read_record(cache, model, style)
    if record is None:
        raise ModelUnavailable(
            f"{store.models(cache)} holds no {model} in style {style}: put it there before warming it",
            model=model,
        )
    folder = store.folder_of(cache, record).resolve()
    identity = identify(model, record.revision, style)
    known = read(order.cache)
    listed = order.cache / LIST
    if known is not None and known.identity == identity and listed.is_file() and not order.again:
        return known, False
    kernels = order.cache / "kernels" / identity.key
    environment = _environment(kernels, order.user) | _settings(model, style, cache)
    weights, files = touched.files_under([folder]), touched.files_under(program_files())
    listed.unlink(missing_ok=True)  # a list of another program helps nobody
    touched.forget([*weights, *files])
    left = sum(part.length for part in touched.in_memory(files))
    how = (
        "page cache" if left <= STILL_THERE else f"page cache, of which {left >> 20} MiB could not be put out"
    )
    seen = touched.Seen(files)
    with seen.watching():
        cold = _transcribe(order, environment)
    parts = touched.in_order([*touched.whole(weights), *seen.ranges()], folder)
    heard = _judge(order, identity, cold)
    again = _transcribe(order, environment)
    preread.write_list(listed, parts, f"what a cold start of {identity.project} with {model} touched ({how})")
    warmth = Warmth(
        identity=identity,
        text=cold.text,
        expected=clip.SAID.read_text(encoding="utf-8").strip(),
        accuracy=round(heard, 3),
        device=str(cold.metadata["device"]),
        precision=str(cold.metadata["precision"]),
        cold=cold.start,
        warm=again.start,
        how=how,
        preread={
            "files": len({part.path for part in parts}),
            "ranges": len(parts),
            "bytes": sum(part.length for part in parts),
        },
        kernels=str(kernels),
    )
    text = json.dumps(asdict(warmth), ensure_ascii=False, indent=2) + "\n"
    replace_file(order.cache / RECORD, text, 0o644)
    return warmth, True


def read(cache: Path) -> Warmth | None:
    """What an earlier warm-up left; None where there is nothing that can be read."""
    try:
        content = json.loads((cache / RECORD).read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            return None
        return Warmth(
            **{
                **content,
                "identity": Identity(**content["identity"]),
                "cold": Start(**content["cold"]),
                "warm": Start(**content["warm"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def program_files() -> list[Path]:
    """Where the files of a start lie beside the model: the environment, Python itself, and the driver's libraries."""
    libraries = Path("/usr/lib") / (sysconfig.get_config_var("MULTIARCH") or "")
    driver = [path for pattern in _DRIVER for path in libraries.glob(pattern)]
    return [Path(sys.prefix), Path(sysconfig.get_path("stdlib")), Path(sys.executable).resolve(), *driver]


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    metadata: Mapping[str, Any]
    start: Start


def _environment(kernels: Path, user: str | None) -> dict[str, str]:
    """The variables under which a GPU's compiled kernels are kept, and nothing is asked of any network."""
    for other in set(kernels.parent.glob("*")) - {kernels}:  # of another GPU or driver: they serve nobody
        shutil.rmtree(other)
    places = {"CUDA_CACHE_PATH": "cuda", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    for name in places.values():
        (kernels / name).mkdir(parents=True, exist_ok=True)
        if user:
            shutil.chown(kernels / name, user, _account(user).pw_gid)
    return {
        **{variable: str(kernels / name) for variable, name in places.items()},
        "HF_HUB_OFFLINE": "1",
    }


def _settings(model: str, style: str, cache: Path) -> dict[str, str]:
    """The variables that say what is warmed: the user that does the work has no settings file of ours."""
    return {
        "GPU_TRANSCRIBER_MODEL": model,
        "GPU_TRANSCRIBER_STYLE": style,
        "GPU_TRANSCRIBER_CACHE": str(cache.absolute()),
    }


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"There is no user {user} on this machine.") from None


def _transcribe(order: Order, environment: Mapping[str, str]) -> _Heard:
    """Transcribe the clip in a process of its own, as a person does; raises EngineFailed with what it said."""
    with tempfile.TemporaryDirectory(prefix="warm-") as place:
        as_user: dict[str, Any] = {}
        if order.user:
            account = _account(order.user)
            os.chown(place, account.pw_uid, account.pw_gid)
            as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        command = [sys.executable, "-I", "-m", "runner", "transcribe", "--quiet", "--formats", "txt"]
        began = time.perf_counter()
        run = subprocess.run(
            [*command, "--output", place, str(clip.SOUND)],
            cwd=place,
            env={**os.environ, "HOME": place, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            **as_user,
        )
        total = time.perf_counter() - began
        found = sorted(Path(place).glob("*/*/metadata.json"))
        if run.returncode or not found:
            raise EngineFailed(f"The built-in clip could not be transcribed:\n{run.stderr.strip()}")
        metadata = json.loads(found[0].read_text(encoding="utf-8"))
    timings = metadata["timings"]
    return _Heard(
        run.stdout.strip(),
        metadata,
        Start(
            total_s=round(total, 3),
            model_s=timings["model"],
            load_s=timings["load"],
            transcribe_s=timings["total"],
            peak_memory_bytes=metadata["peak_memory_bytes"],
        ),
    )


def _judge(order: Order, identity: Identity, cold: _Heard) -> float:
    """The share of the clip's words that was heard.

    Raises EngineFailed where that is too little, where another model heard them, or no GPU did.
    """
    device, model = str(cold.metadata["device"]), cold.metadata["model"]
    reasons = "; ".join(str(fallback["reason"]) for fallback in cold.metadata["fallbacks"])
    if (model["id"], model["revision"]) != (identity.model, identity.revision):
        raise EngineFailed(
            f"The built-in clip was heard by {model['id']} at revision {model['revision']}, and not by "
            f"{identity.model} at revision {identity.revision}: {reasons or 'have the model whole, and warm again'}."
        )
    if order.gpu and not device.startswith("cuda"):
        raise EngineFailed(f"The GPU did not do the work, but {device} did: {reasons or 'torch sees none'}.")
    heard = clip.accuracy(cold.text, clip.SAID.read_text(encoding="utf-8"))
    if heard < LEAST_ACCURACY:
        raise EngineFailed(
            f"Of the built-in clip's words {heard:.0%} were heard, which is too few: {cold.text!r}."
        )
    return heard


def told(warmth: Warmth, done: bool) -> Sequence[str]:
    """What came of it, in sentences."""
    identity, cold, later = warmth.identity, warmth.cold, warmth.warm
    where = f"{identity.gpu or 'the processor'}, {warmth.device} in {warmth.precision}"
    read_early = f"{warmth.preread['bytes'] / 1e6:.0f} MB in {warmth.preread['files']} files"
    return (
        f"{'Warmed' if done else 'Warm already'}: {identity.model} on {where}.",
        f"A cold start took {cold.total_s:.1f} s, {cold.load_s:.1f} of them to load the model.",
        f"A warm start took {later.total_s:.1f} s, {later.load_s:.1f} of them to load the model.",
        f"{read_early} are read early from now on.",
        f"Of the clip's words {warmth.accuracy:.0%} were heard: {warmth.text}",
    )
