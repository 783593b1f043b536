"""The role cuda: on Debian with the real toolkit (1.6 GB, only when asked for), on the test's Ubuntu its pins."""

from __future__ import annotations

import pytest

from tests.ansible.conftest import Play
from tests.support.machines import Machine
from tests.support.needs import needs

PROGRAM = """
#include <cstdio>
#include <cuda_runtime.h>
__global__ void twice(float *x) { x[threadIdx.x] *= 2; }
int main() { std::printf("%d", CUDART_VERSION); twice<<<1, 1>>>(nullptr); }
"""


@pytest.mark.slow
@needs("machines", "asked:cuda")
def test_debians_toolkit_compiles_for_a_t4_and_a_second_run_changes_nothing(
    debian: tuple[Machine, Play],
) -> None:
    machine, play = debian
    play("cuda")
    machine.put(PROGRAM, "/srv/twice.cu")
    shell = "bash -lc 'cd /tmp && nvcc -arch=sm_75 -o twice /srv/twice.cu && ./twice && cuobjdump twice'"
    made = machine.run(shell).stdout
    assert made.startswith("11080")
    assert "arch = sm_75" in made
    assert "nvidia-cuda-toolkit" in machine.run("apt-mark showhold").stdout
    assert not machine.run("dpkg-query -W 'nvidia-driver*' 'nvidia-kernel*' 2>/dev/null", check=False).stdout
    assert machine.run("bash -lc 'echo ${LD_LIBRARY_PATH:-none}'").stdout.strip() == "none"
    second = play("cuda")
    assert second.changed == 0, second.output


@pytest.mark.slow
@needs("machines")
def test_on_ubuntu_the_toolkit_alone_comes_from_nvidia_and_no_driver_with_it(
    ubuntu: tuple[Machine, Play],
) -> None:
    machine, play = ubuntu
    play("cuda")
    shown = machine.run("dpkg-query -W -f '${Package}=${Version}\\n' 'cuda-*' 'libcudnn*'").stdout.split()
    assert {"cuda-toolkit-11-8=11.8.0-1", "libcudnn9-cuda-11=9.1.0.70-1"} <= set(shown)
    held = set(machine.run("apt-mark showhold").stdout.split())
    assert {"cuda-toolkit-11-8", "cuda-nvcc-11-8", "libcudnn9-cuda-11"} <= held
    for meta in ("cuda", "cuda-drivers", "cuda-toolkit-12-4"):
        refused = machine.run(f"apt-get -s install {meta}", check=False)
        assert "no installation candidate" in refused.stdout + refused.stderr
    second = play("cuda")
    assert second.changed == 0, second.output


@pytest.mark.slow
@needs("machines")
def test_a_machine_where_something_shadows_torchs_libraries_is_refused(ubuntu: tuple[Machine, Play]) -> None:
    machine, play = ubuntu
    machine.put("export LD_LIBRARY_PATH=/usr/local/cuda/lib64\n", "/etc/profile.d/shadow.sh")
    refused = play("cuda", check=False)
    machine.run("sudo rm /etc/profile.d/shadow.sh")
    assert refused.failed == 1
    assert "/etc/profile.d/shadow.sh sets LD_LIBRARY_PATH" in refused.output
