"""What Ubuntu 22.04's archive and NVIDIA's repository offer, as small archives with the same names, versions and traps.

- Ubuntu's own `*-530` are transitional: they bring 535.
- NVIDIA's repository has a stub `nvidia-driver-530` (and siblings) with 550's version, which brings 550.
- linux-aws brings 6.8, on which 530 does not build.
"""

from __future__ import annotations

from pathlib import Path

from tests.ansible.archive import Package, archive, build
from tests.ansible.playing import versions

UBUNTU, NVIDIA = "/srv/ubuntu", "/srv/nvidia"  # where the archives lie on the machine
DRIVER = f"{versions()['nvidia_driver_versions']['530']}-0ubuntu1"
ABI = str(versions()["kernel_abi"])
KERNEL = f"{ABI}-aws"
TRANSITIONAL, POISON, NEWER = "535.309.01-0ubuntu0.22.04.1", "550.54.14-0ubuntu1", "6.8.0-1055-aws"

COMMON = "linux-aws-6.8-headers-6.8.0-1055"  # what headers of all flavours share

_LIBRARIES = ("cfg1", "compute", "decode", "encode", "extra", "fbc1", "gl", "common")
SIBLINGS = (
    "nvidia-headless-530", "nvidia-headless-530-open", "nvidia-headless-no-dkms-530",
    "nvidia-headless-no-dkms-530-open",
    "nvidia-dkms-530", "nvidia-dkms-530-open", "nvidia-kernel-source-530", "nvidia-kernel-source-530-open",
    "nvidia-kernel-common-530", "nvidia-utils-530", "nvidia-compute-utils-530", "nvidia-driver-530",
    *(f"libnvidia-{name}-530" for name in _LIBRARIES),
)  # fmt: skip
_MENU = r"""#!/bin/sh
# Stands for GRUB's: one entry for each kernel, under the names that grub-mkconfig gives them.
. /etc/os-release
mkdir -p /boot/grub
for image in /boot/vmlinuz-*; do
    [ -e "$image" ] && printf "menuentry '%s, with Linux %s' --class ubuntu {\n}\n" "$NAME" "${image#/boot/vmlinuz-}"
done > /boot/grub/grub.cfg
cat /etc/default/grub.d/*.cfg >> /boot/grub/grub.cfg 2>/dev/null || true
"""


def lay(folder: Path, *others: Package) -> None:
    """Lay both archives under a folder; `others` take the place of NVIDIA's packages of the same name and version."""
    archive(folder / "ubuntu", _ubuntu(), origin="Ubuntu", label="Ubuntu", codename="jammy")
    taken = {(package.name, package.version) for package in others}
    offered = [package for package in _nvidia() if (package.name, package.version) not in taken]
    archive(folder / "nvidia", [*offered, *others], origin="NVIDIA", label="NVIDIA CUDA", codename="nvidia")


def keyring(folder: Path) -> Path:
    """NVIDIA's keyring package: it brings the repository."""
    line = f"deb [trusted=yes] file:{NVIDIA} ./\n"
    return build(
        Package(
            "cuda-keyring",
            str(versions()["nvidia_repository_keyring"]["version"]),
            files={"/etc/apt/sources.list.d/cuda-ubuntu2204-x86_64.list": line},
            architecture="all",
        ),
        folder,
    )


def kernel(release: str) -> list[Package]:
    """The packages of one kernel."""
    version = f"{release.removesuffix('-aws')}.1"
    image = f"linux-image-{release}"
    return [
        Package(
            image,
            version,
            depends=f"linux-modules-{release}",
            files={f"/boot/vmlinuz-{release}": "kernel\n"},
        ),
        Package(f"linux-modules-{release}", version, files={f"/lib/modules/{release}/modules.order": "\n"}),
        Package(f"linux-headers-{release}", version),
    ]


def _ubuntu() -> list[Package]:
    """Kernels, the metas that bring the newest, the boot menu, and the transitional drivers."""
    metas = [
        Package("linux-aws", "6.8.0.1055", depends="linux-image-aws, linux-headers-aws"),
        Package("linux-image-aws", "6.8.0.1055", depends=f"linux-image-{NEWER}"),
        Package("linux-headers-aws", "6.8.0.1055", depends=f"linux-headers-{NEWER}, {COMMON}"),
        Package(COMMON, "6.8.0-1055.1"),
        Package("grub2-common", "2.12-1ubuntu7", programs={"/usr/sbin/update-grub": _MENU}),
    ]
    drivers = [Package(name, TRANSITIONAL, depends="nvidia-headless-535") for name in SIBLINGS]
    return [
        *kernel(KERNEL),
        *kernel("5.15.0-1121-aws"),
        *kernel(NEWER),
        *metas,
        *drivers,
        Package("nvidia-headless-535", TRANSITIONAL),
        Package("nvidia-cuda-toolkit", "11.5.1-1ubuntu1"),
    ]


def _nvidia() -> list[Package]:
    """The real 530, as loosely tied as it is; stubs of 550 under its names; CUDA 11.8 beside 12, and the metas."""
    needs = {
        "nvidia-headless-530": "nvidia-headless-no-dkms-530, nvidia-dkms-530",
        "nvidia-headless-530-open": "nvidia-headless-no-dkms-530-open, nvidia-dkms-530-open",
        "nvidia-headless-no-dkms-530": "libnvidia-cfg1-530, libnvidia-compute-530, nvidia-compute-utils-530",
        "nvidia-headless-no-dkms-530-open": "libnvidia-cfg1-530, libnvidia-compute-530, nvidia-compute-utils-530",
        "nvidia-dkms-530": "nvidia-kernel-source-530, nvidia-kernel-common-530",
        "nvidia-dkms-530-open": "nvidia-kernel-source-530-open, nvidia-kernel-common-530",
        "nvidia-utils-530": "libnvidia-compute-530",
        "nvidia-driver-530": "nvidia-headless-530, libnvidia-gl-530, libnvidia-extra-530, libnvidia-fbc1-530",
    }
    real = [Package(name, DRIVER, depends=needs.get(name, "")) for name in SIBLINGS]
    poison = [Package(name, POISON, depends="nvidia-headless-550") for name in SIBLINGS]
    return [
        *real,
        *poison,
        Package("nvidia-headless-550", POISON),
        Package("nvidia-modprobe", DRIVER),
        Package("nvidia-modprobe", POISON),
        Package("cuda-toolkit-11-8", "11.8.0-1", depends="cuda-nvcc-11-8"),
        Package("cuda-nvcc-11-8", "11.8.89-1", programs={"/usr/local/cuda-11.8/bin/nvcc": _NVCC}),
        Package("libcudnn9-cuda-11", "9.1.0.70-1"),
        Package("libcudnn9-cuda-11", "9.10.2.21-1"),
        Package("cuda-toolkit-12-4", "12.4.1-1"),
        Package("cuda", "12.4.1-1", depends="cuda-toolkit-12-4, cuda-drivers"),
        Package("cuda-drivers", "550.54.14-1", depends="nvidia-headless-550"),
    ]


_NVCC = """#!/bin/sh
echo 'Cuda compilation tools, release 11.8, V11.8.89'
"""
