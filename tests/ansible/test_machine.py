"""The roles base, security and sysprep on a Debian 12: what they do, once, and that the machine lives on."""

from __future__ import annotations

import re
import socket

import pytest

from tests.ansible.conftest import Play
from tests.support.machines import Machine
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("machines")]


@pytest.fixture(scope="module")
def played(debian: tuple[Machine, Play]) -> Machine:
    """A machine with a password to lock and a service's user, on which both roles ran twice; then it was restarted."""
    machine, play = debian
    machine.run(
        "sudo useradd --system transcribe; sudo useradd --create-home guest; echo guest:secret | sudo chpasswd"
    )
    for role in ("base", "security"):
        play(role)
    for role in ("base", "security"):
        second = play(role)
        assert second.changed == 0, second.output
    machine.reboot()
    return machine


def test_the_machine_starts_without_a_failed_unit(played: Machine) -> None:
    assert played.run("systemctl is-system-running --wait", check=False).stdout.strip() == "running"


def test_only_ssh_answers_from_outside(played: Machine, debian: tuple[Machine, Play]) -> None:
    rules = played.run("sudo nft list table inet transcribe").stdout
    assert "hook input priority filter; policy drop;" in rules
    assert "hook forward priority filter; policy drop;" in rules
    assert "dport 22 accept" in rules
    assert "dport 8000" not in rules
    play = debian[1]
    play("security", security_api_sources=["203.0.113.0/24", "2001:db8::/32"])
    rules = played.run("sudo nft list table inet transcribe").stdout
    assert "ip saddr 203.0.113.0/24 tcp dport 8000 accept" in rules
    assert "ip6 saddr 2001:db8::/32 tcp dport 8000 accept" in rules
    play("security")
    assert "dport 8000" not in played.run("sudo nft list table inet transcribe").stdout


def test_an_owner_who_comes_by_another_port_of_ssh_is_not_locked_out(
    played: Machine, debian: tuple[Machine, Play]
) -> None:
    play = debian[1]
    owners = "/etc/ssh/sshd_config.d/05-owner.conf"
    played.put("Port 22\nPort 2222\nListenAddress 0.0.0.0\nListenAddress 0.0.0.0:2200\n", owners)
    played.run("sudo systemctl stop transcribe-firewall && sudo systemctl restart ssh")
    refused = play("security", ansible_port=2222, security_ssh_ports=[22, 2200], check=False)
    assert refused.failed == 1
    assert "without 2222, by which this very run came" in " ".join(refused.output.split())
    play("security", ansible_port=2222)
    rules = played.run("sudo nft list table inet transcribe").stdout
    assert set(re.findall(r"tcp dport (\d+) accept", rules)) == {"22", "2200", "2222"}
    for port in (22, 2200, 2222):
        with socket.create_connection((played.address, port), timeout=20) as connection:
            assert connection.recv(4) == b"SSH-"
    second = play("security", ansible_port=2222)
    assert second.changed == 0, second.output
    played.run(f"sudo rm {owners} && sudo systemctl restart ssh")
    play("security")
    rules = played.run("sudo nft list table inet transcribe").stdout
    assert set(re.findall(r"tcp dport (\d+) accept", rules)) == {"22"}


def test_the_services_user_does_not_reach_the_metadata_server_and_root_may_try(played: Machine) -> None:
    played.run("sudo ip address add 169.254.169.254/32 dev lo")
    serve = "sudo systemd-run --unit metadata python3 -m http.server --bind 169.254.169.254 80"
    played.run(serve)
    ask = "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://169.254.169.254/\", timeout=20).status)'"
    wait = f"for i in $(seq 50); do sudo {ask} 2>/dev/null && break; done"
    assert played.run(wait).stdout.strip() == "200"
    refused = played.run(f"sudo -u transcribe {ask}", check=False)
    assert refused.returncode != 0
    assert "Connection refused" in refused.stderr
    played.run("sudo systemctl stop metadata; sudo ip address del 169.254.169.254/32 dev lo")


def test_keys_alone_open_ssh(played: Machine) -> None:
    effective = played.run("sudo sshd -T").stdout.splitlines()
    for line in (
        "passwordauthentication no",
        "permitrootlogin no",
        "authenticationmethods publickey",
        "x11forwarding no",
    ):
        assert line in effective
    assert not [
        line
        for line in effective
        if line.startswith(("ciphers", "macs")) and ("cbc" in line or "sha1" in line)
    ]


def test_passwords_are_locked(played: Machine) -> None:
    assert played.run("sudo passwd --status guest").stdout.split()[1] == "L"


def test_apt_does_not_wake_by_itself_and_snapd_stays_out(played: Machine) -> None:
    for unit in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert played.run(f"systemctl is-enabled {unit}", check=False).stdout.strip() == "masked"
    refused = played.run("apt-get -s install snapd", check=False)
    assert "no installation candidate" in refused.stdout + refused.stderr


def test_the_last_wipe_leaves_the_connection_and_takes_what_must_not_be_in_an_image(
    debian: tuple[Machine, Play],
) -> None:
    machine, play = debian
    assert play("security", security_disposable=True).failed == 0
    machine.run(
        "echo secret | tee ~/.bash_history ~/.python_history >/dev/null; sudo mkdir -p /var/log/journal; touch /tmp/x"
    )
    identity = machine.run("cat /etc/machine-id").stdout
    play("sysprep")
    for pattern in (
        "/etc/ssh/ssh_host_*",
        "/home/*/.ssh/authorized_keys",
        "/home/*/.*_history",
        "/tmp/x",
        "/etc/shadow-",
    ):
        assert machine.run(f"sudo ls -d {pattern} 2>/dev/null", check=False).stdout == "", pattern
    assert machine.run("stat -c %s /etc/machine-id").stdout.strip() == "0"
    assert machine.run("sudo find /var/log -type f -size +0").stdout == ""
    assert machine.run("sudo ls /var/lib/apt/lists").stdout.split() in ([], ["lock", "partial"], ["partial"])
    second = play("sysprep")
    assert second.changed <= 1, second.output  # a log that was written to since
    machine.poweroff()
    machine.boot()
    assert machine.run("cat /etc/machine-id").stdout not in ("", identity)
