"""How the machine started: whole, without an error, with the right time, and again after the next start."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest

from .conftest import Measure
from .machine import Machine

pytestmark = pytest.mark.boot

# Errors that say nothing of this machine, each with the reason why it is let pass.
EXCUSED = re.compile(
    r"""
      pam_systemd.*Failed\ to\ create\ session                                    # a container without logind's cgroup
    | sshd.*:\ (error|fatal):\ (kex_exchange_identification|Timeout\ before\ authentication|maximum\ authentication)
    | sshd.*:\ error:\ (PAM:\ |kex_protocol_error|Protocol\ major\ versions)      # strangers at the door
    | sshd.*:\ (fatal|error):\ (Unable\ to\ negotiate|ssh_dispatch_run_fatal|Read\ error|beginning\ MaxStartups)
    """,
    re.VERBOSE,
)


# On a machine that stays its owner's only our own units are looked at.
UNITS = "transcribe-*"
IN_JOURNAL = "-u transcribe-preread.service -u transcribe-api.service -u 'transcribe-batch@*'"


def test_system_runs_and_no_unit_has_failed(machine: Machine) -> None:
    which = "" if machine.ours else f" '{UNITS}'"
    assert machine.lines(f"systemctl --failed --no-legend --plain list-units{which}") == []
    if machine.ours:
        assert machine.run("systemctl is-system-running --wait").stdout.strip() == "running"


def test_journal_has_no_error_since_the_start(machine: Machine) -> None:
    kernel = "" if not machine.facts.container else "_TRANSPORT=syslog _TRANSPORT=journal _TRANSPORT=stdout"
    which = "" if machine.ours else IN_JOURNAL
    errors = machine.lines(f"journalctl -b -q -p err --no-pager -o short {which} {kernel}")
    assert [line for line in errors if not EXCUSED.search(line)][:10] == []


@pytest.mark.ours
@pytest.mark.needs_machine("own kernel")
def test_kernel_met_no_fault_since_the_start(machine: Machine) -> None:
    pattern = "Oops|BUG:|Call Trace|Out of memory|I/O error|segfault|soft lockup|hung_task"
    assert machine.found(f"journalctl -b -k -q --no-pager -g '{pattern}'") == []


def test_no_program_was_killed_for_want_of_memory_or_crashed(machine: Machine) -> None:
    pattern = "Main process exited, code=dumped|A process of this unit has been killed by the OOM killer"
    which = "" if machine.ours else IN_JOURNAL
    assert machine.found(f"journalctl -b -q --no-pager {which} _PID=1 -g '{pattern}'") == []


@pytest.mark.ours
def test_machine_has_been_restarted_since_it_was_set_up(machine: Machine) -> None:
    """What was installed is only proven by a start from the disk."""
    if not machine.declared["disposable"]:
        return  # a machine that somebody owns is restarted when its owner likes
    started = int(machine.says('date -d "$(systemctl show --property=UserspaceTimestamp --value)" +%s'))
    built = datetime.fromisoformat(machine.declared["built_at"].replace("Z", "+00:00"))
    assert datetime.fromtimestamp(started, timezone.utc) > built


@pytest.mark.ours
def test_nothing_waits_for_a_restart(machine: Machine) -> None:
    assert not machine.host.file("/run/reboot-required").exists
    assert not machine.host.file("/var/run/reboot-required.pkgs").exists


@pytest.mark.ours
def test_machine_starts_without_a_screen(machine: Machine) -> None:
    assert machine.says("systemctl get-default") == "multi-user.target" or machine.facts.container
    assert machine.run("systemctl is-active display-manager.service").stdout.strip() != "active"


@pytest.mark.ours
def test_ssh_is_there_after_a_start(machine: Machine) -> None:
    states = {
        machine.run("systemctl is-enabled %s", unit).stdout.strip() for unit in ("ssh.service", "ssh.socket")
    }
    assert "enabled" in states


@pytest.mark.ours
def test_time_service_is_enabled_and_the_only_one(machine: Machine) -> None:
    units = ("chrony.service", "systemd-timesyncd.service", "ntp.service", "ntpsec.service")
    states = {unit: machine.run("systemctl is-enabled %s", unit).stdout.strip() for unit in units}
    enabled = [unit for unit, state in states.items() if state in ("enabled", "alias")]
    assert enabled == ["chrony.service"]


@pytest.mark.ours
@pytest.mark.needs_machine("own clock")
def test_time_is_synchronised(machine: Machine) -> None:
    assert machine.says("timedatectl show --property=NTPSynchronized --value") == "yes"
    offset = re.search(r"System time\s*:\s*([\d.]+) seconds", machine.says("chronyc -n tracking"))
    assert offset, "chrony tells no offset"
    assert float(offset[1]) < 0.5, (
        "signatures of requests to AWS fail at five minutes, logs mislead at half a second"
    )


@pytest.mark.ours
def test_clock_is_in_utc(machine: Machine) -> None:
    assert machine.says("date +%Z") == "UTC"
    assert machine.says("readlink -f /etc/localtime").endswith("/UTC")


@pytest.mark.ours
def test_machine_knows_its_own_name(machine: Machine) -> None:
    """Else every sudo waits for a name server."""
    assert machine.run("getent hosts $(hostname)").rc == 0


@pytest.mark.on("ubuntu")
@pytest.mark.ours
@pytest.mark.needs_machine("EC2")
def test_cloud_init_asks_ec2_and_nobody_else(machine: Machine) -> None:
    """What is in effect: cloud-init's own look at the machine comes last and narrows the distribution's list."""
    settings = machine.says("cat /etc/cloud/cloud.cfg.d/*.cfg /run/cloud-init/cloud.cfg")
    lists = re.findall(r"^datasource_list:\s*\[(.*)\]", settings, re.M)
    assert lists
    assert set(re.findall(r"\w+", lists[-1])) <= {"Ec2", "None"}


@pytest.mark.ours
@pytest.mark.performance
@pytest.mark.needs_machine("own kernel")
def test_machine_starts_fast(machine: Machine, measure: Measure) -> None:
    shown = machine.says("systemd-analyze time")
    found = re.search(r"= (?:(\d+)min )?([\d.]+)(ms|s)", shown)
    assert found, shown
    seconds = int(found[1] or 0) * 60 + float(found[2]) / (1000 if found[3] == "ms" else 1)
    measure("start_s", round(seconds, 2))
    assert seconds < 45, (
        "of the 25 seconds to a working machine about 20 are AWS's own; this is the machine's part"
    )
