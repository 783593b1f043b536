"""What an intruder would change or leave, and what would help one."""

from __future__ import annotations

import pytest

from . import allowed
from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.security, pytest.mark.ours]

PROGRAMS = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/lib", "/usr/local/lib", "/etc/ld.so.conf.d",
    "/etc/profile.d",
)  # fmt: skip
PACKAGED = (
    "/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/usr/lib/tmpfiles.d", "/usr/lib/udev/rules.d",
    "/usr/lib/x86_64-linux-gnu/security",
)  # fmt: skip
LOADING = (
    "/etc/environment /etc/profile /etc/profile.d /etc/systemd /etc/pam.d"  # where an environment is set
)
OPEN_FILES = 65536  # at least, by one process: many recordings at once need many
CRON = "/etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly"


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


def test_every_program_and_unit_of_the_system_came_with_a_package(machine: Machine) -> None:
    assert machine.probe("unpackaged", *PACKAGED) == []


def test_no_library_is_loaded_into_every_program(machine: Machine) -> None:
    assert machine.run("cat /etc/ld.so.preload").stdout.strip() == ""
    assert machine.found(f"grep -rsE 'LD_(PRELOAD|AUDIT)' {LOADING}") == []


def test_no_job_runs_by_the_clock_that_no_package_brought(machine: Machine) -> None:
    jobs = machine.found(f"find {CRON} -type f -not -name .placeholder")
    assert set(jobs) - allowed.CRON == set()
    assert machine.found("find /var/spool/cron /var/spool/at -type f -not -name .SEQ") == []
    timers = machine.found("find /etc/systemd/system -path '*.wants/*.timer' -printf '%f\\n'")
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
    assert machine.probe("tree")["trusting"] == []


def test_no_program_writes_its_memory_to_the_disk(machine: Machine) -> None:
    """A core dump would put somebody's speech there."""
    limits = _limits(machine)
    assert (limits.get("* hard core"), limits.get("root hard core")) == ("0", "0")  # of who logs in
    assert machine.says("systemctl show --property=DefaultLimitCORE --value") == "0"  # of services


@pytest.mark.parametrize("kind", ["soft", "hard"])
@pytest.mark.parametrize("who", ["*", "root"])
def test_many_files_are_allowed_to_whoever_logs_in(machine: Machine, who: str, kind: str) -> None:
    assert int(_limits(machine).get(f"{who} {kind} nofile", 0)) >= OPEN_FILES


@pytest.mark.parametrize("name", ["DefaultLimitNOFILE", "DefaultLimitNOFILESoft"])
def test_many_files_are_allowed_to_every_service(machine: Machine, name: str) -> None:
    assert int(machine.says("systemctl show --property=%s --value", name)) >= OPEN_FILES


@pytest.mark.needs_machine("raised limits")
def test_who_logs_in_can_open_many_files(machine: Machine) -> None:
    """A login of its own: what the settings say must also have come about."""
    soft, hard = machine.lines("su --login root --command 'ulimit -Sn; ulimit -Hn'")
    assert min(int(soft), int(hard)) >= OPEN_FILES


def _limits(machine: Machine) -> dict[str, str]:
    """The limits of log-ins as set, by whose, which kind and of what; of a limit set twice the last counts."""
    lines = machine.lines("cat /etc/security/limits.conf /etc/security/limits.d/*.conf")
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {" ".join(row[:3]): row[3] for row in rows if len(row) == 4}


@pytest.mark.on("ubuntu")
@pytest.mark.needs_machine("own kernel")
def test_apparmor_is_on(machine: Machine) -> None:
    assert machine.read("/sys/module/apparmor/parameters/enabled") == "Y"
