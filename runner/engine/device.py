"""Which device, which arithmetic, how many windows at once: chosen from what the machine has."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import torch

from runner.engine.memory import keep_memory
from runner.engine.network import Dimensions
from runner.engine.products import can_quantise, processor_features
from runner.errors import UsageError
from runner.transcript import Fallback

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.float32,  # of what lies between products of eight bits
}
LEAST_BATCH_CPU, MOST_BATCH_CPU = 4, 16
LEAST_BATCH_GPU, MOST_BATCH_GPU = 6, 64
MEMORY_SHARE = 0.5  # of what is free, for the batch; the rest is for activations and others


def choose_device(wanted: str) -> tuple[torch.device, tuple[Fallback, ...]]:
    """`auto` takes a GPU where there is one; raises UsageError for a device that torch does not know."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu"), ()
    try:
        device = torch.device(wanted)
    except RuntimeError as fault:
        raise UsageError(f"unknown device {wanted!r}; use auto, cpu, cuda or cuda:N") from fault
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"the engine does not run on {wanted!r}; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        reason = "no such CUDA device is usable here; `doctor` says why"
        return torch.device("cpu"), (Fallback("device", wanted, "cpu", reason),)
    return device, ()


def choose_precision(wanted: str, device: torch.device) -> str:
    """`auto` takes the fastest that the device computes natively without a loss that shows in the text.

    Raises UsageError for int8 where it cannot be computed.
    """
    if wanted == "int8" and (device.type != "cpu" or not can_quantise()):
        raise UsageError("--precision int8 is for x86 processors with AVX2 alone; use auto")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        # T4 (7.5) has fp16 units but no bf16; Ampere and later (8.0) have both.
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    # Not int8, which is faster than float32 and as right by the count, but whose mistakes show.
    return "bfloat16" if has_native_bfloat16() else "float32"


def has_native_bfloat16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AVX512-BF16 or AMX); elsewhere torch emulates it slowly."""
    return bool({"avx512_bf16", "amx_bf16"} & processor_features())


def choose_threads(wanted: int) -> int:
    """As many threads as cores that this process may use."""
    if wanted:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_lanes(device: torch.device, threads: int, batch: int) -> int:
    """Two on a processor with more cores than one, unless a single window at a time is asked for."""
    return 2 if device.type == "cpu" and threads > 1 and batch != 1 else 1


def choose_batch(
    wanted: int, dimensions: Dimensions, device: torch.device, precision: torch.dtype, tokens: int, lanes: int
) -> int:
    """Windows in each lane that fit in the memory at hand, within the bounds of what pays.

    `wanted` are those of all lanes, `tokens` those of all beams of a window.
    """
    if wanted:
        return -(-wanted // lanes)
    window = (dimensions.cross_cache_numbers + tokens * dimensions.token_cache_numbers) * precision.itemsize
    fits = int(free_memory(device) * MEMORY_SHARE / window / lanes)
    least, most = (
        (LEAST_BATCH_GPU, MOST_BATCH_GPU) if device.type == "cuda" else (LEAST_BATCH_CPU, MOST_BATCH_CPU)
    )
    return max(least, min(fits, most))


def free_memory(device: torch.device) -> int:
    """Bytes that could be taken now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: of the device's memory, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def prepare(device: torch.device, precision: torch.dtype, threads: int) -> None:
    """Set torch's switches: TF32 serves Ampere and later, does nothing on a T4, and would blur an asked-for float32."""
    torch.set_num_threads(choose_threads(threads))
    if device.type == "cpu":
        keep_memory()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # a graph is captured on the present one
        torch.backends.cuda.matmul.allow_tf32 = precision is not torch.float32
        torch.backends.cudnn.allow_tf32 = precision is not torch.float32
        torch.backends.cudnn.benchmark = True
