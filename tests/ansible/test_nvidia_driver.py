"""The role nvidia_driver: exactly 530.30.02 out of archives full of traps, held; and nothing else by any later word."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.ansible import jammy
from tests.ansible.conftest import Play
from tests.ansible.playing import Played
from tests.support.machines import Machine
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("machines")]
Role = Callable[..., Played]
PREFERENCES = "/etc/apt/preferences.d/40-transcribe-nvidia-driver"


@pytest.fixture(scope="module")
def role(ubuntu: tuple[Machine, Play]) -> Role:
    """The role, without the module, which test_dkms.py proves."""
    return partial(ubuntu[1], "nvidia_driver", nvidia_driver_module=False)


@pytest.fixture(scope="module")
def played(ubuntu: tuple[Machine, Play], role: Role) -> Machine:
    """A machine that got the driver, twice."""
    role()
    second = role()
    assert second.changed == 0, second.output
    return ubuntu[0]


def test_every_package_of_the_driver_is_the_one_version_and_held(played: Machine) -> None:
    came = installed(played)
    assert {
        "nvidia-headless-530-open",
        "nvidia-dkms-530-open",
        "libnvidia-compute-530",
        "nvidia-utils-530",
    } <= came.keys()
    assert set(came.values()) == {("hold", jammy.DRIVER)}


@pytest.mark.parametrize("package", jammy.SIBLINGS)
def test_no_sibling_can_come_in_another_version(played: Machine, package: str) -> None:
    policy = played.run(f"LC_ALL=C apt-cache policy {package}").stdout
    table = {}
    for line in policy.splitlines():
        words = line.replace("***", "").split()
        if len(words) == 2 and words[1].lstrip("-").isdigit():
            table[words[0]] = int(words[1])
    assert table == {jammy.DRIVER: 1001, jammy.POISON: -1, jammy.TRANSITIONAL: -1}
    assert f"Candidate: {jammy.DRIVER}" in policy


def test_without_the_pins_the_poisoned_stub_would_come(played: Machine) -> None:
    plan = plan_of(played, "nvidia-driver-530", "-o Dir::Etc::PreferencesParts=/nonexistent")
    assert f"Inst nvidia-driver-530 ({jammy.POISON} " in plan


def test_with_them_the_driver_by_its_plain_name_is_the_right_one(played: Machine) -> None:
    plan = plan_of(played, "nvidia-driver-530")
    assert f"Inst nvidia-driver-530 ({jammy.DRIVER} " in plan
    assert "550" not in plan


def test_an_upgrade_of_everything_leaves_the_driver_alone(played: Machine) -> None:
    plan = played.run("apt-get -s --allow-change-held-packages dist-upgrade").stdout
    assert not [
        line for line in plan.splitlines() if line.startswith(("Inst ", "Remv ")) and "nvidia" in line
    ]


def test_nouveau_is_forbidden_and_persistence_is_on(played: Machine) -> None:
    assert "blacklist nouveau\n" in played.run("cat /etc/modprobe.d/transcribe-nouveau.conf").stdout
    unit = played.run("cat /etc/systemd/system/nvidia-persistenced.service.d/transcribe.conf").stdout
    assert "--persistence-mode" in unit
    wanted = "/etc/systemd/system/multi-user.target.wants/nvidia-persistenced.service"
    assert (
        played.run(f"readlink {wanted}").stdout.strip() == "/lib/systemd/system/nvidia-persistenced.service"
    )


def test_the_modules_load_at_each_start_and_what_makes_their_devices_is_of_the_drivers_version(
    played: Machine,
) -> None:
    loaded = played.run("grep -v ^# /etc/modules-load.d/transcribe-nvidia.conf").stdout
    assert loaded.split() == ["nvidia", "nvidia_uvm"]
    form = "${db:Status-Want} ${db:Status-Status} ${Version}"
    came = played.run(f"dpkg-query -W -f '{form}' nvidia-modprobe").stdout
    assert came.split() == ["hold", "installed", jammy.DRIVER]


def test_a_plan_with_another_version_is_refused_before_anything_is_installed(
    played: Machine, role: Role
) -> None:
    before = installed(played)
    refused = role(nvidia_driver_versions={"530": "530.99.99"}, check=False)
    assert refused.failed == 1
    assert "apt would not bring driver 530.99.99 alone" in refused.output
    assert installed(played) == before


def test_a_keyring_of_other_bytes_is_refused(
    ubuntu: tuple[Machine, Play], played: Machine, role: Role
) -> None:
    played.run("sudo dpkg --purge cuda-keyring && sudo rm -f /var/cache/apt/archives/cuda-keyring.deb")
    refused = role(nvidia_repository_keyring_sha256="0" * 64, check=False)
    assert refused.failed == 1
    assert "checksum" in refused.output


def test_the_proprietary_flavour_takes_the_other_module(played: Machine, role: Role) -> None:
    played.run("sudo apt-mark unhold '*nvidia*-530*' >/dev/null; sudo apt-get -qy purge '*nvidia*-530*'")
    role(nvidia_driver_flavour="proprietary")
    came = installed(played)
    assert "nvidia-dkms-530" in came
    assert "nvidia-dkms-530-open" not in came
    assert set(came.values()) == {("hold", jammy.DRIVER)}


def installed(machine: Machine) -> dict[str, tuple[str, str]]:
    """Installed packages of the driver: want and version."""
    form = "${db:Status-Want} ${db:Status-Status} ${Version} ${Package}\\n"
    listed = machine.run(f"dpkg-query -W -f '{form}' '*nvidia*-530*' 2>/dev/null", check=False).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {name: (want, version) for want, status, version, name in rows if status == "installed"}


def plan_of(machine: Machine, package: str, options: str = "") -> str:
    """What apt would do to install a package, held packages included."""
    command = f"LC_ALL=C apt-get -s --no-install-recommends --allow-change-held-packages {options} install {package}"
    return machine.run(command).stdout
