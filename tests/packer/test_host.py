"""A host is baked by the null source: really, by the Packer that is here, over SSH, with the real roles and checks."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from tests.support.machines import Root, machine
from tests.support.machines.baking import Bake
from tests.support.needs import needs

pytestmark = needs("machines")


def test_a_build_goes_through_its_stages_in_order(bake: Bake) -> None:
    stages = re.findall(r"stage: (\w+)$", bake.log, re.MULTILINE)
    assert stages == "prepare start reboot reboot checks inventory hygiene manifest".split()


def test_no_task_failed_and_none_was_left_unreached(bake: Bake) -> None:
    recaps = re.findall(r"ok=(\d+) +changed=\d+ +unreachable=(\d+) +failed=(\d+)", bake.log)
    assert len(recaps) == 3  # first, main, last
    assert all(int(ok) > 0 and unreachable == failed == "0" for ok, unreachable, failed in recaps)


def test_all_checks_passed_before_the_last_wipe_and_after_it(bake: Bake) -> None:
    before, after = (
        json.loads((bake.output / name).read_text()) for name in ("checks.json", "checks-sealed.json")
    )
    assert (before["verdict"], before["failed"], before["sealed"]) == ("green", 0, False)
    assert (after["verdict"], after["failed"], after["sealed"]) == ("green", 0, True)
    assert before["passed"] >= 60
    assert after["passed"] > 0


@pytest.mark.parametrize("name", ["checks", "checks-sealed"])
def test_every_check_is_in_the_file_for_machines_that_read_junit(name: str, bake: Bake) -> None:
    (suite,) = ET.parse(bake.output / f"{name.replace('checks', 'junit')}.xml").getroot()
    told = json.loads((bake.output / f"{name}.json").read_text())
    counts = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": told["passed"], "failures": 0, "errors": 0, "skipped": 0}
    cases = Counter(case.attrib["name"].partition("[")[0] for case in suite.iter("testcase"))
    assert cases == Counter(check["name"].partition("[")[0] for check in told["checks"])


def test_the_manifest_tells_what_was_made_and_proven(bake: Bake) -> None:
    (build,) = json.loads((bake.output / "manifest.json").read_text())["builds"]
    assert build["builder_type"] == "null"
    machine = json.loads(build["custom_data"]["machine"])
    assert machine["schema"] == 1
    assert int(build["custom_data"]["checks"]) >= 60
    subjects = json.loads(build["custom_data"]["checks_by_subject"])
    assert sum(passed for passed, _, _ in subjects.values()) == int(build["custom_data"]["checks"])
    assert {failed for _, failed, _ in subjects.values()} == {0}
    assert {"model", "service", "hygiene"} <= subjects.keys()
    assert json.loads(build["custom_data"]["checks_sha256"]) == {
        name: hashlib.sha256((bake.output / name).read_bytes()).hexdigest()
        for name in ("checks.json", "checks-sealed.json")
    }
    assert json.loads((bake.output / "inventory.json").read_text())


def test_the_key_that_logged_in_is_nowhere_in_what_was_written(bake: Bake) -> None:
    written = bake.log + "".join(file.read_text() for file in bake.output.glob("*.json"))
    assert "PRIVATE KEY" not in written


def test_a_baked_machine_starts_by_itself_and_all_of_it_runs(baked: Root) -> None:
    with machine(baked) as one:
        state = one.run("systemctl is-system-running --wait", check=False).stdout.strip()
        assert state == "running", one.run("systemctl --failed; sudo journalctl -b -p err --no-pager").stdout
        record = json.loads(one.run("cat /opt/transcribe/.setup_complete").stdout)
        assert record["disposable"] is True


@pytest.mark.slow
def test_many_machines_start_from_one_bake_and_do_not_see_each_other(baked: Root) -> None:
    with machine(baked) as one, machine(baked) as other:
        assert one.run("cat /etc/machine-id").stdout != other.run("cat /etc/machine-id").stdout
        one.put("mine", "/opt/transcribe/mark")
        assert other.run("test -e /opt/transcribe/mark", check=False).returncode == 1
