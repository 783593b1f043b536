"""SSH as it is in effect: keys alone, for people who are no root, and nothing that an audit objects to."""

from __future__ import annotations

import re

import pytest

from . import allowed
from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.security, pytest.mark.ours]

SETTINGS = {
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "permitemptypasswords": "no",
    "pubkeyauthentication": "yes",
    "hostbasedauthentication": "no",
    "ignorerhosts": "yes",
    "permituserenvironment": "no",
    "strictmodes": "yes",
    "x11forwarding": "no",
    "allowagentforwarding": "no",
    "gatewayports": "no",
    "permittunnel": "no",
    "authorizedkeyscommand": "none",
    "trustedusercakeys": "none",
}
LISTS = {
    "ciphers": allowed.CIPHERS,
    "macs": allowed.MACS,
    "kexalgorithms": allowed.KEY_EXCHANGES,
    "hostkeyalgorithms": allowed.SIGNATURES,
    "pubkeyacceptedalgorithms": allowed.USERS_SIGNATURES,
}
# As whom a stranger may come: a Match block can loosen what the head of the file forbids.
STRANGERS = (
    "user=root,host=a,addr=203.0.113.9",
    "user=ubuntu,host=a,addr=10.0.0.9",
    "user=transcribe,host=a,addr=127.0.0.1",
)


def _effective(machine: Machine, who: str = STRANGERS[1]) -> dict[str, str]:
    settings: dict[str, list[str]] = machine.probe("sshd", *STRANGERS)[who]
    return {name: " ".join(values) for name, values in settings.items()}


def test_sshds_configuration_is_sound(machine: Machine) -> None:
    check = machine.run("sshd -t")
    assert check.rc == 0, check.stderr


@pytest.mark.parametrize("setting", SETTINGS)
def test_sshd_has_in_effect(machine: Machine, setting: str) -> None:
    for who in STRANGERS:
        assert _effective(machine, who).get(setting) == SETTINGS[setting], who


def test_root_cannot_log_in(machine: Machine) -> None:
    came_as_root = (
        machine.says("echo ${SUDO_USER:-root}") == "root"
    )  # who has no other account keeps this one
    allowed_here = {"no", "prohibit-password", "without-password"} if came_as_root else {"no"}
    assert _effective(machine, STRANGERS[0])["permitrootlogin"] in allowed_here


@pytest.mark.parametrize("kind", LISTS)
def test_sshd_offers_nothing_weak(machine: Machine, kind: str) -> None:
    offered = set(_effective(machine)[kind].split(","))
    assert offered
    assert offered - LISTS[kind] == set()


def test_sshd_gives_up_soon_on_who_has_no_key(machine: Machine) -> None:
    effective = _effective(machine)
    assert int(effective["maxauthtries"]) <= 4
    assert 0 < int(effective["logingracetime"]) <= 60
    assert int(effective["maxstartups"].split(":")[0]) <= 20


def test_sshd_reads_keys_only_from_a_users_own_folder(machine: Machine) -> None:
    assert set(_effective(machine)["authorizedkeysfile"].split()) <= {
        ".ssh/authorized_keys",
        ".ssh/authorized_keys2",
    }


def test_sshd_lets_nobody_bring_a_library_to_load(machine: Machine) -> None:
    brought = _effective(machine).get("acceptenv", "").split()
    assert [name for name in brought if not re.fullmatch(r"LANG|LC_\*|COLORTERM|NO_COLOR", name)] == []


def test_sshd_that_runs_offers_a_stranger_a_key_and_nothing_else(machine: Machine) -> None:
    """Asked from the machine itself, over the network: what runs may differ from what is configured."""
    port = _effective(machine)["port"].split()[0]
    asked = machine.run(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        " -o PreferredAuthentications=none -p %s nobody@127.0.0.1 true || true",
        port,
    )
    offered = re.search(r"Permission denied \(([\w,-]+)\)", asked.stderr)
    assert offered, asked.stderr
    assert offered[1] == "publickey"


def test_files_of_sshd_are_roots(machine: Machine) -> None:
    assert machine.lines("find /etc/ssh \\( -not -user root -o -perm /022 \\) -not -type l") == []
    assert machine.lines("find /etc/ssh -name 'ssh_host_*_key' -perm /077") == []


def test_host_keys_are_modern(machine: Machine) -> None:
    names = machine.lines("ls /etc/ssh/ssh_host_*_key")
    assert any("ed25519" in name for name in names)
    assert [name for name in names if "dsa" in name.replace("ecdsa", "").replace("ed25519", "")] == []
