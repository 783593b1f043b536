"""Debian packages: whole, from where they should be, held where they must be, and updated by nobody at night."""

from __future__ import annotations

import re

import pytest

from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.ours]

# Whose files are compared with what the package brought: what an intruder changes first.
GUARDS = (
    "openssh-server", "sudo", "systemd", "libpam-modules", "libpam-runtime", "login", "passwd", "coreutils",
    "util-linux", "libc6", "libc-bin", "bash", "dash", "apt", "dpkg", "iproute2", "nftables",
)  # fmt: skip
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
MAY_BE_HELD = re.compile(
    r"(linux-(image|headers|modules|modules-extra|aws|tools)|nvidia-|libnvidia-|cuda-|libcudnn|libcublas|xserver-xorg-video-nvidia)"
)
ORIGINS = re.compile(
    r"https?://([\w.-]+\.)?(debian\.org|ubuntu\.com|amazonaws\.com|developer\.download\.nvidia\.com)(:\d+)?/"
)


def test_every_package_is_wholly_installed(machine: Machine) -> None:
    assert machine.says("dpkg --audit") == ""
    odd = machine.found("dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | grep -Ev '^(ii|hi|rc|un|pn) '")
    assert odd == []


def test_no_package_lacks_what_it_depends_on(machine: Machine) -> None:
    check = machine.run("apt-get check -qq")
    assert check.rc == 0, check.stderr


@pytest.mark.security
def test_programs_that_guard_the_machine_are_as_their_packages_brought_them(machine: Machine) -> None:
    present = machine.lines("dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '/^[ih]i/{print $2}'")
    guards = [name for name in GUARDS if name in present]
    assert len(guards) > 10
    changed = machine.run(f"dpkg --verify {' '.join(guards)}").stdout.splitlines()
    # A configuration file (c) is ours to set; its content is checked where it matters.
    assert [line for line in changed if line.split()[1] != "c" and "/usr/share/" not in line] == []


@pytest.mark.security
def test_every_source_of_packages_is_signed(machine: Machine) -> None:
    sources = machine.says("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true")
    assert not re.search(r"trusted\s*[=:]\s*(yes|true)|allow-insecure\s*[=:]\s*(yes|true)", sources, re.I)
    assert not re.search(r"^\s*deb(-src)?\s.*\[.*signed-by=/(tmp|home|root)", sources, re.M)
    settings = machine.says("apt-config dump")
    for name in (
        "AllowUnauthenticated",
        "AllowInsecureRepositories",
        "AllowWeakRepositories",
        "AllowDowngradeToInsecureRepositories",
    ):
        assert not re.search(rf'::{name} "(1|true|yes)"', settings, re.I), name


@pytest.mark.security
def test_packages_come_only_from_the_distribution_and_nvidia(machine: Machine) -> None:
    sources = machine.found("cat /etc/apt/sources.list /etc/apt/sources.list.d/*")
    active = [line for line in sources if re.match(r"(deb|deb-src|URIs:)\s", line)]
    addresses = [word for line in active for word in line.split() if "://" in word]
    strangers = [address for address in addresses if not ORIGINS.match(address.rstrip("/") + "/")]
    assert strangers == []


@pytest.mark.security
def test_keys_that_vouch_for_packages_are_roots(machine: Machine) -> None:
    places = "/etc/apt/trusted.gpg.d /etc/apt/keyrings /usr/share/keyrings"
    loose = machine.found(f"find {places} -type f \\( -not -user root -o -perm /022 \\)")
    assert loose == []


def test_nothing_is_held_that_should_not_be(machine: Machine) -> None:
    held = machine.lines("apt-mark showhold")
    assert [name for name in held if not MAY_BE_HELD.match(name)] == []


@pytest.mark.gpu
def test_no_upgrade_touches_kernel_driver_or_cuda(machine: Machine) -> None:
    plan = machine.says("apt-get -s -qq dist-upgrade")
    touched = [line for line in plan.splitlines() if line.startswith(("Inst", "Remv"))]
    assert [line for line in touched if MAY_BE_HELD.match(line.split()[1])] == []


@pytest.mark.parametrize("timer", TIMERS)
def test_timer_that_changes_packages_at_night_is_masked(machine: Machine, timer: str) -> None:
    assert machine.run("systemctl is-enabled %s", timer).stdout.strip() == "masked"


def test_unattended_upgrades_are_off(machine: Machine) -> None:
    state = machine.run("systemctl is-enabled unattended-upgrades.service").stdout.strip()
    assert state in ("", "masked", "disabled", "not-found")
    settings = machine.says("apt-config dump")
    assert not re.search(r'^APT::Periodic::Unattended-Upgrade "[1-9]', settings, re.M)


def test_there_is_no_snapd(machine: Machine) -> None:
    assert not machine.host.package("snapd").is_installed
    assert machine.run("systemctl is-active snapd.service snapd.socket").stdout.split().count("active") == 0


def test_apt_asks_nobody_for_a_proxy(machine: Machine) -> None:
    """A proxy of the machine that built the image is not there for those who start it."""
    assert not re.search(r'^Acquire::\w+::Proxy "[^"]', machine.says("apt-config dump"), re.M)


def test_no_package_waits_to_be_configured(machine: Machine) -> None:
    assert machine.lines("ls -A /var/lib/dpkg/updates") == []
    assert machine.run("fuser /var/lib/dpkg/lock-frontend 2>/dev/null").stdout.strip() == ""
