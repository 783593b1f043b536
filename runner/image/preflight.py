"""What would stop a long build, found out before it: side by side, all of it told, in under ten seconds."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from runner.cloud.account import Account
from runner.cloud.base_image import newest_image
from runner.cloud.quotas import gpu_quota, vcpus
from runner.door.folders import nearest
from runner.door.side_by_side import side_by_side
from runner.errors import CannotStart, TranscriberError
from runner.image.host import PLATFORMS, Host, Look
from runner.image.order import BUILDS
from runner.image.packer import environment, satisfies
from runner.image.plan import Plan
from runner.image.validation import validate
from runner.image.wheel import build_wheel
from runner.screen.tables import in_gigabytes

PATIENCE = 9.0  # seconds for everything
GPU_TYPES = re.compile(r"(g\d|vt)")
LOCAL_ROOM = 1_000_000_000  # bytes: the wheel, logs, what is fetched from the machine
ROOM = {True: 18_000_000_000, False: 8_000_000_000}  # bytes on the machine, with a GPU and without


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: a few words where all is well, a sentence with what to do where it is not."""

    name: str
    passed: bool
    text: str


Check = Callable[[], str]  # returns what it found; raises TranscriberError with what to do


def checks(plan: Plan, wheel_folder: Path) -> list[tuple[str, Check]]:
    """The checks for a build, each with its name, in the order in which they are told."""
    common: list[tuple[str, Check]] = [
        ("versions of Packer", lambda: packer(plan)),
        ("variables", lambda: validate(plan, wheel_folder, PATIENCE)),
        ("Ansible", ansible),
        ("lock", lambda: lock(plan)),
        ("model", lambda: model(plan)),
        ("disk", lambda: disk(BUILDS)),
        ("wheel", lambda: build_wheel(wheel_folder).name),
    ]
    if plan.gpu and (plan.host is None or plan.order.take_over or plan.order.disposable):
        common.insert(0, ("kernel and driver", lambda: kernel_and_driver(plan)))
    if plan.host is not None:
        seen = [("machine", partial(machine, plan.host, plan.look, gpu=plan.gpu))] if plan.look else []
        return [*seen, *common]
    return [
        ("credentials", lambda: credentials(plan.region)),
        ("quota", lambda: quota(plan)),
        ("base image", lambda: base_image(plan)),
        *common,
    ]


def examine(checks: Sequence[tuple[str, Check]], begun: float | None = None) -> list[Finding]:
    """Do all of them side by side; one that has not answered PATIENCE seconds after the beginning has failed."""
    end = (time.monotonic() if begun is None else begun) + PATIENCE
    slow = f"There was no answer in {PATIENCE:.0f} s: check the network, then run this again."
    found = side_by_side([partial(_find, name, check) for name, check in checks], end)
    return [finding or Finding(name, False, slow) for (name, _), finding in zip(checks, found, strict=True)]


def credentials(region: str) -> str:
    """Whose account it is."""
    who = Account(region).identity()
    return f"account {who.account}, {who.arn.rpartition(':')[2]}"


def quota(plan: Plan) -> str:
    """Whether the market that the build buys in lets one machine of its type run."""
    account = Account(plan.region)
    kind = plan.template.value("instance_type", plan.order.variables)
    if not GPU_TYPES.match(kind):
        return f"{kind} is none of the families G and VT"
    market = "spot" if plan.template.spot(plan.order.variables) else "on-demand"
    found, needed = gpu_quota(account, market), vcpus(account, kind)
    if found.vcpus >= needed:
        return f"{found.vcpus} vCPU {market}"
    raise CannotStart(
        f"The {market} quota for G and VT machines in {plan.region} is {found.vcpus} vCPU, and {kind} needs {needed}: "
        "ask for more (it takes hours to days) with aws service-quotas request-service-quota-increase "
        f"--service-code ec2 --quota-code {found.code} --desired-value {needed} --region {plan.region}"
    )


def base_image(plan: Plan) -> str:
    """The image that the build will start from."""
    owners = plan.template.values("source_ami_owners", plan.order.variables)
    name = plan.template.value("source_ami_name", plan.order.variables)
    found = newest_image(Account(plan.region), owners=owners, name=name)
    if found is None:
        raise CannotStart(
            f"No image named {name} of {', '.join(owners)} is in {plan.region}: choose another --region, or name "
            "another base image by --var source_ami_name=…."
        )
    return f"{found.id}, {found.name.rpartition('/')[2]}"


def kernel_and_driver(plan: Plan) -> str:
    """Whether the driver is known to build on the kernel."""
    versions = plan.versions
    branch, flavour = versions.driver_branch, versions.driver_flavour
    pair = f"kernel {versions.kernel_abi}-{versions.kernel_flavour} and driver {branch} ({flavour})"
    row = versions.kernel_range(branch, flavour)
    if row is None:
        known = ", ".join(f"{row.driver} {row.flavour}" for row in versions.kernel_ranges)
        raise CannotStart(f"No kernel is known for driver {branch} ({flavour}); versions.yml knows {known}.")
    if not row.holds(versions.kernel_abi):
        raise CannotStart(
            f"{pair[0].upper()}{pair[1:]} do not go together: set kernel_abi in versions.yml between {row.first} and "
            f"{row.last}."
        )
    seen = "seen to build" if versions.kernel_abi in row.built else "(unproven)"
    return f"{pair}: {seen}"


def packer(plan: Plan) -> str:
    """Packer and the plugins that the template asks for; those not there yet are fetched by `packer init`."""
    found = plan.packer.packer()
    wanted = plan.template.packer
    if not satisfies(found.version, wanted):
        raise CannotStart(
            f"{found.path} is Packer {found.version}, and the template needs {wanted}: install a newer one, or name "
            "it in GPU_TRANSCRIBER_PACKER."
        )
    have = plan.packer.plugins() if plan.template.plugins else {}
    told = [f"Packer {found.version}"]
    for source, versions in plan.template.plugins.items():
        serving = [version for version in have.get(source, []) if satisfies(version, versions)]
        name = source.rpartition("/")[2]
        told.append(f"{name} {serving[-1]}" if serving else f"{name} {versions} to be fetched")
    return ", ".join(told)


def ansible() -> str:
    """Whether Packer will find Ansible beside us."""
    from importlib.metadata import version

    path = shutil.which("ansible-playbook", path=environment()["PATH"])
    if path is None:
        raise CannotStart(
            "ansible-playbook is missing though its package is installed: delete .venv and run this again."
        )
    return f"ansible-core {version('ansible-core')}"


def lock(plan: Plan) -> str:
    """Whether the machine's Python packages are locked in this flavour."""
    path = plan.versions.lock(plan.flavour, plan.look.distribution if plan.look else "ubuntu")
    if path.is_file():
        return path.name
    name = path.name.partition("-")[0]
    raise CannotStart(
        f"There is no lock {path.name}: on a machine that reaches PyTorch's own index run .venv/bin/python -m "
        f"runner.image.locks {name}, and commit what it writes."
    )


def model(plan: Plan) -> str:
    """Whether the model's revision is known, so that the image can be held to it."""
    if plan.model == plan.versions.model and plan.versions.model_revision is None:
        raise CannotStart(
            f"No revision of {plan.model} is in versions.yml: on a machine that reaches the hub run .venv/bin/python "
            "-m runner.machine.pin, and commit what it writes; or build with --model FOLDER or --model demonstration."
        )
    return plan.model


def disk(folder: Path) -> str:
    """Room for what a build leaves here."""
    place = nearest(folder)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise CannotStart(
            f"{place} cannot hold what a build leaves ({error.strerror}): make it a folder."
        ) from error
    if free < LOCAL_ROOM:
        raise CannotStart(f"{place} has {in_gigabytes(free)} free, and a build leaves up to 1 GB: free some.")
    return f"{in_gigabytes(free)} free"


def machine(host: Host, seen: Look, *, gpu: bool) -> str:
    """Whether the machine is one that can be set up as asked."""
    problems = []
    if seen.platform not in PLATFORMS:
        problems.append(f"runs {' '.join(seen.platform)}, and {' and '.join(PLATFORMS.values())} are known")
    if seen.machine != "x86_64":
        problems.append(f"is {seen.machine}, and the image's packages are for x86_64")
    if not seen.sudo:
        problems.append(
            f"asks {host.user} for a password at sudo: let it be without one (NOPASSWD in /etc/sudoers.d)"
        )
    if seen.free < ROOM[gpu]:
        problems.append(f"has {in_gigabytes(seen.free)} free for /opt, and needs {in_gigabytes(ROOM[gpu])}")
    if gpu and not seen.gpus:
        problems.append("has no NVIDIA GPU: add --cpu")
    if problems:
        raise CannotStart(f"{host.named} {'; it '.join(problems)}.")
    return f"{PLATFORMS[seen.platform]}, {in_gigabytes(seen.free)} free"


def distinct(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, what fails for one and the same reason told once."""
    told: set[str] = set()
    kept = []
    for finding in findings:
        if finding.passed or finding.text not in told:
            kept.append(finding)
        if not finding.passed:
            told.add(finding.text)
    return kept


def _find(name: str, check: Check) -> Finding:
    try:
        return Finding(name, True, check())
    except TranscriberError as error:
        return Finding(name, False, str(error))
    except Exception as error:  # noqa: BLE001 - one check that breaks must not hide what the others found
        fault = f"This could not be examined ({type(error).__name__}: {error}): please report it."
        return Finding(name, False, fault)
