"""The machine itself: system, Python, processor, memory, terminal."""

from __future__ import annotations

import locale
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import runner
from runner.doctor.finding import Finding
from runner.screen.tables import in_gigabytes

# PyTorch's wheels for Linux are built for glibc 2.28 and later (manylinux_2_28), none for musl;
# for Macs with an Intel processor 2.2 was the last.
LEAST_GLIBC = (2, 28)
LITTLE_MEMORY = 2 * 10**9  # bytes: small models in float32 with a batch of one
CGROUP = Path("/sys/fs/cgroup")


def machine() -> Iterator[Finding]:
    """Findings on everything that the engine stands on."""
    yield Finding(
        "program", "ok", f"gpu-transcriber {runner.__version__} in {Path(runner.__file__).parent.parent}"
    )
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield system(platform.system(), platform.machine(), platform.libc_ver())
    yield processor()
    yield memory()
    yield terminal(getattr(sys.stdout, "encoding", None), sys.getfilesystemencoding())


def system(name: str, architecture: str, libc: tuple[str, str]) -> Finding:
    """Whether the engine can be installed on a system of this `name`, as the platform module tells it."""
    if name == "Windows":
        return Finding(
            "system", "problem", "Windows", "Use WSL: `wsl --install`, then work inside it as on Linux."
        )
    if name == "Darwin":
        version = f"macOS {platform.mac_ver()[0]} on {architecture}"
        if architecture == "x86_64":
            mend = "PyTorch has no build for Macs with an Intel processor since 2.2; use another machine."
            return Finding("system", "problem", version, mend)
        return Finding("system", "ok", version)
    family, version = libc
    try:
        title = platform.freedesktop_os_release().get("PRETTY_NAME", name)
    except OSError:
        title = name
    found = f"{title} on {architecture}, {family or 'no glibc'} {version}".rstrip()
    if "microsoft" in platform.release().lower():
        found += ", under WSL"
    if family != "glibc":
        mend = "PyTorch has no build for this C library; use a system with glibc, such as Debian or Ubuntu."
        return Finding("system", "problem", found, mend)
    if tuple(map(int, version.split(".")[:2])) < LEAST_GLIBC:
        mend = "PyTorch needs glibc 2.28 (Debian 10, Ubuntu 20.04, RHEL 8) or later; use a newer system."
        return Finding("system", "problem", found, mend)
    return Finding("system", "ok", found)


def processor() -> Finding:
    """The processor, what it computes natively, the precision that `auto` takes on it, and the cores allowed."""
    name, flags = _processor_facts()
    features = [
        flag
        for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
        if flag in flags
    ]
    precision = "bfloat16" if {"avx512_bf16", "amx_bf16"} & flags else "float32"
    present = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else present
    found = (
        f"{name}, {allowed} of {present} cores ours, {', '.join(features) or 'no vector extensions known'};"
    )
    found += f" auto precision is {precision}"
    quota = processor_quota(CGROUP)
    if quota is not None and quota < allowed:
        threads = max(1, int(quota))
        mend = f"Set GPU_TRANSCRIBER_THREADS={threads}: more threads than that wait for one another."
        return Finding("processor", "note", f"{found}; the container is given {quota:g} cores' time", mend)
    if platform.machine() in ("x86_64", "AMD64") and flags and "avx2" not in flags:
        return Finding(
            "processor", "note", found, "Without AVX2 the engine is several times slower; use a newer one."
        )
    return Finding("processor", "ok", found)


def _processor_facts() -> tuple[str, set[str]]:
    """The processor's name and its features, spelt as Linux does."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, timeout=2).stdout.strip(), set()
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))
    }
    flags = facts.get("flags") or facts.get("Features") or ""
    return facts.get("model name") or platform.machine(), set(flags.split())


def processor_quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the control group at `cgroup` may take; None where it sets no limit."""
    try:
        if (cgroup / "cpu.max").exists():  # version 2
            most, period = (cgroup / "cpu.max").read_text().split()
        else:
            most = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
    except (OSError, ValueError):
        return None
    return None if most in ("max", "-1") else int(most) / int(period)


def memory_limit(cgroup: Path) -> int | None:
    """Bytes that the control group at `cgroup` may hold; None where it sets no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = (cgroup / name).read_text().strip()
        except OSError:
            continue
        # Version 1 writes "no limit" as a number larger than any machine.
        return int(limit) if limit.isdigit() and int(limit) < 2**60 else None
    return None


def memory() -> Finding:
    """Memory in all, free now, and the container's limit."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = available = os.sysconf("SC_PHYS_PAGES") * page
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # macOS: all that can be said is how much there is
        pass
    found = f"{in_gigabytes(total)}, {in_gigabytes(available)} free"
    limit = memory_limit(CGROUP)
    if limit is not None and limit < total:
        found += f", the container is given {in_gigabytes(limit)}"
        available = min(available, limit)
    if available < LITTLE_MEMORY:
        mend = "Close other programs, or set GPU_TRANSCRIBER_BATCH_SIZE=1: this is little."
        return Finding("memory", "note", found, mend)
    return Finding("memory", "ok", found)


def terminal(output: str | None, files: str) -> Finding:
    """Whether å, ä and ö can be printed and be in a file's name, by the encodings of `output` and of `files`."""
    found = (
        f"prints {output or 'nothing'}, names files in {files} (locale {locale.setlocale(locale.LC_CTYPE)})"
    )
    if {(output or "utf-8").lower().replace("-", ""), files.lower().replace("-", "")} == {"utf8"}:
        return Finding("terminal", "ok", found)
    return Finding("terminal", "note", found, "Set a UTF-8 locale, such as `export LC_ALL=C.UTF-8`.")
