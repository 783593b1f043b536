"""Who has an account, and who may become root."""

from __future__ import annotations

import pytest

from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.security, pytest.mark.ours]


def _accounts(machine: Machine) -> list[list[str]]:
    return [line.split(":") for line in machine.lines("getent passwd")]


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


def test_only_the_administrator_may_become_root_without_a_password(machine: Machine) -> None:
    rules = machine.found(
        "cat /etc/sudoers /etc/sudoers.d/* | grep -E 'NOPASSWD|!authenticate' | grep -v '^ *#'"
    )
    people = {row[0] for row in _accounts(machine) if int(row[2]) in range(1000, 60_000)}
    assert {rule.split()[0] for rule in rules} <= people
