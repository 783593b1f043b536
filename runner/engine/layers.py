"""Torch's layers as the network uses them: filled from a checkpoint, and with products laid out for a processor."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from runner.engine.products import Packed, Quantised


class FromCheckpoint:
    """Leaves a layer's weights as they lie in memory, since a checkpoint's take their place."""

    def reset_parameters(self) -> None:
        return


class Linear(FromCheckpoint, nn.Linear):
    """A product with weights, which a processor may hold in the order that its own units read."""

    product: Packed | Quantised | None = None

    def lay_out(self, product: type[Packed | Quantised]) -> None:
        """Hold the weights as this product does, and no more as they were."""
        self.product = product(self.weight, self.bias)
        self.weight = nn.Parameter(self.weight.new_empty(0), requires_grad=False)

    def forward(self, x: Tensor, then: str = "none") -> Tensor:
        """`then` is "none" or "gelu"."""
        if self.product is not None:
            return self.product(x, then)
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y) if then == "gelu" else y


class Conv1d(FromCheckpoint, nn.Conv1d): ...


class LayerNorm(FromCheckpoint, nn.LayerNorm): ...


class Embedding(FromCheckpoint, nn.Embedding): ...
