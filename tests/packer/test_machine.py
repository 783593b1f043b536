"""The tests' own machines do what real ones do, and nothing is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.machines import Machine, machine
from tests.support.machines.machine import make
from tests.support.machines.places import MACHINES
from tests.support.needs import needs

pytestmark = [needs("machines"), pytest.mark.slow]

ABANDONED = """
import os, signal
from tests.support.machines import machine
with machine() as one:
    print(one.name, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_machine_is_a_whole_one() -> None:
    with machine() as one:
        assert one.run("systemctl is-system-running --wait").stdout.strip() == "running"
        assert one.run("sudo id --user").stdout.strip() == "0"
        assert one.run("hostname").stdout.strip() == one.name


def test_packages_can_be_fetched_from_inside() -> None:
    with machine() as one:
        one.run("sudo apt-get -q update")
        one.run("sudo apt-get -q install --yes --no-install-recommends hello")
        assert one.run("hello").stdout == "Hello, world!\n"


def test_what_is_on_the_disk_outlives_a_reboot_and_a_power_cut() -> None:
    with machine() as one:
        one.put("kept", "/var/kept")
        one.run("sudo touch /run/gone")
        one.reboot()
        assert one.run("cat /var/kept; ls /run/gone", check=False).stdout == "kept"
        one.kill()
        assert not one.on
        one.boot()
        assert one.run("cat /var/kept").stdout == "kept"


def test_a_machine_can_switch_itself_off() -> None:
    with machine() as one:
        one.run("sudo systemctl poweroff", check=False)
        one.wait_for_off()
        assert not one.on


def test_what_one_machine_became_is_where_others_begin() -> None:
    with machine() as first:
        first.put("inherited", "/var/inherited")
        first.poweroff()
        with machine(first.layer()) as second, machine(first.layer()) as third:
            second.run("sudo rm /var/inherited")
            assert third.run("cat /var/inherited").stdout == "inherited"
            assert second.address != third.address


def test_nothing_is_left_of_a_machine(tmp_path: Path) -> None:
    with machine() as one:
        pass
    _assert_gone(one.name)


def test_a_machine_goes_with_the_run_that_wanted_it() -> None:
    """Even with one that is killed; the machine's keeper sees to it, and the next use to what the keeper left."""
    with subprocess.Popen(
        [sys.executable, "-c", ABANDONED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        name = run.stdout.readline().strip()
        found = Machine.find(name)
        assert run.wait() == -signal.SIGKILL
    found.wait_for_off()
    make().remove()
    _assert_gone(name)


def test_a_keeper_that_is_killed_takes_nothing_with_it_that_stays() -> None:
    one = make()
    try:
        one.boot()
        os.kill(int((one.folder / "keeper").read_text().split()[0]), signal.SIGKILL)
        one.boot()
        assert one.run("true").returncode == 0
    finally:
        one.remove()
    _assert_gone(one.name)


def _assert_gone(name: str) -> None:
    assert not (MACHINES / name).exists()
    assert f"/{name}/" not in Path("/proc/mounts").read_text()
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    assert f"vb-{name}" not in {link["ifname"] for link in links}
    assert not list(Path("/sys/fs/cgroup").glob(f"*/gpu-{name}"))
