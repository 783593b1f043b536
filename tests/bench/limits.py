"""What this machine can do at most: products and memory, measured for a moment with the engine's own threads."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from runner.engine.products import Quantised

SECONDS = 0.3  # of each measurement
SQUARE = 2048  # rows of the matrices that are multiplied
BYTES = 256 * 1024 * 1024  # more than any processor's cache


def measure(precision: str, device: str, threads: int) -> dict[str, float]:
    """Operations a second, with weights, between other numbers and in float32; bytes a second from memory."""
    where = torch.device("cuda" if device == "cuda" else "cpu")
    if threads and where.type == "cpu":
        torch.set_num_threads(threads)
    plain = _flops(torch.float32, where)
    if precision == "int8":
        used, between = _flops_quantised(), plain
    else:
        used = between = _flops(getattr(torch, precision), where)
    return {
        "flops": used,
        "flops_between": between,
        "flops_float32": plain,
        "bandwidth": _bandwidth(where),
    }


def _flops(precision: torch.dtype, device: torch.device) -> float:
    a = torch.randn(SQUARE, SQUARE, device=device).to(precision)
    b = torch.randn(SQUARE, SQUARE, device=device).to(precision)
    return 2 * SQUARE**3 / _best(lambda: a @ b, device)


def _flops_quantised() -> float:
    """Of the product itself, without the scales of the rows."""
    product = Quantised(torch.randn(SQUARE, SQUARE), None)
    rows = torch.rand(SQUARE, SQUARE)
    return 2 * SQUARE**3 / _best(lambda: product.multiply(rows), torch.device("cpu"))


def _bandwidth(device: torch.device) -> float:
    """The better of copying (a byte read, a byte written) and of summing up (read alone, as a decoder does)."""
    source = torch.ones(BYTES // 4, device=device)
    target = torch.empty_like(source)
    copying = 2 * BYTES / _best(lambda: target.copy_(source), device)
    return max(copying, BYTES / _best(source.sum, device))


def _best(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of as many calls as go into the time; the first one is not counted."""
    work()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - began)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
