"""Who may do what: accounts, rights, listening programs, the firewall, and what an intruder would leave."""

from __future__ import annotations

import re

import pytest

from . import allowed
from .machine import USER, Machine

FIREWALL = "transcribe-firewall.service"
PROGRAMS = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/lib", "/usr/local/lib", "/etc/ld.so.conf.d",
    "/etc/profile.d",
)  # fmt: skip
LOADING = (
    "/etc/environment /etc/profile /etc/profile.d /etc/systemd /etc/pam.d"  # where an environment is set
)
CRON = "/etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly"
TRUSTING = "-name .rhosts -o -name .shosts -o -name hosts.equiv -o -name shosts.equiv"

pytestmark = [pytest.mark.static, pytest.mark.security]


def _accounts(machine: Machine) -> list[list[str]]:
    return [line.split(":") for line in machine.lines("getent passwd")]


def _effective(machine: Machine, names: list[str]) -> dict[str, str]:
    shown = machine.run("sysctl -e " + " ".join(names)).stdout
    return dict(re.findall(r"^(\S+) = (\S+)", shown, re.M))


def test_no_account_has_a_password(machine: Machine) -> None:
    rows = [line.split(":") for line in machine.lines("getent shadow")]
    assert [name for name, secret, *_ in rows if not secret.startswith(("!", "*"))] == []


def test_only_root_is_root(machine: Machine) -> None:
    assert [row[0] for row in _accounts(machine) if row[2] == "0"] == ["root"]


def test_no_account_of_the_system_has_a_shell(machine: Machine) -> None:
    shells = ("/nologin", "/false", "/sync")
    loose = [
        row[0]
        for row in _accounts(machine)
        if int(row[2]) not in range(1000, 60_000) and not row[6].endswith(shells)
    ]
    assert loose == ["root"]


@pytest.mark.ours
def test_there_is_one_person_and_it_is_the_administrator(machine: Machine) -> None:
    people = [row[0] for row in _accounts(machine) if int(row[2]) in range(1000, 60_000)]
    assert len(people) == 1, people
    assert people[0] in ("ubuntu", "admin", "debian", machine.says("echo ${SUDO_USER:-root}"))


def test_files_of_accounts_are_closed(machine: Machine) -> None:
    found = dict(
        line.split(" ", 1)[::-1]
        for line in machine.lines("stat -c '%U:%G:%a %n' /etc/passwd /etc/group /etc/shadow /etc/gshadow")
    )
    assert (found["/etc/passwd"], found["/etc/group"]) == ("root:root:644", "root:root:644")
    assert {found["/etc/shadow"], found["/etc/gshadow"]} <= {
        "root:shadow:640",
        "root:root:600",
        "root:root:640",
    }


def test_rules_of_sudo_are_sound_and_roots(machine: Machine) -> None:
    check = machine.run("visudo -c")
    assert check.rc == 0, check.stdout + check.stderr
    assert machine.lines("find /etc/sudoers /etc/sudoers.d \\( -not -user root -o -perm /022 \\)") == []


@pytest.mark.ours
def test_only_the_administrator_may_become_root_without_a_password(machine: Machine) -> None:
    rules = machine.found(
        "cat /etc/sudoers /etc/sudoers.d/* | grep -E 'NOPASSWD|!authenticate' | grep -v '^ *#'"
    )
    people = {row[0] for row in _accounts(machine) if int(row[2]) in range(1000, 60_000)}
    assert {rule.split()[0] for rule in rules} <= people


def test_nothing_listens_that_should_not(machine: Machine) -> None:
    found = {
        (row["protocol"], row["port"], row["program"])
        for row in machine.probe("sockets")
        if not row["loopback"]
    }
    served = {("tcp", allowed.API_PORT, "gpu-transcriber"), ("tcp", allowed.API_PORT, "python")}
    assert found - allowed.LISTENING - served == set()


def test_nothing_listens_on_loopback_that_should_not(machine: Machine) -> None:
    """A plain user of the machine, and a request forged on the server's side, reach loopback."""
    found = {
        (row["protocol"], row["port"], row["program"]) for row in machine.probe("sockets") if row["loopback"]
    }
    assert found - allowed.LISTENING_ON_LOOPBACK == set()


@pytest.mark.ours
def test_firewall_lets_in_nothing_that_it_was_not_told(machine: Machine) -> None:
    rules = machine.probe("firewall")
    assert rules["input"], "nothing filters what comes in"
    assert set(rules["input"].values()) == {"drop"}
    assert set(rules["ports"]) <= allowed.OPENED
    assert "tcp/22" in rules["ports"]
    assert not rules["everything"], "a rule lets everything in"


@pytest.mark.ours
def test_nothing_is_forwarded_through_the_machine(machine: Machine) -> None:
    names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    shut = set(machine.probe("sysctl", *names).values()) == {"0"}
    assert shut or set(machine.probe("firewall")["forward"].values()) == {"drop"}


@pytest.mark.ours
def test_who_hears_recordings_cannot_ask_for_the_machines_credentials(machine: Machine) -> None:
    """The metadata server gives AWS credentials to whoever asks on the machine."""
    command = f"setpriv --reuid={USER} --regid={USER} --clear-groups python3 -c %s"
    ask = "import socket; socket.create_connection(('169.254.169.254', 80), timeout=3)"
    asked = machine.run(command, ask)
    assert "Connection refused" in asked.stderr, asked.stderr or "it answered"


@pytest.mark.ours
@pytest.mark.boot
def test_firewall_is_there_after_a_start(machine: Machine) -> None:
    assert machine.host.service(FIREWALL).is_enabled
    assert machine.says("systemctl show %s --property=Result,ActiveState --value", FIREWALL).split() == [
        "success",
        "active",
    ]


@pytest.mark.ours
@pytest.mark.parametrize("name", allowed.SYSCTL_NET)
def test_network_setting_is_in_effect(machine: Machine, name: str) -> None:
    assert machine.probe("sysctl", *allowed.SYSCTL_NET)[name] == allowed.SYSCTL_NET[name]


@pytest.mark.ours
@pytest.mark.needs_machine("own sysctl")
@pytest.mark.parametrize("name", allowed.SYSCTL_KERNEL)
def test_kernel_setting_is_in_effect(machine: Machine, name: str) -> None:
    assert machine.probe("sysctl", *allowed.SYSCTL_KERNEL)[name] == allowed.SYSCTL_KERNEL[name]


@pytest.mark.ours
def test_kernel_settings_will_be_in_effect_after_a_start(machine: Machine) -> None:
    files = "/etc/sysctl.conf /etc/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf"
    text = machine.says(f"systemd-analyze cat-config sysctl.d 2>/dev/null || cat {files} 2>/dev/null || true")
    last = {
        name.replace("/", "."): value
        for name, value in re.findall(r"^\s*-?([\w./*-]+)\s*=\s*(\S+)", text, re.M)
    }
    wanted = {**allowed.SYSCTL_NET, **allowed.SYSCTL_KERNEL}
    assert {name: last.get(name) for name in wanted if last.get(name) != wanted[name]} == {}


def test_only_known_programs_run_with_anothers_rights(machine: Machine) -> None:
    assert sorted(set(machine.probe("tree")["setuid"]) - allowed.SETUID) == []


def test_only_known_programs_have_capabilities(machine: Machine) -> None:
    assert sorted(set(machine.probe("tree")["capable"]) - allowed.CAPABLE) == []


def test_no_file_can_be_written_by_everybody(machine: Machine) -> None:
    assert machine.probe("tree")["writable_files"] == []


def test_no_folder_can_be_written_by_everybody_unless_each_keeps_his_own(machine: Machine) -> None:
    assert machine.probe("tree")["writable_folders"] == []


def test_every_file_belongs_to_somebody(machine: Machine) -> None:
    assert machine.probe("tree")["unowned"] == []


def test_folders_that_programs_are_looked_for_in_are_roots(machine: Machine) -> None:
    folders = " ".join(PROGRAMS)
    assert (
        machine.lines(f"find {folders} -maxdepth 1 -not -type l \\( -not -user root -o -perm /002 \\)") == []
    )
    assert machine.lines("find /usr/local/sbin /usr/local/bin -mindepth 1") == []


def test_no_library_is_loaded_into_every_program(machine: Machine) -> None:
    assert machine.run("cat /etc/ld.so.preload").stdout.strip() == ""
    assert machine.found(f"grep -rsE 'LD_(PRELOAD|AUDIT)' {LOADING}") == []


def test_no_job_runs_by_the_clock_that_no_package_brought(machine: Machine) -> None:
    jobs = machine.found(f"find {CRON} -type f -not -name .placeholder")
    assert set(jobs) - allowed.CRON == set()
    assert machine.found("find /var/spool/cron /var/spool/at -type f -not -name .SEQ") == []
    timers = machine.lines(
        "systemctl list-unit-files --type=timer --state=enabled --no-legend | awk '{print $1}'"
    )
    assert set(timers) - allowed.TIMERS == set()


def test_no_unit_was_added_but_ours(machine: Machine) -> None:
    """A unit in /etc that is a file: a package puts its own in /usr/lib and links to it."""
    units = machine.lines("find /etc/systemd/system -maxdepth 1 -type f -size +0 -printf '%f\\n'")
    assert {
        unit for unit in units if unit.endswith((".service", ".socket", ".timer", ".path"))
    } - allowed.UNITS == set()
    assert machine.found("find /run/systemd/system /usr/local/lib/systemd -type f -name '*.service'") == []


def test_no_shell_of_root_waits_on_a_console(machine: Machine) -> None:
    for unit in ("debug-shell.service", "rescue.service", "emergency.service"):
        assert machine.run("systemctl is-enabled %s", unit).stdout.strip() != "enabled", unit
        assert machine.run("systemctl is-active %s", unit).stdout.strip() != "active", unit
    lines = machine.says(
        "systemctl cat 'getty@tty1.service' 'serial-getty@ttyS0.service' console-getty.service 2>/dev/null || true"
    )
    assert "--autologin" not in lines


def test_no_host_is_trusted_by_its_name(machine: Machine) -> None:
    assert machine.found(f"find / -xdev \\( {TRUSTING} \\)") == []


@pytest.mark.ours
def test_no_program_writes_its_memory_to_the_disk(machine: Machine) -> None:
    """A core dump would put somebody's speech there."""
    assert machine.says("su -s /bin/bash nobody -c 'ulimit -Hc'") == "0"
    assert machine.says("systemctl show --property=DefaultLimitCORE --value") == "0"


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_apparmor_is_on(machine: Machine) -> None:
    assert machine.read("/sys/module/apparmor/parameters/enabled") == "Y"
