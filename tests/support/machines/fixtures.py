"""The one bake that all tests of a run share."""

from __future__ import annotations

import pytest

from tests.support.machines.baking import Bake, bake
from tests.support.machines.roots import Root
from tests.support.needs import require

PATIENCE = 2400  # seconds that the first test which asks for the bake may wait for it, on a slow computer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "bake" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture(scope="session", name="bake")
def one_bake() -> Bake:
    """A real build with the null source: its log, its output and the machine that it made."""
    require("machines")
    return bake()


@pytest.fixture(scope="session")
def baked(bake: Bake) -> Root:
    """The root of the baked machine: `with machine(baked) as one:` boots a copy of it."""
    return bake.root
