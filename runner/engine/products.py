"""Products with weights that are laid out once as this processor's own units read them."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

WEIGHT_LEVELS, LEVELS = 127, 127  # of a number of eight bits, to either side of zero
# Without dot products in hardware the sum of two products must fit sixteen bits, as 2 · 80 · (2 · 101 + 1) does; of the
# pairs that do, this one errs least: a layer of the encoder by 0.018 in the mean, where 127 and 63 err by 0.023.
NARROW_WEIGHT_LEVELS, NARROW_LEVELS = 80, 101
LEAST = 1e-12  # what a row of zeros is divided by


class Packed:
    """oneDNN's layout, in the weights' own precision: nearly halves the time of a product with few rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.bias = bias

    def __call__(self, x: Tensor, then: str = "none") -> Tensor:
        """(…, in) → (…, out); `then` is "none" or "gelu"."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, then, [], "none")
        return y


class Quantised:
    """Eight bits: a scale for each number out, and one for each row that is multiplied.

    FBGEMM's product knows one scale for all rows, with which the loudest would leave the others few levels; so each
    row is divided by its own largest number before the product, and what comes out is multiplied by it. The scale
    of what is divided is always the same, so that no row depends on its neighbours.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        wide = "avx512_vnni" in processor_features()  # where FBGEMM takes them
        self.levels = LEVELS if wide else NARROW_LEVELS
        largest = weight.detach().abs().amax(1).clamp(min=LEAST)
        scales = largest / (WEIGHT_LEVELS if wide else NARROW_WEIGHT_LEVELS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a later torch may have this no more: see can_quantise
            levels = torch.quantize_per_channel(
                weight.detach(), scales, torch.zeros(len(scales), dtype=torch.long), 0, torch.qint8
            )
        self.weight = torch.ops.quantized.linear_prepack(levels, None)
        self.bias = bias

    def __call__(self, x: Tensor, then: str = "none") -> Tensor:
        """(…, in) → (…, out); `then` is "none" or "gelu"."""
        rows = x.reshape(-1, x.shape[-1])
        scale = rows.abs().amax(1, keepdim=True).clamp_(min=LEAST)
        y = self.multiply(rows / scale)
        y = y.mul_(scale) if self.bias is None else torch.addcmul(self.bias, y, scale, out=y)
        y = y.view(*x.shape[:-1], y.shape[1])
        return F.gelu(y) if then == "gelu" else y

    def multiply(self, rows: Tensor) -> Tensor:
        """(rows, in), all within [-1, 1] → (rows, out)"""
        y: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows, 1 / self.levels, self.levels + 1, self.weight
        )
        return y


def can_pack(precision: torch.dtype) -> bool:
    """Whether oneDNN multiplies this precision here."""
    if precision is torch.bfloat16 and not {"avx512bw", "avx_ne_convert"} & processor_features():
        return False
    return torch.backends.mkldnn.is_available() and precision in (torch.float32, torch.bfloat16)


def can_quantise() -> bool:
    """Whether torch has FBGEMM's product here: it is for x86 alone, and on its way out of torch."""
    return (
        "avx2" in processor_features()
        and "fbgemm" in torch.backends.quantized.supported_engines
        and hasattr(torch, "quantize_per_channel")
        and hasattr(torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32")
    )


def processor_features() -> set[str]:
    """What the processor says of itself, in Linux' words; nothing elsewhere."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return set()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        return set()
    return set(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))
