"""The bill of materials: valid CycloneDX, every package with its licence, every hash the lock's own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from runner.image import inventory
from runner.image.sbom import licences, locked_hashes, make_sbom
from tests.support.checkout import ROOT

pytestmark = pytest.mark.slow  # CycloneDX's schema takes its time

NAMES = ("rich", "invoke", "packaging", "markdown_it_py", "typing_extensions")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the inventory says of a venv with some of the packages of the one that runs this."""
    machine = tmp_path_factory.mktemp("machine")
    site = machine / "venv" / "lib" / "python3.11" / "site-packages"
    here = Path(inventory.__file__).parents[2] / ".venv"
    for folder in here.glob("lib/python3*/site-packages/*.dist-info"):
        if folder.name.lower().startswith(tuple(f"{name}-" for name in NAMES)):
            shutil.copytree(folder, site / folder.name)
    before, inventory.ROOT = inventory.ROOT, str(machine)
    found = inventory.python_packages()
    inventory.ROOT = before
    return found


@pytest.fixture(scope="module")
def bill(packages: list[dict[str, Any]]) -> dict[str, Any]:
    return make_sbom(packages, ROOT / "requirements.lock", {})


def test_it_is_valid_cyclonedx(bill: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_every_package_of_the_machine_is_in_it_with_its_version(
    bill: dict[str, Any], packages: list[dict[str, Any]]
) -> None:
    assert len(packages) == len(NAMES)
    assert {(one["name"], one["version"]) for one in bill["components"]} == {
        (package["name"], package["version"]) for package in packages
    }


def test_every_package_has_the_hashes_that_the_lock_accepts(bill: dict[str, Any]) -> None:
    locked = locked_hashes((ROOT / "requirements.lock").read_text())

    for component in bill["components"]:
        (distribution,) = (
            one
            for one in component["externalReferences"]
            if one["type"] == "distribution" and "hashes" in one
        )
        name = canonicalize_name(component["name"])
        assert {one["content"] for one in distribution["hashes"]} == set(locked[name, component["version"]])


def test_our_own_wheel_has_the_hash_of_the_file_that_was_installed(packages: list[dict[str, Any]]) -> None:
    digest = "a" * 64

    made = make_sbom(packages, None, {"rich": digest})

    (rich,) = (one for one in made["components"] if one["name"] == "rich")
    assert rich["externalReferences"][-1]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_licences_are_told_in_a_few_words(bill: dict[str, Any]) -> None:
    told = {one["name"]: licences(one) for one in bill["components"]}

    assert told["rich"] == "MIT"
    assert "BSD" in told["invoke"]
    assert licences({"licenses": [{"license": {"name": "x" * 100 + "\nthe whole text"}}]}) == "x" * 60 + "…"
    assert licences({}) == ""


def test_a_licence_in_words_of_its_own_is_told_too() -> None:
    package = {
        "name": "odd",
        "version": "1",
        "files": {"METADATA": "Name: odd\nVersion: 1\nLicense: Apache 2.0 License\n"},
    }

    made = make_sbom([package], None, {})

    assert licences(made["components"][0]) == "Apache 2.0 License"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None


def test_the_inventory_needs_nothing_but_python(tmp_path: Path) -> None:
    """It is sent to machines that have nothing of ours: run here by a Python without packages, from its text alone."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"],
        input=Path(inventory.__file__).read_text(),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 0 or "dpkg-query" in done.stderr, done.stderr
    if done.returncode == 0:
        found = json.loads(done.stdout)
        assert {"kernel", "platform", "disk", "debian", "python", "setup_complete"} <= found.keys()
        assert any(one["name"] == "dpkg" and one["version"] and one["licences"] for one in found["debian"])
