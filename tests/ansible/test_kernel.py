"""The role kernel: one exact kernel, held, first in the boot menu, and nothing newer beside it."""

from __future__ import annotations

import pytest

from tests.ansible import jammy
from tests.ansible.conftest import Play
from tests.support.machines import Machine
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("machines")]
RUNNING = {"kernel": jammy.KERNEL}


def packages(machine: Machine, pattern: str) -> dict[str, str]:
    """Installed packages and whether they are held."""
    form = "${db:Status-Want} ${db:Status-Status} ${Package}\\n"
    listed = machine.run(f"dpkg-query -W -f '{form}' '{pattern}' 2>/dev/null", check=False).stdout
    return {
        line.split()[2]: line.split()[0] for line in listed.splitlines() if line.split()[1] == "installed"
    }


@pytest.fixture(scope="module")
def played(ubuntu: tuple[Machine, Play]) -> Machine:
    """A machine as Canonical's image is: the metas and the newest kernel are there. Then the role ran, twice."""
    machine, play = ubuntu
    machine.run("sudo apt-get -qy install linux-aws grub2-common && sudo update-grub")
    assert f"linux-image-{jammy.NEWER}" in packages(machine, "linux-image-*")
    play("kernel")
    second = play("kernel")
    assert second.changed == 0, second.output
    return machine


def test_the_chosen_kernel_is_installed_and_held(played: Machine) -> None:
    held = packages(played, "linux-*")
    assert {held.get(f"linux-{part}-{jammy.KERNEL}") for part in ("image", "modules", "headers")} == {"hold"}


def test_what_brings_the_newest_kernel_is_gone_and_kept_out(played: Machine) -> None:
    assert not {"linux-aws", "linux-image-aws", "linux-headers-aws"} & packages(played, "linux-*").keys()
    again = played.run("apt-get -s install linux-aws", check=False)
    assert again.returncode != 0
    assert "no installation candidate" in again.stdout + again.stderr


def test_an_upgrade_brings_no_other_kernel(played: Machine) -> None:
    plan = played.run("apt-get -s dist-upgrade").stdout
    assert not [line for line in plan.splitlines() if line.startswith("Inst linux-")]


def test_the_boot_menu_starts_this_kernel(played: Machine) -> None:
    menu = played.run("cat /boot/grub/grub.cfg").stdout
    name = f"Ubuntu, with Linux {jammy.KERNEL}"
    assert f"menuentry '{name}'" in menu
    assert f'GRUB_DEFAULT="Advanced options for Ubuntu>{name}"' in menu


def test_the_kernel_that_still_runs_is_left_until_the_restart(played: Machine) -> None:
    assert f"linux-image-{jammy.NEWER}" in packages(played, "linux-image-*")


def test_once_it_runs_the_others_go(played: Machine, ubuntu: tuple[Machine, Play]) -> None:
    play = ubuntu[1]
    play("kernel", kernel_runs=jammy.KERNEL)
    assert packages(played, "linux-*aws*").keys() == {
        f"linux-{part}-{jammy.KERNEL}" for part in ("image", "modules", "headers")
    }
    assert jammy.NEWER not in played.run("cat /boot/grub/grub.cfg").stdout
    assert play("kernel", kernel_runs=jammy.KERNEL).changed == 0
