"""What must not be there: secrets, traces of whoever built the machine, and, right after sysprep, any identity."""

from __future__ import annotations

import re

import pytest

from .machine import Machine

pytestmark = [pytest.mark.static, pytest.mark.hygiene]

sealed = pytest.mark.sealed


@pytest.mark.ours
def test_no_file_holds_a_private_key_or_a_token(machine: Machine) -> None:
    assert machine.probe("tree")["secrets"] == []


@pytest.mark.ours
def test_no_file_is_there_that_programs_keep_secrets_in(machine: Machine) -> None:
    assert machine.probe("tree")["telltale"] == []


@pytest.mark.ours
def test_no_unit_or_shell_is_handed_a_secret(machine: Machine) -> None:
    pattern = "(SECRET|TOKEN|PASSWORD|API_KEY|ACCESS_KEY)[A-Z_]*="
    assert (
        machine.found(
            f"grep -rsEl '{pattern}[^$ ]' /etc/environment /etc/profile.d /etc/systemd/system /etc/default"
        )
        == []
    )
    assert machine.found(f"systemctl show-environment | grep -E '{pattern}'") == []


@pytest.mark.ours
def test_builder_left_no_proxy(machine: Machine) -> None:
    places = (
        "/etc/environment /etc/profile.d /etc/apt/apt.conf.d /etc/systemd/system /etc/pip.conf /root/.config"
    )
    assert machine.found(f"grep -rsiE '^[^#]*(https?|all|ftp)_?proxy *=' {places}") == []


@sealed
def test_builder_left_nothing_in_the_folders_for_passing_files(machine: Machine) -> None:
    found = machine.lines("find /tmp /var/tmp -mindepth 1 -maxdepth 1 -printf '%p\\n'")
    own = re.compile(r"/(var/)?tmp/(systemd-private-.*|snap-private-tmp|\.(X\d*|X11|ICE|font|XIM|Test)-unix)")
    assert [path for path in found if not own.fullmatch(path)] == []


@sealed
def test_builder_left_no_folder_of_its_tools(machine: Machine) -> None:
    names = "-name .ansible -o -name .packer.d -o -name .aws -o -name .docker -o -name .kube -o -name .terraform.d"
    assert machine.found(f"find /root /home -maxdepth 3 \\( {names} \\)") == []


@sealed
def test_no_cache_of_a_build_is_left(machine: Machine) -> None:
    places = "/root/.cache /home/*/.cache /var/cache/pip /root/.local/share/uv"
    assert machine.found(f"find {places} -type f -size +0 | head -20") == []


@pytest.mark.ours
def test_no_address_is_written_into_the_table_of_hosts(machine: Machine) -> None:
    lines = [line.split() for line in machine.lines("grep -vE '^ *(#|$)' /etc/hosts")]
    mine = machine.says("hostname")
    assert [
        words
        for words in lines
        if not words[0].startswith(("127.", "::1", "fe00::", "ff00::", "ff02::", "fd00:ec2::"))
        and mine not in words
    ] == []


@sealed
def test_nothing_that_was_heard_is_left(machine: Machine) -> None:
    """A recording or a transcript in an image would be handed to everybody who starts it."""
    assert machine.found("find /var/lib/transcribe -type f -size +0 | head") == []


@sealed
def test_there_is_no_host_key(machine: Machine) -> None:
    assert machine.lines("find /etc/ssh -name 'ssh_host_*'") == []


@sealed
def test_machine_has_no_identity(machine: Machine) -> None:
    assert machine.run("cat /etc/machine-id").stdout.strip() in ("", "uninitialized")
    assert machine.run("test -L /var/lib/dbus/machine-id || ! test -e /var/lib/dbus/machine-id").rc == 0


@sealed
def test_nobodys_key_opens_the_machine(machine: Machine) -> None:
    assert machine.lines("find /root /home -name 'authorized_keys*' -size +0") == []


@sealed
def test_there_is_no_history_of_commands(machine: Machine) -> None:
    assert machine.probe("tree")["histories"] == []


@sealed
def test_logs_are_empty(machine: Machine) -> None:
    assert machine.lines("find /var/log -type f -size +0 -not -path '/var/log/journal/*'") == []
    assert machine.found("find /var/log/journal -mindepth 1") == []


@sealed
def test_nobody_is_known_to_have_logged_in(machine: Machine) -> None:
    assert machine.found("find /var/log/wtmp /var/log/btmp /var/log/lastlog /var/lib/lastlog -size +0") == []


@sealed
def test_cloud_init_believes_that_it_never_ran(machine: Machine) -> None:
    assert (
        machine.found("find /var/lib/cloud -mindepth 1 -not -type d -not -path '/var/lib/cloud/seed/*'") == []
    )
    assert (
        machine.found("ls -d /var/lib/cloud/instance /run/cloud-init/result.json 2>/dev/null | grep -v run")
        == []
    )


@sealed
def test_lists_and_archives_of_packages_are_gone(machine: Machine) -> None:
    assert machine.lines("find /var/cache/apt /var/lib/apt/lists -type f -size +0 -not -name lock") == []


@sealed
def test_seed_of_random_numbers_is_not_shared(machine: Machine) -> None:
    assert not machine.host.file("/var/lib/systemd/random-seed").exists
    assert not machine.host.file("/var/lib/systemd/credential.secret").exists


@sealed
def test_network_remembers_nothing(machine: Machine) -> None:
    assert machine.found("find /var/lib/dhcp /var/lib/NetworkManager /var/lib/dhcpcd -type f -size +0") == []
    assert machine.found("ls /etc/udev/rules.d/70-persistent-net.rules") == []


@sealed
def test_backups_of_accounts_are_gone(machine: Machine) -> None:
    """shadow- and passwd- still name whoever was deleted."""
    assert (
        machine.found("ls /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-")
        == []
    )
