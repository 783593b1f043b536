"""A machine that one owns: what ssh makes of its name, what keeps us out, and the plan that is shown first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import CannotStart, UsageError
from runner.image.host import Host, Look, find_host, look, plan
from tests.support.machines import machine
from tests.support.needs import needs

SEEN = Look(("ubuntu", "22.04"), "5.15.0-1100-aws", "x86_64", True, 40_000_000_000, 1, False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(
        f"Host box\n  HostName 192.0.2.7\n  Port 2222\n  User anna\n  IdentityFile {tmp_path / 'key'}\n"
        "Host behind\n  ProxyJump bastion\n"
    )
    (tmp_path / "key").touch()
    return path


def test_ssh_itself_says_where_a_name_leads(config: Path, tmp_path: Path) -> None:
    assert find_host("ssh://box", config) == Host(
        "ssh://box", "anna", "192.0.2.7", 2222, tmp_path / "key", config
    )


def test_what_is_said_wins_over_the_configuration(config: Path) -> None:
    host = find_host("ssh://me@box:22", config)

    assert (host.user, host.port, host.address) == ("me", 22, "192.0.2.7")


@pytest.mark.parametrize(
    "said",
    [
        "box",
        "http://box",
        "ssh://",
        "ssh://me@box:port",
        "ssh://me:secret@box",
        "ssh://box/path",
        "ssh://[box",
    ],
)
def test_anything_else_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="but it takes ssh://user@host"):
        find_host(said)


def test_a_name_that_ssh_would_take_for_an_option_is_refused() -> None:
    with pytest.raises(UsageError, match="no name begins with a dash"):
        find_host("ssh://-oProxyCommand=true@box")


def test_a_machine_behind_another_is_refused_with_the_way_around(config: Path) -> None:
    with pytest.raises(CannotStart, match=r"through another machine .proxyjump bastion."):
        find_host("ssh://behind", config)


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--ssh-config is .*and there is no such file"):
        find_host("ssh://box", tmp_path / "nowhere")


def test_a_machine_that_does_not_answer_is_told(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n  HostName 127.0.0.1\n  Port 1\n")

    with pytest.raises(
        CannotStart, match=r"cannot be reached .*Connection refused.*: make ssh -p 1 me@box work first"
    ):
        look(find_host("ssh://me@box", config))


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script first on PATH as ssh: it stands for clients and machines that answer as no real one here does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(script: str) -> None:
        (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "ssh").chmod(0o755)

    return put


def test_a_configuration_that_keeps_ssh_waiting_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.image.host.PATIENCE", 0.5)
    config = tmp_path / "config"
    config.write_text('Match exec "sleep 20"\n  User anna\n')

    with pytest.raises(
        CannotStart, match=r"ssh did not say in 0.5 s where ssh://box is: see what keeps ssh -F"
    ):
        find_host("ssh://box", config)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("user me\nport 22", "ssh tells no hostname for ssh://box: correct ssh's configuration"),
        ("", "ssh tells no user and no hostname and no port for"),
        ("user me\nhostname box\nport ssh", "ssh tells the port 'ssh' for"),
    ],
)
def test_an_ssh_that_answers_oddly_is_told(told: str, sentence: str, ssh: Callable[[str], None]) -> None:
    ssh(f"cat <<'END'\n{told}\nEND")

    with pytest.raises(CannotStart, match=sentence):
        find_host("ssh://box")


@pytest.mark.parametrize(
    ("line", "instead", "sentence"),
    [
        (
            "free=40000000000",
            "free=",
            r"says what is no number \(free='', gpus='0'\): see what ssh me@box and",
        ),
        ("gpus=0", "gpus=many", r"says what is no number \(free='40000000000', gpus='many'\)"),
        ("kernel=6.1.0", "", "ssh://me@box did not say its kernel: see what ssh me@box"),
        ("id=debian", "", "ssh://me@box did not say its id: "),
    ],
)
def test_a_machine_that_answers_oddly_is_told(
    line: str, instead: str, sentence: str, ssh: Callable[[str], None]
) -> None:
    lines = (
        "id=debian version=12 kernel=6.1.0 machine=x86_64 sudo=yes free=40000000000 gpus=0 baked=no".split()
    )
    box = Host("ssh://me@box", "me", "192.0.2.7", 22, None)
    ssh("printf '%s\\n' " + " ".join(lines))
    assert look(box).free == 40_000_000_000

    ssh("printf '%s\\n' " + " ".join(instead if one == line else one for one in lines))
    with pytest.raises(CannotStart, match=sentence):
        look(box)


def test_the_plan_of_an_owned_machine_leaves_what_locks_its_owner_out() -> None:
    host = Host("ssh://me@box", "me", "192.0.2.7", 22, None)

    told = "\n".join(
        plan(host, SEEN, gpu=True, take_over=False, disposable=False, model="KBLab/kb-whisper-small")
    )

    assert "Ubuntu 22.04, kernel 5.15.0-1100-aws, 1 NVIDIA device" in told
    assert "leaves     kernel, driver, CUDA, SSH, firewall and sysctl as they are" in told
    assert "graphics   torch for CUDA, which brings its own libraries" in told
    assert "toolkit" not in told
    assert "closes" not in told
    assert "removes" not in told
    assert "replaces" not in told
    assert "no sysprep" in told
    assert "restarts" not in told


def test_the_plan_of_a_machine_taken_over_says_what_is_replaced_and_closed() -> None:
    host = Host("ssh://me@box:2222", "me", "192.0.2.7", 2222, None)

    told = "\n".join(plan(host, SEEN, gpu=True, take_over=True, disposable=False, model="demonstration"))

    assert "me@192.0.2.7 port 2222" in told
    assert "replaces   kernel and NVIDIA driver" in told
    assert "graphics   the CUDA toolkit, and torch for CUDA" in told
    assert "closes     SSH to keys only; ECDSA host keys are no longer offered" in told
    assert "to all but SSH and ping; port 8000 too, unless security_api_sources" in told
    assert "Docker, libvirt or a VPN forwards is dropped" in told
    assert "restarts   twice" in told
    assert "leaves" not in told
    assert "never      wipes anything else" in told
    assert "limits     the system's journal" in told


def test_the_plan_of_a_disposable_machine_says_that_it_is_wiped() -> None:
    host = Host("ssh://me@box", "me", "192.0.2.7", 22, None)

    told = "\n".join(plan(host, SEEN, gpu=False, take_over=False, disposable=True, model="demonstration"))

    assert "wipes      keys that log in, host keys" in told
    assert "no sysprep" not in told


@pytest.mark.slow
@needs("machines")
def test_a_real_machine_says_what_it_is() -> None:
    with machine() as one:
        seen = look(find_host(f"ssh://{one.user}@{one.address}", one.ssh_config))

        assert seen.platform == ("debian", "12")
        assert seen.sudo
        assert seen.free > 0
        assert not seen.baked

        one.run("echo 'ubuntu ALL=(ALL) ALL' | sudo tee /etc/sudoers.d/zz-password >/dev/null; sudo -k")
        assert not look(find_host(f"ssh://{one.user}@{one.address}", one.ssh_config)).sudo


@pytest.mark.slow
@needs("machines")
def test_a_host_key_that_nobody_accepted_keeps_us_out_in_a_sentence(tmp_path: Path) -> None:
    with machine() as one:
        config = tmp_path / "config"
        config.write_text(
            f"Host *\n  IdentityFile {one.key}\n  StrictHostKeyChecking yes\n"
            f"  UserKnownHostsFile {tmp_path / 'known'}\n"
        )
        with pytest.raises(
            CannotStart, match="has a host key that is not known yet: compare it and accept it by ssh"
        ):
            look(find_host(f"ssh://{one.user}@{one.address}", config))

        config.write_text(
            "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  IdentityFile /dev/null\n"
        )
        with pytest.raises(CannotStart, match=f"does not let {one.user} in by key"):
            look(find_host(f"ssh://{one.user}@{one.address}", config))
