"""The kernel: the exact one that the driver was built for, and no way to another at the next start."""

from __future__ import annotations

import re

import pytest

from .machine import Machine

pytestmark = [pytest.mark.gpu, pytest.mark.ours]


def _abi(release: str) -> int:
    match = re.match(r"\d+\.\d+\.\d+-(\d+)", release)
    assert match, f"{release!r} is no kernel of Ubuntu's"
    return int(match[1])


@pytest.mark.static
def test_versions_name_a_kernel_that_the_driver_may_meet(machine: Machine) -> None:
    versions = machine.versions
    driver, flavour = versions["nvidia_driver_branch"], versions["nvidia_driver_flavour"]
    rows = [
        row for row in versions["kernel_abi_allowed"] if (row["driver"], row["flavour"]) == (driver, flavour)
    ]
    assert rows, f"driver {driver} {flavour} has no kernel"
    assert any(_abi(row["first"]) <= _abi(versions["kernel_abi"]) <= _abi(row["last"]) for row in rows)


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_kernel_that_runs_is_the_one_of_the_versions_file(machine: Machine) -> None:
    wanted = f"{machine.versions['kernel_abi']}-{machine.versions['kernel_flavour']}"
    assert machine.says("uname -r") == wanted


@pytest.mark.needs_machine("own kernel")
def test_kernel_that_runs_is_the_one_that_was_set_up(machine: Machine) -> None:
    assert machine.says("uname -r") == machine.declared["kernel"]


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_boot_menu_starts_this_kernel_again(machine: Machine) -> None:
    release = machine.says("uname -r")
    settings = machine.says("cat /etc/default/grub /etc/default/grub.d/*.cfg 2>/dev/null || true")
    default = re.findall(r"^GRUB_DEFAULT=(.*)$", settings, re.M)
    assert default, "GRUB_DEFAULT is not set"
    assert release in default[-1]
    assert release in machine.says("cat /boot/grub/grub.cfg")
    saved = machine.run("grub-editenv /boot/grub/grubenv list").stdout
    assert "saved_entry=" not in saved or release in saved


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_packages_of_the_kernel_are_held(machine: Machine) -> None:
    release, held = machine.says("uname -r"), machine.lines("apt-mark showhold")
    for part in ("image", "headers", "modules"):
        assert f"linux-{part}-{release}" in held


@pytest.mark.on("ubuntu")
def test_no_meta_package_brings_another_kernel(machine: Machine) -> None:
    installed = machine.lines(
        "dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '/^[ih]i/{print $2}'"
    )
    metas = {
        "linux-aws",
        "linux-image-aws",
        "linux-headers-aws",
        "linux-generic",
        "linux-image-generic",
        "linux-virtual",
    }
    assert metas & set(installed) == set()


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_no_other_kernel_can_be_started(machine: Machine) -> None:
    assert machine.lines("ls /boot/vmlinuz-*") == [f"/boot/vmlinuz-{machine.says('uname -r')}"]


@pytest.mark.needs_machine("own kernel")
def test_headers_of_the_kernel_that_runs_are_here(machine: Machine) -> None:
    assert machine.host.file(f"/lib/modules/{machine.says('uname -r')}/build/Makefile").exists


@pytest.mark.needs_machine("own kernel")
def test_kernel_is_tainted_by_nothing_but_a_module_from_outside(machine: Machine) -> None:
    """Of the bits of Documentation/admin-guide/tainted-kernels.rst: 0 proprietary, 12 out of tree, 13 unsigned."""
    assert int(machine.read("/proc/sys/kernel/tainted")) & ~(1 << 0 | 1 << 12 | 1 << 13) == 0


@pytest.mark.needs_machine("own kernel")
def test_nouveau_is_neither_loaded_nor_can_be(machine: Machine) -> None:
    assert not machine.host.file("/sys/module/nouveau").exists
    assert "install /bin/false" in machine.says(
        "modprobe -n -v nouveau 2>&1 || true"
    ) or "blacklist nouveau" in machine.says("modprobe --showconfig")
    images = machine.says("lsinitramfs /boot/initrd.img-$(uname -r) | grep -c 'nouveau.ko' || true")
    assert images == "0" or "nouveau" in machine.says("cat /etc/modprobe.d/*.conf")
