"""A baked machine is broken in one way after another, and each time the check that should see it goes red."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sabotage.conductor import ALL
from tests.sabotage.sabotage import Outcome
from tests.support.machines import Machine, Root, machine
from tests.support.needs import needs

pytestmark = [needs("machines"), pytest.mark.slow, pytest.mark.timeout(1800)]  # all of them wait for one run

ROOT = Path(__file__).resolve().parents[2]


# What a machine in use has, beside its keys, identity and logs, and an image must not.
TRACES = """
mkdir -p /root/.ansible /root/.cache /var/lib/dhcp /var/lib/cloud/instance /var/lib/transcribe/results/one
for file in tmp/left root/.cache/left root/.bash_history var/lib/dhcp/dhclient.leases var/lib/systemd/random-seed \\
    var/lib/cloud/instance/user-data.txt var/lib/apt/lists/left var/lib/transcribe/results/one/transcription.txt \\
    var/log/wtmp etc/shadow-
do
    echo x > /$file
done
"""


@pytest.fixture(scope="module")
def one(baked: Root) -> Iterator[Machine]:
    """A copy of the baked machine, to break."""
    with machine(baked) as copy:
        yield copy


def run(program: str, copy: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest, or what calls it, on the machine."""
    host = [f"--hosts=ssh://{copy.user}@{copy.address}", f"--ssh-config={copy.ssh_config}"]
    command = [sys.executable, "-m", program, *host, "--timeout=0", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def told(one: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checks said before, under and after every sabotage: one process, one connection."""
    file = tmp_path_factory.mktemp("sabotage") / "told.json"
    done = run("tests.sabotage", one, f"--sabotage-json={file}")
    assert file.exists(), done.stdout + done.stderr
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_machine_is_whole_before_anybody_breaks_it(told: dict[str, Any]) -> None:
    assert told["before"] == {}


@pytest.mark.parametrize("name", [sabotage.name for sabotage in ALL])
def test_is_noticed_that(told: dict[str, Any], name: str) -> None:
    outcome = Outcome(**next(row for row in told["outcomes"] if row["name"] == name))
    assert outcome.complaint == ""
    assert outcome.missed == [], "these checks should have gone red"
    assert outcome.strange == [], "these checks went red, and nothing that they are about was broken"


def test_machine_is_whole_again_afterwards(told: dict[str, Any]) -> None:
    assert told["after"] == {}


@pytest.mark.usefixtures("told")
def test_machine_in_use_is_no_image(one: Machine, tmp_path: Path) -> None:
    """Every check of what is wiped last goes red on a machine that was not wiped."""
    one.run(f"sudo sh -c '{TRACES}'")
    file = tmp_path / "checks.json"
    run("pytest", one, "--sealed", f"--checks-json={file}")
    checks = [check for check in json.loads(file.read_text())["checks"] if "sealed" in check["markers"]]
    assert len(checks) > 10
    assert [check["name"] for check in checks if check["outcome"] != "failed"] == []


# What the owner of a machine may have, and an image of ours must not.
OWNERS = r"""
set -e
RECORD=/opt/transcribe/.setup_complete
useradd --create-home --shell /bin/bash anna
echo anna:secret-word | chpasswd
useradd --system --shell /bin/bash postgres
mkdir -p /home/anna/.ssh /etc/systemd/system/mdmonitor.service.wants
printf -- "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n" > /home/anna/.ssh/id_ed25519
echo "deb https://apt.example.org/ stable main" > /etc/apt/sources.list.d/example.list
echo "0 3 * * * root /usr/local/bin/backup" > /etc/cron.d/backup
printf "#!/bin/sh\n" > /usr/local/bin/backup
install -m 4755 /usr/bin/true /usr/local/bin/mine
echo "192.0.2.9 nas" >> /etc/hosts
echo "https_proxy=http://proxy.example.org:3128" >> /etc/environment
printf "[Service]\nExecStart=/usr/bin/false\n" > /etc/systemd/system/broken.service
printf "[Timer]\nOnCalendar=daily\n" > /etc/systemd/system/broken.timer
apt-mark hold bash
systemctl daemon-reload
systemctl start broken.service || true
logger --priority user.err "a disk of the owner is tired"
systemd-run --unit=owners-server python3 -m http.server 8080
sed -i 's/"disposable": true/"disposable": false/; s/"take_over": true/"take_over": false/' $RECORD
"""


def test_machine_that_stays_its_owners_may_have_what_its_owner_likes(baked: Root, tmp_path: Path) -> None:
    """No check asks there for what no role brings about."""
    with machine(baked) as owned:
        owned.run("sudo bash -s", stdin=OWNERS)
        file = tmp_path / "checks.json"
        done = run("pytest", owned, f"--checks-json={file}")
    told = json.loads(file.read_text())
    reds = {check["name"]: check["message"] for check in told["checks"] if check["outcome"] != "passed"}
    assert reds == {}
    assert done.returncode == pytest.ExitCode.OK
    assert told["passed"] > 50
    assert any("was not handed over" in left["reason"] for left in told["left_out"])


# Of the checks of a GPU, those that say what must not be there: a machine without any passes them too.
NEGATIVE = {
    "test_no_meta_package_brings_another_driver",
    "test_no_other_cuda_toolkit_is_here",
    "test_no_path_lets_the_systems_libraries_shadow_torchs",
    "test_no_upgrade_touches_kernel_driver_or_cuda",
    "test_versions_name_a_kernel_that_the_driver_may_meet",
}


@pytest.mark.usefixtures("told")
def test_machine_that_only_says_that_it_has_a_gpu_is_found_out(one: Machine, tmp_path: Path) -> None:
    """No check of a GPU passes, or is left out, because there is nothing to look at."""
    one.run('sudo sed -i \'s/"gpu": false/"gpu": true/\' /opt/transcribe/.setup_complete')
    file = tmp_path / "checks.json"
    subjects = [f"tests/image/test_{subject}.py" for subject in ("cuda", "driver", "kernel")]
    assert run("pytest", one, f"--checks-json={file}", *subjects).returncode == pytest.ExitCode.TESTS_FAILED
    checks = [check for check in json.loads(file.read_text())["checks"] if "gpu" in check["markers"]]
    assert len(checks) > 15
    assert {check["name"] for check in checks if check["outcome"] == "passed"} <= NEGATIVE
