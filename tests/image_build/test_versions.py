"""The file of versions: which kernel a driver may meet, and which lock a flavour has."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.image.locks import VERSIONS
from runner.image.versions import KernelRange, read_versions

RANGE = KernelRange("530", "open", "5.15.0-1035", "5.15.0-1115", ())


@pytest.mark.parametrize(
    ("abi", "held"),
    [
        ("5.15.0-1034", False),
        ("5.15.0-1035", True),
        ("5.15.0-1100", True),
        ("5.15.0-1115", True),
        ("5.15.0-1117", False),
        ("6.8.0-1100", False),
    ],
)
def test_a_kernel_is_held_against_both_ends_of_its_series(abi: str, held: bool) -> None:
    assert RANGE.holds(abi) is held


def test_the_kernel_of_the_image_goes_with_its_driver() -> None:
    versions = read_versions()

    row = versions.kernel_range(versions.driver_branch, versions.driver_flavour)
    assert row is not None
    assert row.holds(versions.kernel_abi)
    assert versions.kernel_range("470", "open") is None


def test_each_flavour_has_a_lock_for_each_system() -> None:
    versions = read_versions()

    assert [
        versions.lock(*pair).name for pair in (("gpu", "ubuntu"), ("cpu", "ubuntu"), ("cpu", "debian"))
    ] == [
        "cu118-3.10.txt",
        "cpu-3.10.txt",
        "cpu-3.11.txt",
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace("kernel_abi:", "kernel:"), "does not say kernel_abi"),
        (lambda text: text.replace("first:", "start:"), "is not as it should be"),
        (lambda text: text + "\n  - [", "is not as it should be"),
    ],
)
def test_a_file_that_lacks_something_is_told_in_a_sentence(
    change: object, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "versions.yml"
    path.write_text(change(VERSIONS.read_text()))  # type: ignore[operator]  # a lambda

    with pytest.raises(CannotStart, match=sentence):
        read_versions(path)


def test_without_the_file_a_checkout_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="images are built in a checkout"):
        read_versions(tmp_path / "versions.yml")
