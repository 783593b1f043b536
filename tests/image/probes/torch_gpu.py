"""What torch sees of the GPU, and whether it computes right there; run by the product's own Python."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch


def libraries(name: str) -> list[str]:
    """Which shared libraries of this name the process has loaded."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in maps if name in line})


def computed() -> dict[str, Any]:
    device = torch.device("cuda")
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(1024, 1024, generator=generator) for _ in range(2))
    exact = left.double() @ right.double()
    near = (left.half().to(device) @ right.half().to(device)).double().cpu()
    sound, kernel = torch.randn(1, 80, 3000, generator=generator), torch.randn(64, 80, 3, generator=generator)
    expected = torch.nn.functional.conv1d(sound, kernel)
    convolved = torch.nn.functional.conv1d(sound.half().to(device), kernel.half().to(device)).float().cpu()
    big = torch.randn(4096, 4096, device=device, dtype=torch.float16)
    big @ big
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(10):
        big @ big
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return {
        "error": float((near - exact).abs().max() / exact.abs().max()),
        "convolution_error": float((convolved - expected).abs().max() / expected.abs().max()),
        "tflops": round(10 * 2 * 4096**3 / seconds / 1e12, 1),
    }


def main() -> None:
    found: dict[str, Any] = {"available": torch.cuda.is_available(), "why": "", "cuda": torch.version.cuda}
    if found["available"]:
        found |= {
            "capability": list(torch.cuda.get_device_capability()),
            "architectures": torch.cuda.get_arch_list(),
            **computed(),
            "cudnn_libraries": libraries("libcudnn"),
        }
    else:
        try:
            torch.zeros(1, device="cuda")
        except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
            found["why"] = str(error)
    print(json.dumps(found))


main()
