from __future__ import annotations

import torch
from torch.nn import functional as F

from runner.engine.products import Packed, Quantised
from tests.support.needs import needs


def loud_and_quiet(rows: int = 64) -> torch.Tensor:
    """Rows (rows, 256), of which each is ten times as loud as the one before it, over and over."""
    chance = torch.Generator().manual_seed(1)
    return torch.randn(rows, 256, generator=chance) * 10.0 ** (torch.arange(rows) % 4)[:, None]


@needs("onednn")
def test_weights_that_are_laid_out_anew_give_the_same_product() -> None:
    x, weight, bias = loud_and_quiet(), torch.randn(128, 256), torch.randn(128)
    torch.testing.assert_close(Packed(weight, bias)(x), F.linear(x, weight, bias), rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(
        Packed(weight, bias)(x, "gelu"), F.gelu(F.linear(x, weight, bias)), rtol=1e-4, atol=1e-2
    )


@needs("int8")
def test_eight_bits_err_by_a_fiftieth_in_every_row_however_loud_the_others_are() -> None:
    x, weight, bias = loud_and_quiet(), torch.randn(128, 256), torch.randn(128)
    exact = F.linear(x, weight)
    product = Quantised(weight, bias)
    error = (product(x.view(4, 16, 256)).view(64, 128) - bias - exact).norm(dim=1) / exact.norm(dim=1)
    assert error.max() < 0.03
    at_once = product.multiply(x / x.abs().max()) * x.abs().max()
    assert (
        (at_once - exact).norm(dim=1) / exact.norm(dim=1)
    ).max() > 0.5  # which is why each row has its scale


@needs("int8")
def test_a_row_of_eight_bits_does_not_depend_on_its_neighbours() -> None:
    x, product = loud_and_quiet(), Quantised(torch.randn(128, 256), None)
    together, alone = product(x), torch.cat([product(row[None]) for row in x])
    assert torch.equal(together, alone)


@needs("int8")
def test_a_row_of_zeros_stays_one() -> None:
    assert Quantised(torch.randn(8, 16), None)(torch.zeros(2, 16)).abs().max() == 0
