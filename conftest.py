"""Where pytest is started in a folder without tests, the checks of a machine are not quietly left out."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    hosts: str | None = config.getoption("hosts", None)
    if hosts is not None and not config.pluginmanager.has_plugin("tests.image.plugin"):
        raise pytest.UsageError(f"--hosts={hosts}: start the checks in {Path(__file__).parent}")
