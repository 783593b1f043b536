"""The NVIDIA driver: one exact version, everywhere the same, pinned so that nothing else can come."""

from __future__ import annotations

import re

import pytest

from .conftest import Measure
from .machine import USER, Machine

pytestmark = pytest.mark.gpu

_LICENCES = {"open": "Dual MIT/GPL", "proprietary": "NVIDIA"}


def _branch(machine: Machine) -> str:
    branch: str = machine.versions["nvidia_driver_branch"]
    return branch


def _wanted(machine: Machine) -> str:
    version: str = machine.versions["nvidia_driver_versions"][_branch(machine)]
    return version


def _installed(machine: Machine) -> dict[str, str]:
    """Every package of the driver, of whichever branch, with its version."""
    lines = machine.found(
        "dpkg-query -W -f='${db:Status-Abbrev}\t${Package}\t${Version}\n' | grep -E '^[ih]i' | grep -E 'nvidia'"
    )
    rows = [line.split("\t") for line in lines]
    tools = re.compile(r"nvidia-(container|modprobe|settings|xconfig|prime)|cuda|libnvidia-container")
    return {name.strip(): version for _, name, version in rows if not tools.search(name)}


def _smi(machine: Machine, *names: str) -> list[list[str]]:
    """What nvidia-smi says, a row a GPU."""
    lines = machine.lines("nvidia-smi --query-gpu=%s --format=csv,noheader,nounits", ",".join(names))
    assert lines, "nvidia-smi names no GPU"
    return [[field.strip() for field in line.split(",")] for line in lines]


@pytest.mark.ours
def test_nvidia_driver_is_the_pinned_one_and_matches_its_kernel_module(machine: Machine) -> None:
    wanted = _wanted(machine)
    assert [version for (version,) in _smi(machine, "driver_version")] == [wanted] * len(
        _smi(machine, "name")
    )
    assert machine.says("modinfo -F version nvidia") == wanted
    assert machine.read("/sys/module/nvidia/version") == wanted


def test_driver_that_runs_is_the_one_that_was_set_up(machine: Machine) -> None:
    assert {version for (version,) in _smi(machine, "driver_version")} == {
        machine.declared["driver"]["version"]
    }


def test_kernel_module_is_of_the_flavour_that_was_set_up(machine: Machine) -> None:
    assert machine.says("modinfo -F license nvidia") == _LICENCES[machine.declared["driver"]["flavour"]]


@pytest.mark.ours
@pytest.mark.static
def test_every_package_of_the_driver_has_the_pinned_version(machine: Machine) -> None:
    installed, wanted = _installed(machine), _wanted(machine)
    assert installed, "no package of the driver is installed"
    assert {
        name: version for name, version in installed.items() if not version.startswith(f"{wanted}-")
    } == {}


@pytest.mark.ours
@pytest.mark.static
def test_every_package_of_the_driver_is_of_the_pinned_branch(machine: Machine) -> None:
    branches = {match[1] for name in _installed(machine) if (match := re.search(r"-(\d{3})(-|$)", name))}
    assert branches == {_branch(machine)}


@pytest.mark.ours
@pytest.mark.static
def test_every_package_of_the_driver_is_held(machine: Machine) -> None:
    installed = set(_installed(machine))
    assert installed, "no package of the driver is installed"
    assert installed - set(machine.lines("apt-mark showhold")) == set()


@pytest.mark.ours
@pytest.mark.static
def test_apt_would_install_no_other_version_of_the_driver(machine: Machine) -> None:
    """NVIDIA's repository offers nvidia-driver-530 in a version 550 that installs another driver."""
    branch, wanted = _branch(machine), _wanted(machine)
    names = sorted({*_installed(machine), f"nvidia-driver-{branch}", f"nvidia-dkms-{branch}"})
    policy = machine.says("apt-cache policy " + " ".join(names))
    candidates = re.findall(r"^  Candidate: (.+)$", policy, re.M)
    assert candidates, "apt knows none of the driver's packages"
    assert [found for found in candidates if found != "(none)" and not found.startswith(f"{wanted}-")] == []


@pytest.mark.ours
@pytest.mark.static
def test_pins_outrank_everything_and_shut_out_other_origins(machine: Machine) -> None:
    pins = machine.says("cat /etc/apt/preferences.d/*")
    stanzas = [stanza for stanza in re.split(r"\n\s*\n", pins) if f"-{_branch(machine)}" in stanza]
    priorities = {
        int(number) for stanza in stanzas for number in re.findall(r"^Pin-Priority: *(-?\d+)", stanza, re.M)
    }
    assert {1001, -1} <= priorities


@pytest.mark.ours
@pytest.mark.needs_machine("own kernel")
def test_dkms_built_the_driver_for_the_kernel_that_runs(machine: Machine) -> None:
    status, release = machine.lines("dkms status"), machine.says("uname -r")
    mine = [line for line in status if line.startswith("nvidia") and release in line]
    assert mine, f"dkms knows no nvidia for {release}"
    assert [line for line in mine if not line.endswith("installed")] == []
    assert [line for line in status if "WARNING" in line or "differences" in line] == []


def test_only_one_version_of_the_drivers_library_is_here(machine: Machine) -> None:
    libraries = machine.lines(
        "find /usr/lib /usr/local/lib /opt -xdev -name 'libcuda.so.*.*' -not -path '*/stubs/*'"
    )
    assert {path.split(".so.")[1] for path in libraries} == {machine.declared["driver"]["version"]}


@pytest.mark.ours
def test_driver_stays_loaded_between_programs(machine: Machine) -> None:
    assert {state for (state,) in _smi(machine, "persistence_mode")} == {"Enabled"}
    assert machine.says("systemctl is-active nvidia-persistenced.service") == "active"


def test_user_of_the_service_can_open_the_gpu(machine: Machine) -> None:
    for device in ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"):
        assert machine.run(f"setpriv --reuid={USER} --regid={USER} --init-groups test -w {device}").rc == 0, (
            device
        )


@pytest.mark.boot
@pytest.mark.needs_machine("own kernel")
def test_gpu_reported_no_fault_since_the_start(machine: Machine) -> None:
    assert (
        machine.found("journalctl -b -k -q --no-pager -g 'NVRM: Xid|fallen off the bus|RmInitAdapter failed'")
        == []
    )


def test_gpus_memory_has_no_errors_that_were_not_mended(machine: Machine) -> None:
    counts = _smi(machine, "ecc.errors.uncorrected.volatile.total")
    assert [count for (count,) in counts if count not in ("0", "[N/A]", "N/A")] == []


@pytest.mark.ours
@pytest.mark.performance
def test_nothing_else_sits_on_the_gpu(machine: Machine, measure: Measure) -> None:
    rows = _smi(machine, "name", "memory.used", "memory.total", "temperature.gpu", "power.draw")
    for name, used, total, temperature, power in rows:
        measure("gpu", name)
        measure("gpu_idle_memory_mib", float(used))
        measure("gpu_temperature_c", temperature)
        measure("gpu_idle_power_w", power)
        assert float(used) < 0.1 * float(total)
    # The API server keeps a model on the GPU when it runs; nothing else may.
    owners = machine.found(
        "nvidia-smi --query-compute-apps=pid --format=csv,noheader | xargs -r ps -o user= -p"
    )
    assert set(owners) <= {USER}
