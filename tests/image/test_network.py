"""What listens, what the firewall lets in, and what the kernel does with packets."""

from __future__ import annotations

import re

import pytest

from . import allowed
from .machine import USER, Machine

pytestmark = [pytest.mark.static, pytest.mark.security, pytest.mark.ours]

FIREWALL = "transcribe-firewall.service"


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


def test_firewall_lets_in_nothing_that_it_was_not_told(machine: Machine) -> None:
    rules = machine.probe("firewall")
    assert rules["input"], "nothing filters what comes in"
    assert set(rules["input"].values()) == {"drop"}
    assert set(rules["ports"]) <= allowed.OPENED
    assert "tcp/22" in rules["ports"]
    assert not rules["everything"], "a rule lets everything in"


def test_nothing_is_forwarded_through_the_machine(machine: Machine) -> None:
    names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    shut = set(machine.probe("sysctl", *names).values()) == {"0"}
    assert shut or set(machine.probe("firewall")["forward"].values()) == {"drop"}


def test_who_hears_recordings_cannot_ask_for_the_machines_credentials(machine: Machine) -> None:
    """The metadata server gives AWS credentials to whoever asks on the machine."""
    command = f"setpriv --reuid={USER} --regid={USER} --clear-groups python3 -c %s"
    ask = "import socket; socket.create_connection(('169.254.169.254', 80), timeout=3)"
    asked = machine.run(command, ask)
    assert "Connection refused" in asked.stderr, asked.stderr or "it answered"


@pytest.mark.boot
def test_firewall_is_there_after_a_start(machine: Machine) -> None:
    assert machine.host.service(FIREWALL).is_enabled
    assert machine.says("systemctl show %s --property=Result,ActiveState --value", FIREWALL).split() == [
        "success",
        "active",
    ]


@pytest.mark.parametrize("name", allowed.SYSCTL_NET)
def test_network_setting_is_in_effect(machine: Machine, name: str) -> None:
    assert machine.probe("sysctl", *allowed.SYSCTL_NET)[name] == allowed.SYSCTL_NET[name]


@pytest.mark.needs_machine("own sysctl")
@pytest.mark.parametrize("name", allowed.SYSCTL_KERNEL)
def test_kernel_setting_is_in_effect(machine: Machine, name: str) -> None:
    assert machine.probe("sysctl", *allowed.SYSCTL_KERNEL)[name] == allowed.SYSCTL_KERNEL[name]


def test_kernel_settings_will_be_in_effect_after_a_start(machine: Machine) -> None:
    files = "/etc/sysctl.conf /etc/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf"
    text = machine.says(f"systemd-analyze cat-config sysctl.d 2>/dev/null || cat {files} 2>/dev/null || true")
    last = {
        name.replace("/", "."): value
        for name, value in re.findall(r"^\s*-?([\w./*-]+)\s*=\s*(\S+)", text, re.M)
    }
    wanted = {**allowed.SYSCTL_NET, **allowed.SYSCTL_KERNEL}
    assert {name: last.get(name) for name in wanted if last.get(name) != wanted[name]} == {}
