"""Slices of the lock outside a checkout's own .venv, and when they do not fit; test_wrapper.py installs them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from runner.door import install
from runner.errors import DiskFull, EngineMissing


def test_nothing_is_done_where_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    install.install("test")
    assert capsys.readouterr().err == ""


def test_missing_packages_are_those_of_the_extra_that_are_not_installed() -> None:
    assert "pytest" not in install.missing("test")
    with pytest.raises(ValueError, match="no extra 'tests'"):
        install.missing("tests")


@pytest.fixture
def _without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has no torch; the real one has, or these tests could not run beside the engine's."""
    installed = install._is_installed
    monkeypatch.setattr(install, "_is_installed", lambda name: name != "torch" and installed(name))


@pytest.mark.usefixtures("_without_engine")
def test_without_a_checkout_pip_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "ROOT", tmp_path)
    with pytest.raises(EngineMissing, match=re.escape("pip install 'gpu-transcriber[engine]'")):
        install.ensure_engine()


@pytest.mark.usefixtures("_without_engine")
def test_environment_of_ones_own_is_not_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(EngineMissing, match=re.escape(f"pip install -e '{install.ROOT}[engine]', or use")):
        install.ensure_engine()


@pytest.mark.usefixtures("_without_engine")
def test_disk_that_is_too_small_is_told_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements.lock").touch()
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setitem(install.SIZES, "engine", {sys.platform: 10**18})
    with pytest.raises(DiskFull, match=r"GB free where 1000000000\.0 GB are needed") as caught:
        install.ensure_engine()
    assert caught.value.path == tmp_path / ".venv"
    assert "installing the engine packages, once: 1000000000.0 GB on disk" in capsys.readouterr().err


@pytest.mark.usefixtures("_without_engine")
def test_mac_with_an_intel_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(EngineMissing, match="Apple processor"):
        install.ensure_engine()
