"""The role nvidia_driver with real DKMS: what builds is verified, what does not stops the bake with its reason.

The module is a few lines, under the driver's name and version; DKMS, compiler and kernel headers are Debian's. It runs
only when asked for: compiler and headers are 100 MB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ansible import jammy
from tests.ansible.archive import Package
from tests.ansible.conftest import pretended, repository
from tests.ansible.playing import play
from tests.support.machines import Machine
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("machines", "asked:dkms")]
VERSION = jammy.DRIVER.removesuffix("-0ubuntu1")
_CONFIGURATION = f"""PACKAGE_NAME="nvidia"
PACKAGE_VERSION="{VERSION}"
BUILT_MODULE_NAME[0]="nvidia"
DEST_MODULE_LOCATION[0]="/updates/dkms"
MAKE[0]="make -C $kernel_source_dir M=$dkms_tree/$module/$module_version/build modules"
AUTOINSTALL="yes"
"""
_MODULE = f"""#include <linux/module.h>
static int __init start(void) {{ return 0; }}
static void __exit stop(void) {{ }}
module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_VERSION("{VERSION}");
"""


def module(source: str) -> Package:
    """nvidia-dkms-530-open as it is, but with this source."""
    folder = f"/usr/src/nvidia-{VERSION}"
    return Package(
        "nvidia-dkms-530-open",
        jammy.DRIVER,
        depends="dkms, nvidia-kernel-source-530-open, nvidia-kernel-common-530",
        files={
            f"{folder}/dkms.conf": _CONFIGURATION,
            f"{folder}/Makefile": "obj-m := nvidia.o\n",
            f"{folder}/nvidia.c": source,
        },
        postinst=f"dkms add -m nvidia -v {VERSION}",
    )


def headers(machine: Machine) -> str:
    """Install the headers of Debian's kernel, and return its release."""
    machine.run(
        "sudo apt-get -qy install --no-install-recommends linux-headers-amd64 dkms kmod", timeout=1800
    )
    return machine.run("ls /lib/modules").stdout.split()[-1]


def test_a_module_that_builds_is_installed_for_the_kernel_and_a_second_run_changes_nothing(
    tmp_path: Path,
) -> None:
    place = tmp_path / "archives"
    with pretended(place, module(_MODULE)) as machine:
        kernel = headers(machine)
        given: dict[str, Any] = {
            **repository(place),
            "nvidia_driver_kernel": kernel,
            "nvidia_driver_kernel_expected": kernel,
        }
        play(machine, "nvidia_driver", tmp_path, **given)
        assert f"nvidia/{VERSION}, {kernel}, x86_64: installed" in machine.run("sudo dkms status").stdout
        second = play(machine, "nvidia_driver", tmp_path, **given)
        assert second.changed == 0, second.output


def test_a_module_that_does_not_build_stops_the_build_with_the_compilers_words(tmp_path: Path) -> None:
    place = tmp_path / "archives"
    broken = _MODULE.replace("return 0;", "return pci_resize_resource(1, 2, 3);")
    with pretended(place, module(broken)) as machine:
        kernel = headers(machine)
        given: dict[str, Any] = {"nvidia_driver_kernel": kernel, "nvidia_driver_kernel_expected": kernel}
        refused = play(machine, "nvidia_driver", tmp_path, check=False, **repository(place), **given)
        assert refused.failed == 1
        assert f"Driver {VERSION} (open) was not built for kernel {kernel}" in " ".join(
            refused.output.split()
        )
        assert "pci_resize_resource" in refused.output
