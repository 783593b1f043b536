"""NVIDIA GPUs: their driver against what the engine's CUDA needs, their age, and the precision they get."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.doctor.finding import Finding

# By CUDA's major version: the oldest driver that runs every minor version of it
# (https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html), and the least compute
# capability that its compiler still serves (release notes of CUDA 12.0 and 13.0).
LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
LEAST_CAPABILITY = {11: 3.5, 12: 5.0, 13: 7.5}
SMI_UNDER_WSL = "/usr/lib/wsl/lib/nvidia-smi"
PATIENCE = 5.0  # seconds; a driver that is not kept loaded takes two or three


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi tells it, memory in MiB; None is what it does not tell."""

    name: str
    driver: str
    memory: int | None
    capability: float | None


def gpus(cuda: str | None) -> Iterator[Finding]:
    """Findings on each GPU for a PyTorch built for the CUDA version `cuda`; empty: built without, None: unknown."""
    smi = shutil.which("nvidia-smi") or shutil.which(SMI_UNDER_WSL)
    needed = LEAST_DRIVER.get(_major(cuda), max(LEAST_DRIVER.values()))
    install = f"Install NVIDIA's driver {needed} or newer from your system's packages and restart; without it"
    install += " the processor does the work."
    if smi is None:
        if _has_card():
            yield Finding("gpu", "note", "an NVIDIA card, but no driver for it (no nvidia-smi)", install)
        else:
            yield Finding("gpu", "ok", "none from NVIDIA: the processor does the work")
        return
    try:
        found = list(_ask(smi))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        yield Finding("gpu", "note", f"nvidia-smi fails: {_reason(error)}", install)
        return
    if not found:
        yield Finding("gpu", "note", "nvidia-smi finds no GPU", install)
    for number, gpu in enumerate(found):
        yield judge(gpu, f"gpu {number}" if len(found) > 1 else "gpu", cuda)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if found and visible is not None and visible.strip() in ("", "-1"):
        mend = "Unset it to use the GPU; with it the processor does the work."
        yield Finding("gpu", "note", f"hidden by CUDA_VISIBLE_DEVICES={visible!r}", mend)


def judge(gpu: Gpu, subject: str, cuda: str | None) -> Finding:
    """Whether the engine can use this GPU."""
    facts = [gpu.name, f"driver {gpu.driver}"]
    facts += [f"{gpu.memory / 1024:.0f} GiB"] if gpu.memory else []
    facts += [f"compute capability {gpu.capability}"] if gpu.capability else []
    found = ", ".join(facts)
    major = _major(cuda)
    if cuda is None:
        return Finding(subject, "ok", found)
    if not cuda:
        mend = "Install a build of PyTorch with CUDA; until then the processor does the work."
        return Finding(subject, "note", f"{found}; the installed PyTorch is built without CUDA", mend)
    needed = LEAST_DRIVER.get(major)
    if needed and _major(gpu.driver) < needed:
        mend = f"Install NVIDIA's driver {needed} or newer; until then the processor does the work."
        return Finding(
            subject, "note", f"{found}; PyTorch's CUDA {cuda} needs driver {needed} or newer", mend
        )
    least = LEAST_CAPABILITY.get(major)
    if least and gpu.capability and gpu.capability < least:
        mend = "This GPU is too old for it; the processor does the work."
        return Finding(
            subject, "note", f"{found}; PyTorch's CUDA {cuda} needs capability {least} or more", mend
        )
    if gpu.capability:
        found += f"; auto precision is {'bfloat16' if gpu.capability >= 8.0 else 'float16'}"
    return Finding(subject, "ok", f"{found}; new enough for PyTorch's CUDA {cuda}")


def _ask(smi: str) -> Iterator[Gpu]:
    """Every GPU; drivers before 510 do not know compute_cap and are asked again without it."""
    for columns in ("name,driver_version,memory.total,compute_cap", "name,driver_version,memory.total"):
        command = [smi, f"--query-gpu={columns}", "--format=csv,noheader,nounits"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if "compute_cap" in done.stdout and done.returncode:
            continue
        done.check_returncode()
        for row in csv.reader(done.stdout.splitlines(), skipinitialspace=True):
            name, driver, memory, *capability = row
            # Boards that share the machine's memory answer [N/A].
            size = int(memory) if memory.isdigit() else None
            known = [float(word) for word in capability if word[:1].isdigit()]
            yield Gpu(name, driver, size, known[0] if known else None)
        return


def _reason(error: Exception) -> str:
    """Why nvidia-smi failed, in its own words where it had any."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer in {PATIENCE:.0f} s"
    said = (error.stdout or error.stderr or "") if isinstance(error, subprocess.CalledProcessError) else ""
    return next(iter(said.strip().splitlines()), str(error)).rstrip(".")


def _has_card() -> bool:
    """Whether a display or 3D controller by NVIDIA is on the PCI bus."""
    if sys.platform != "linux":
        return False
    for device in Path("/sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == "0x10de" and kind.startswith("0x03"):
            return True
    return False


def _major(version: str | None) -> int:
    """The first number of a version; 0 where there is none."""
    first = (version or "").partition(".")[0]
    return int(first) if first.isdigit() else 0
