"""The files of the Python environment: byte for byte what was installed, and nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest

from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.security]


def _files(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = machine.probe("environment")
    return found


def test_every_file_of_the_environment_has_the_bytes_that_were_installed(machine: Machine) -> None:
    """Sources and small libraries by digest, the gigabytes of CUDA by size."""
    found = _files(machine)
    assert found["files"] > 1000
    assert found["missing"] == []
    assert found["changed"] == []


def test_nothing_lies_in_the_environment_that_no_package_brought(machine: Machine) -> None:
    """A .pth or sitecustomize.py runs in every Python that starts."""
    assert _files(machine)["strangers"] == []


def test_no_package_comes_from_a_folder_or_a_repository(machine: Machine) -> None:
    assert machine.probe("venv")["editable"] == []
