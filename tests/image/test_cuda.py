"""CUDA: torch reaches the GPU and computes right on it, and the system's toolkit stays out of its way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .conftest import Measure
from .machine import PYTHON, Machine

pytestmark = pytest.mark.gpu

NVCC = "/usr/local/cuda-{version}/bin/nvcc"
LEAST_CAPABILITY = [7, 5]  # a T4; below it the wheels of torch have no kernels
MOST_ERROR = 2e-2  # of a sum of 1024 products in float16, relative to the largest: half its 11 bits


def _nvcc(machine: Machine) -> str:
    """The compiler: where NVIDIA's packages put it, or Debian's."""
    path = NVCC.format(version=machine.versions["cuda_version"])
    return path if machine.host.file(path).exists else "nvcc"


def _torch(machine: Machine) -> dict[str, Any]:
    """What torch sees of the GPU, which it must reach, and how right it computes there."""
    found: dict[str, Any] = machine.probe("torch_gpu", interpreter=PYTHON)
    assert found["available"], found["why"]
    return found


@pytest.mark.static
def test_cuda_toolkit_has_the_version_of_the_versions_file(machine: Machine) -> None:
    assert f"release {machine.versions['cuda_version']}," in machine.says(f"{_nvcc(machine)} --version")
    assert machine.declared["cuda"].startswith(machine.versions["cuda_version"])


@pytest.mark.static
@pytest.mark.ours
def test_no_other_cuda_toolkit_is_here(machine: Machine) -> None:
    found = machine.lines("find /usr/local -maxdepth 1 -name 'cuda-*' -printf '%f\\n'")
    assert {name.removeprefix("cuda-") for name in found if re.search(r"\d+\.\d+", name)} <= {
        machine.versions["cuda_version"]
    }


@pytest.mark.static
@pytest.mark.ours
def test_no_meta_package_brings_another_driver(machine: Machine) -> None:
    installed = set(
        machine.lines("dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '/^[ih]i/{print $2}'")
    )
    assert {
        name
        for name in installed
        if re.fullmatch(r"cuda|cuda-\d+-\d+|cuda-drivers(-\d+)?|cuda-runtime-.*", name)
    } == set()


@pytest.mark.static
@pytest.mark.on("ubuntu")
def test_cudnn_has_the_version_of_the_versions_file(machine: Machine) -> None:
    found = machine.found("dpkg-query -W -f='${Version}\n' 'libcudnn*'")
    wanted = machine.versions["cudnn_version"]["ubuntu"]
    assert found, "libcudnn is not installed"
    assert [version for version in found if version and not version.startswith(f"{wanted}-")] == []


def test_compiler_makes_a_program_that_the_gpu_runs(machine: Machine) -> None:
    found = machine.probe("nvcc", _nvcc(machine))
    assert found["error"] == ""
    assert found["output"] == "4950"


def test_torch_reaches_the_gpu(machine: Machine) -> None:
    found = _torch(machine)
    assert found["capability"] >= LEAST_CAPABILITY


def test_torch_was_built_for_the_cuda_of_the_versions_file(machine: Machine) -> None:
    build = machine.versions["torch_build"]["gpu"]
    found = _torch(machine)
    if build.startswith("cu"):
        assert "cu" + found["cuda"].replace(".", "") == build


def test_torch_has_kernels_for_this_gpu(machine: Machine) -> None:
    found = _torch(machine)
    major, minor = found["capability"]
    assert f"sm_{major}{minor}" in found["architectures"] or any(
        name.startswith(f"sm_{major}") and int(name[4:]) <= minor for name in found["architectures"]
    )


@pytest.mark.performance
def test_product_of_matrices_in_half_precision_is_right(machine: Machine, measure: Measure) -> None:
    found = _torch(machine)
    measure("fp16_matmul_error", found["error"])
    measure("fp16_matmul_tflops", found["tflops"])
    assert 0 < found["error"] < MOST_ERROR, "0 would mean that nothing was computed in half precision"


def test_torch_loads_its_own_cudnn_and_not_the_systems(machine: Machine) -> None:
    found = _torch(machine)
    assert found["cudnn_libraries"], "cuDNN was not loaded"
    assert [path for path in found["cudnn_libraries"] if "/opt/transcribe/venv/" not in path] == []


def test_convolution_on_the_gpu_agrees_with_the_processor(machine: Machine) -> None:
    assert _torch(machine)["convolution_error"] < MOST_ERROR


@pytest.mark.static
@pytest.mark.ours
def test_no_path_lets_the_systems_libraries_shadow_torchs(machine: Machine) -> None:
    places = "/etc/environment /etc/profile.d /etc/default /etc/systemd/system /opt/transcribe/scripts /root/.bashrc"
    assert machine.found(f"grep -rsl 'LD_LIBRARY_PATH *=' {places}") == []
