"""The machine that a check asks for, and where it leaves what it measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from .machine import Machine
from .plugin import machine_of

Measure = Callable[[str, float | int | str], None]


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, host: Host) -> Machine:
    """The machine under check."""
    return machine_of(request.config, host)


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Keep a figure for the report: its name, with the unit at its end, and its value."""
    return lambda name, value: request.node.user_properties.append((name, value))
