"""The one file of versions, as far as a build asks it anything before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runner.errors import CannotStart
from runner.image.locks import CPU, VERSIONS, lock_path

INDEX = "index"  # the build of torch that the package index itself has


@dataclass(frozen=True, slots=True)
class KernelRange:
    """Kernels that a branch and flavour of the driver may meet: the first and last ABI, and those seen to build it."""

    driver: str
    flavour: str
    first: str
    last: str
    built: Sequence[str]

    def holds(self, abi: str) -> bool:
        """Whether this kernel lies in the range; releases are never compared across series."""
        series, number = _parted(abi)
        return all(series == _parted(end)[0] for end in (self.first, self.last)) and (
            _parted(self.first)[1] <= number <= _parted(self.last)[1]
        )


@dataclass(frozen=True, slots=True)
class Versions:
    """What versions.yml says of kernel, driver, Python, torch and model."""

    kernel_abi: str
    kernel_flavour: str
    kernel_ranges: Sequence[KernelRange]
    driver_branch: str
    driver_flavour: str
    python: Mapping[str, str]  # by distribution: ubuntu, debian
    torch: str
    torch_build: Mapping[str, str]  # by flavour: gpu, cpu
    model: str
    model_revision: str | None

    def kernel_range(self, branch: str, flavour: str) -> KernelRange | None:
        """The row of the allow-list for a branch and flavour of the driver; None where there is none."""
        return next(
            (row for row in self.kernel_ranges if (row.driver, row.flavour) == (branch, flavour)), None
        )

    def lock(self, flavour: str, distribution: str) -> Path:
        """The file that locks the machine's venv: of the flavour gpu or cpu, for ubuntu's or debian's Python."""
        build = self.torch_build[flavour]
        return lock_path(CPU if build == INDEX else build, self.python[distribution])


def read_versions(path: Path = VERSIONS) -> Versions:
    """Read the file; raises CannotStart where it is missing or lacks a key."""
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Versions(
            kernel_abi=content["kernel_abi"],
            kernel_flavour=content["kernel_flavour"],
            kernel_ranges=tuple(KernelRange(**row) for row in content["kernel_abi_allowed"]),
            driver_branch=content["nvidia_driver_branch"],
            driver_flavour=content["nvidia_driver_flavour"],
            python=content["python_version"],
            torch=content["torch_version"],
            torch_build=content["torch_build"],
            model=content["default_model"]["id"],
            model_revision=content["default_model"]["revision"],
        )
    except OSError as error:
        raise CannotStart(
            f"{path} cannot be read ({error.strerror}): images are built in a checkout."
        ) from error
    except KeyError as error:
        raise CannotStart(
            f"{path} does not say {error.args[0]}: take the file from the repository."
        ) from error
    except (yaml.YAMLError, TypeError) as error:
        raise CannotStart(f"{path} is not as it should be: {' '.join(str(error).split())}.") from error


def _parted(abi: str) -> tuple[str, int]:
    """5.15.0-1115 → the series 5.15.0 and the number 1115; raises ValueError."""
    series, _, number = abi.rpartition("-")
    return series, int(number)
