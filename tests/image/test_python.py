"""The Python environment: exactly what its lock says, byte for byte, and nothing beside it."""

from __future__ import annotations

import hashlib
import re

import pytest

from .machine import HOME, PYTHON, Machine, of_the_project

pytestmark = pytest.mark.static

SITE = f"{HOME}/venv/lib/python3.*/site-packages"
IMPORTS = (
    "av", "httpx2", "huggingface_hub", "numpy", "onnxruntime", "runner", "runner.engine.transcriber", "safetensors",
    "silero_vad", "soundfile", "tokenizers", "torch", "transformers",
)  # fmt: skip


def _series(machine: Machine) -> str:
    series: str = machine.versions["python_version"][machine.facts.platform]
    return series


def test_python_is_the_systems_and_of_the_version_of_the_versions_file(machine: Machine) -> None:
    found = machine.probe("venv")["python"]
    assert found["version"].rpartition(".")[0] == _series(machine)
    assert found["version"].startswith(machine.declared["python"])
    assert found["real"] == f"/usr/bin/python{_series(machine)}"


def test_python_looks_nowhere_but_in_its_own_environment(machine: Machine) -> None:
    found = machine.probe("venv")["python"]
    own = (
        f"{HOME}/venv/",
        f"/usr/lib/python{_series(machine)}",
        f"/usr/lib/python{_series(machine).replace('.', '')}.zip",
    )
    assert [path for path in found["path"] if path and not path.startswith(own)] == []
    assert not found["user_site"]
    assert machine.lines(f"grep -i '^include-system-site-packages' {HOME}/venv/pyvenv.cfg")[0].endswith(
        "false"
    )


def test_torch_is_the_one_of_the_versions_file(machine: Machine) -> None:
    installed = machine.probe("venv")["distributions"]["torch"]
    version, _, build = installed.partition("+")
    assert (version, installed) == (machine.versions["torch_version"], machine.declared["torch"])
    if machine.gpu:
        assert build == machine.versions["torch_build"]["gpu"]


def test_transformers_is_the_one_of_the_versions_file(machine: Machine) -> None:
    installed = machine.probe("venv")["distributions"]["transformers"]
    assert installed == machine.versions["transformers_version"][_series(machine)]
    assert installed == machine.declared["transformers"]


def test_project_is_the_one_that_was_set_up(machine: Machine) -> None:
    assert machine.probe("venv")["distributions"]["gpu-transcriber"] == machine.declared["project"]


def test_environment_holds_exactly_what_its_lock_names(machine: Machine) -> None:
    flavour = machine.versions["torch_build"]["gpu"] if machine.gpu else "cpu"
    lock = of_the_project(f"locks/{flavour}-{_series(machine)}.txt")
    content = lock.read_bytes()
    assert hashlib.sha256(content).hexdigest() == machine.declared["lock_sha256"], (
        "the machine was set up from another lock"
    )
    locked = {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", content.decode(), re.M)
    }
    installed = dict(machine.probe("venv")["distributions"])
    installed.pop("gpu-transcriber")
    strangers = {name: version for name, version in installed.items() if locked.get(name) != version}
    assert strangers == {}
    assert set(locked) - set(installed) == set(), "in the lock and not installed"


def test_digest_of_the_environment_is_the_one_that_was_set_up(machine: Machine) -> None:
    command = f"cd {SITE} && LC_ALL=C sha256sum -- *.dist-info/RECORD | sha256sum | cut -d' ' -f1"
    assert machine.says(command) == machine.declared["venv_sha256"]


def test_no_package_lacks_another_or_a_version_of_it(machine: Machine) -> None:
    assert machine.probe("requirements", interpreter=f"{PYTHON} -I") == []


def test_everything_that_the_product_imports_can_be_imported(machine: Machine) -> None:
    words = "; ".join(f"import {name}" for name in IMPORTS)
    imported = machine.run(f"PYTHONDONTWRITEBYTECODE=1 {PYTHON} -I -W error::ImportWarning -c '{words}'")
    assert imported.rc == 0, imported.stderr.strip().splitlines()[-1]


def test_program_says_its_version(machine: Machine) -> None:
    assert machine.declared["project"] in machine.says(f"{HOME}/venv/bin/gpu-transcriber --version")
