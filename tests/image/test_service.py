"""The service: a user without rights, units that are fenced in, and what comes back after a kill."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import Measure
from .machine import HOME, USER, Machine

pytestmark = pytest.mark.static

PREREAD = "transcribe-preread.service"
API = "transcribe-api.service"
BATCH = "transcribe-batch@.service"
UNITS = (PREREAD, API, BATCH)
LOG_GROUPS = {f"/aws/ec2/transcription/{name}" for name in ("api", "batch", "system")}
MOST_EXPOSED = 3.0  # of systemd-analyze security, where 10 is not fenced in at all
FENCED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "RestrictSUIDSGID": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "LockPersonality": "yes",
    "RestrictNamespaces": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
}


def _show(machine: Machine, unit: str, *names: str) -> dict[str, str]:
    instance = unit.replace("@.", "@check.")
    lines = machine.says("systemctl show %s --property=%s", instance, ",".join(names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_user_of_the_service_cannot_log_in(machine: Machine) -> None:
    user = machine.host.user(USER)
    assert user.exists
    assert user.shell in ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
    assert user.uid < 1000, "a user of a system, not a person"
    assert machine.says("getent shadow %s", USER).split(":")[1][:1] in ("!", "*")


def test_user_of_the_service_has_no_rights_of_an_administrator(machine: Machine) -> None:
    assert set(machine.host.user(USER).groups) <= {USER, "video", "render"}
    assert machine.run("sudo -n -l -U %s", USER).stdout.count("may run") == 0
    assert machine.found(f"find /home /root -name authorized_keys -user {USER}") == []


@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_roots_and_systemd_understands_it(machine: Machine, unit: str) -> None:
    assert machine.status(f"/etc/systemd/system/{unit}") == "regular file root:root 644"
    verified = machine.run(
        "systemd-analyze verify --recursive-errors=no %s",
        f"/etc/systemd/system/{unit.replace('@.', '@check.')}",
    )
    assert [line for line in verified.stderr.splitlines() if "transcribe-" in line] == []


@pytest.mark.parametrize("unit", UNITS)
def test_unit_was_changed_by_nobody_afterwards(machine: Machine, unit: str) -> None:
    shown = _show(machine, unit, "DropInPaths", "NeedDaemonReload", "FragmentPath")
    assert shown["FragmentPath"].startswith("/etc/systemd/system/transcribe-")
    assert shown["NeedDaemonReload"] == "no"
    # What a distribution drops into every service is not about ours.
    assert [path for path in shown["DropInPaths"].split() if "transcribe" in path.rpartition("/")[0]] == []


@pytest.mark.security
@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_fenced_in(machine: Machine, unit: str, measure: Measure) -> None:
    shown = machine.says("systemd-analyze security --no-pager %s | tail -1", unit.replace("@.", "@check."))
    found = re.search(r"([\d.]+) [A-Z]+", shown)
    assert found, shown
    measure(f"{unit.partition('.')[0]}_exposure", float(found[1]))
    assert float(found[1]) < MOST_EXPOSED


@pytest.mark.security
@pytest.mark.parametrize("unit", [API, BATCH])
def test_unit_that_hears_strangers_recordings_runs_without_rights(machine: Machine, unit: str) -> None:
    shown = _show(machine, unit, "User", *FENCED)
    assert shown.pop("User") == USER
    assert {name: value for name, value in shown.items() if FENCED[name] != value} == {}


@pytest.mark.boot
def test_reading_ahead_is_enabled_and_early(machine: Machine) -> None:
    assert machine.host.service(PREREAD).is_enabled
    shown = _show(machine, PREREAD, "Type", "After", "DefaultDependencies", "ExecStart")
    assert shown["Type"] == "oneshot"
    assert {"network.target", "network-online.target", "multi-user.target"} & set(
        shown["After"].split()
    ) == set()
    assert shown["DefaultDependencies"] == "no"
    assert f"{HOME}/cache/preread.list" in shown["ExecStart"]


@pytest.mark.boot
def test_reading_ahead_went_well_at_the_start(machine: Machine) -> None:
    shown = _show(
        machine, PREREAD, "Result", "ExecMainStatus", "ExecMainStartTimestampMonotonic", "ConditionResult"
    )
    assert shown["ConditionResult"] == "yes"
    assert (shown["Result"], shown["ExecMainStatus"]) == ("success", "0")
    assert int(shown["ExecMainStartTimestampMonotonic"]) > 0, "it did not run"


@pytest.mark.boot
def test_server_starts_only_where_there_is_one(machine: Machine) -> None:
    """Without the part that serves, the unit is installed and off; with it, on and running."""
    serves = machine.run(f"{HOME}/venv/bin/gpu-transcriber serve --help").rc == 0
    assert machine.host.service(API).is_enabled == serves
    assert machine.host.service(API).is_running == serves
    assert machine.says("systemctl show %s --property=Result --value", API) == "success"


def test_server_comes_back_after_a_crash(machine: Machine) -> None:
    shown = _show(machine, API, "Restart", "RestartUSec", "StartLimitIntervalUSec")
    assert shown["Restart"] in ("always", "on-failure")
    assert shown["RestartUSec"] not in ("0", "infinity")


def test_batch_goes_on_after_a_crash(machine: Machine) -> None:
    shown = _show(machine, BATCH, "Restart", "ExecStart")
    assert shown["Restart"] in ("always", "on-failure")
    assert "--resume" in shown["ExecStart"]


@pytest.mark.boot
def test_what_is_killed_is_started_again(machine: Machine) -> None:
    """SIGKILL to the one who lets people in, and to the server where it runs: systemd brings both back."""
    for victim in ("ssh.service", *([API] if machine.host.service(API).is_running else [])):
        again = f"""
            before=$(systemctl show {victim} --property=MainPID --value)
            systemctl kill --kill-who=main --signal=SIGKILL {victim}
            for _ in $(seq 50); do
                now=$(systemctl show {victim} --property=MainPID --value)
                [ "$now" != 0 ] && [ "$now" != "$before" ] && systemctl -q is-active {victim} && exit 0
                sleep 0.1
            done
            systemctl restart {victim}; exit 1"""
        assert machine.run(again).rc == 0, f"{victim} did not come back within five seconds"


@pytest.mark.security
def test_units_carry_no_secrets(machine: Machine) -> None:
    text = machine.says(
        "cat $(find /etc/systemd/system/transcribe-* -type f) /opt/transcribe/scripts/environment"
    )
    assert not re.search(r"(SECRET|TOKEN|PASSWORD|API_KEY|ACCESS_KEY)\w*\s*=\s*\S", text, re.I)


def test_product_is_told_to_stay_off_the_network(machine: Machine) -> None:
    lines = machine.lines(f"cat {HOME}/scripts/environment")
    told = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert told["HF_HUB_OFFLINE"] == "1"
    assert told["GPU_TRANSCRIBER_CACHE"] == HOME
    assert told["GPU_TRANSCRIBER_MODEL"] == machine.declared["model"]["id"]
    assert told["CUDA_CACHE_PATH"].startswith(f"{HOME}/cache/kernels/")


def test_every_log_has_its_group(machine: Machine) -> None:
    path = "/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.d/transcribe.json"
    assert (
        set(re.findall(r"/aws/ec2/transcription/\w+", json.dumps(json.loads(machine.read(path)))))
        >= LOG_GROUPS
    )


def test_journal_is_kept_over_a_start_and_bounded(machine: Machine) -> None:
    settings = machine.says("systemd-analyze cat-config systemd/journald.conf")
    last = dict(re.findall(r"^(\w+)=(\S+)", settings, re.M))
    assert last.get("Storage") == "persistent"
    assert "SystemMaxUse" in last
    assert machine.host.file("/var/log/journal").is_directory


def test_folders_for_recordings_are_the_services_and_closed_to_others(machine: Machine) -> None:
    for name in ("incoming", "results"):
        assert machine.status(f"/var/lib/transcribe/{name}") == f"directory {USER}:{USER} 2770"
