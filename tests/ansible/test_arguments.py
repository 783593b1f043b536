"""Arguments of the roles: every default is documented, every wrong value refused with a message that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.playing import ANSIBLE, ROLES, ansible, playbook, read, versions

FACTS = {
    "distribution": "Ubuntu",
    "distribution_version": "22.04",
    "distribution_release": "jammy",
    "architecture": "x86_64",
    "kernel": f"{versions()['kernel_abi']}-{versions()['kernel_flavour']}",
    "env": {"SUDO_USER": "ubuntu"},
}
GIVEN = (
    read(ANSIBLE / "group_vars/all/versions.yml").keys() | read(ANSIBLE / "group_vars/all/machine.yml").keys()
)

# Role, what is given, facts that differ, and what the refusal must say.
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("base", {}, {"distribution_version": "24.04"}, "Ubuntu 24.04 is neither Ubuntu 22.04 nor Debian 12"),
    ("base", {}, {"architecture": "aarch64"}, "aarch64 is not x86_64"),
    ("base", {"base_apt_snapshot": "yesterday"}, {}, "base_apt_snapshot is yesterday"),
    (
        "base",
        {"base_apt_snapshot": "20261101T000000Z"},
        {"distribution": "Debian", "distribution_version": "12.5"},
        "only Ubuntu's apt has snapshots",
    ),
    ("base", {"base_apt_pins": [{"package": "x"}]}, {}, "version"),
    ("base", {"base_open_files": 10}, {}, "base_open_files is 10"),
    ("base", {"base_open_files": "many"}, {}, "base_open_files"),
    ("base", {"base_locked_memory": "lots"}, {}, "base_locked_memory is lots"),
    ("base", {"base_packages": {"a": 1}}, {}, "base_packages"),
    ("base", {"base_upgrade": "perhaps"}, {}, "base_upgrade"),
    (
        "kernel",
        {"kernel_abi": "5.15.0-1117"},
        {},
        "are no pair on the allow-list: this driver is allowed with 5.15.0-1035 to 5.15.0-1115",
    ),
    ("kernel", {"kernel_abi": "5.15.0-1117"}, {}, "Kernel 5.15.0-1117-aws and driver 530 (open)"),
    ("kernel", {"kernel_abi": "5.15.0-1034"}, {}, "Kernel 5.15.0-1034-aws and driver 530 (open)"),
    ("kernel", {"kernel_abi": "6.8.0-1055"}, {}, "Kernel 6.8.0-1055-aws and driver 530 (open)"),
    ("kernel", {"kernel_abi": "newest"}, {}, "Kernel newest-aws and driver 530 (open)"),
    ("kernel", {"kernel_driver_branch": "470"}, {}, "driver 470 (open) are no pair on the allow-list: no kernel"),
    ("kernel", {"kernel_driver_flavour": "free"}, {}, "kernel_driver_flavour"),
    ("kernel", {"kernel_flavour": "generic"}, {}, "kernel_flavour"),
    ("kernel", {"kernel_alone": "often"}, {}, "kernel_alone"),
    ("nvidia_repository", {"nvidia_repository_url": "http://plain.example"}, {}, "http://plain.example/cuda-keyring"),
    ("nvidia_repository", {"nvidia_repository_keyring_sha256": "abc"}, {}, "with digest abc"),
    ("nvidia_driver", {"nvidia_driver_branch": "550"}, {}, "nvidia_driver_branch"),
    ("nvidia_driver", {"nvidia_driver_flavour": "free"}, {}, "nvidia_driver_flavour"),
    ("nvidia_driver", {"nvidia_driver_persistence": "sometimes"}, {}, "nvidia_driver_persistence"),
    ("nvidia_driver", {}, {"distribution": "Debian"}, "has no driver 530: set nvidia_driver_branch to one of 535"),
    ("nvidia_driver", {}, {"kernel": "6.8.0-1055-aws"}, "Kernel 6.8.0-1055-aws runs, but driver 530.30.02 (open)"),
    ("cuda", {"cuda_version": "12.4"}, {}, "cuda_version"),
    ("cuda", {"cuda_architecture": "sm_10"}, {}, "cuda_architecture"),
    ("cuda", {"cuda_cudnn": True}, {"distribution": "Debian"}, "packages only a program that downloads cuDNN"),
    ("security", {"security_root_login": "yes"}, {}, "security_root_login"),
    ("security", {"security_ssh_ports": [70000]}, {}, "security_api_port is 70000"),
    ("security", {"security_ssh_ports": ["ssh"]}, {}, "security_ssh_ports"),
    ("security", {"security_ssh_ports": [1]}, {}, "its owner would be locked out"),
    ("security", {"security_api_port": 22}, {}, "two different ports"),
    ("security", {"security_api_sources": ["everybody"]}, {}, "everybody is no address or network"),
    ("security", {"security_api_sources": ["0.0.0.0/0"]}, {}, "security_api_sources has 0.0.0.0/0, which is everybody"),
    ("security", {"security_ciphers": ["aes128-cbc"]}, {}, "aes128-cbc is a weak algorithm"),
    ("security", {"security_macs": ["hmac-sha1"]}, {}, "hmac-sha1 is a weak algorithm"),
    ("security", {"security_key_exchanges": ["diffie-hellman-group1-sha1"]}, {}, "is a weak algorithm"),
    ("security", {"security_host_keys": ["ssh-rsa"]}, {}, "ssh-rsa is a weak algorithm"),
    ("security", {"security_sysctl": ["a"]}, {}, "security_sysctl"),
    ("security", {"security_disposable": False}, {"env": {"SUDO_USER": "nobody"}}, "nobody has no authorized_keys"),
    ("sysprep", {"sysprep_disposable": False}, {}, "This machine is not disposable"),
    ("sysprep", {"sysprep_emptied": {"a": 1}}, {}, "sysprep_emptied"),
]  # fmt: skip


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Each case played for real, in check mode and on this machine, all in one run: what each refusal said."""
    folder = tmp_path_factory.mktemp("refusals")
    tasks: list[dict[str, Any]] = []
    for number, (role, given, facts, _) in enumerate(REFUSED):
        told = folder / f"{number}.txt"
        block: list[dict[str, Any]] = [
            {"name": "Facts", "ansible.builtin.set_fact": {**FACTS, **facts, "cacheable": True}},
            {"name": "Play", "ansible.builtin.include_role": {"name": role}, "vars": given},
        ]
        rescue = {
            "name": "Note",
            "ansible.builtin.copy": {
                "content": "{{ ansible_failed_result | to_json }}",
                "dest": str(told),
                "mode": "0644",
            },
            "check_mode": False,
        }
        tasks.append({"name": f"Case {number}", "block": block, "rescue": [rescue]})
    book = playbook(folder, tasks, hosts="localhost", connection="local", gather_facts=False)
    # Twice safe: check mode changes nothing, and a machine that is not disposable is never wiped.
    settings = yaml.safe_dump({"gpu": True, "disposable": False}, default_flow_style=True)
    done = ansible("--check", f"--extra-vars={settings}", "--inventory=localhost,", str(book))
    assert done.returncode == 0, done.stdout + done.stderr
    files = [folder / f"{number}.txt" for number in range(len(REFUSED))]
    return [file.read_text() if file.exists() else "" for file in files]


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", range(len(REFUSED)), ids=lambda number: f"{REFUSED[number][0]}-{REFUSED[number][3][:40]}"
)
def test_a_wrong_value_is_refused_with_its_name(messages: list[str], number: int) -> None:
    assert REFUSED[number][3] in " ".join(messages[number].split())


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_an_argument_with_a_description(role: str) -> None:
    options = arguments(role)
    assert set(defaults(role)) <= set(options)
    assert not [name for name, option in options.items() if len(str(option.get("description", ""))) < 10]
    assert not [name for name, option in options.items() if "type" not in option]


@pytest.mark.parametrize("role", ROLES)
def test_every_argument_has_a_default_or_is_required_and_given_for_all(role: str) -> None:
    left = arguments(role).keys() - defaults(role).keys()
    assert all(arguments(role)[name].get("required") or name in GIVEN for name in left)
    assert left <= GIVEN


@pytest.mark.parametrize("role", ROLES)
def test_documented_defaults_are_the_real_ones(role: str) -> None:
    real = defaults(role)
    for name, option in arguments(role).items():
        if "default" in option:
            assert option["default"] == real[name], name


@pytest.mark.parametrize("role", ROLES)
def test_arguments_carry_the_roles_name(role: str) -> None:
    assert not [name for name in defaults(role) if not name.startswith(f"{role}_")]


def arguments(role: str) -> dict[str, dict[str, Any]]:
    """The options of a role's main entry."""
    spec = read(ANSIBLE / "roles" / role / "meta/argument_specs.yml")
    found: dict[str, dict[str, Any]] = spec["argument_specs"]["main"].get("options") or {}
    return found


def defaults(role: str) -> dict[str, Any]:
    """The defaults of a role."""
    file: Path = ANSIBLE / "roles" / role / "defaults/main.yml"
    found: dict[str, Any] = (read(file) or {}) if file.exists() else {}
    return found
