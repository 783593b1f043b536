"""When a run of the checks is a proof: something ran, nothing was skipped, and a GPU that is there was looked at."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.image.report import Check, Report
from tests.image.selection import LeftOut
from tests.sabotage.conductor import ALL
from tests.sabotage.sabotage import Sabotage, judge

MACHINE = "ssh://ubuntu@203.0.113.7"


def report(*outcomes: str) -> Report:
    """A report on checks of these outcomes."""
    made = Report([MACHINE], sealed=False)
    for number, outcome in enumerate(outcomes):
        name = f"test_machine_is_good_{number}"
        made.checks_by_id[name] = Check(name, "kernel", MACHINE, ["static"], outcome)
    made.close()
    return made


def test_checks_that_passed_are_a_proof() -> None:
    assert report("passed", "passed").green


@pytest.mark.parametrize("outcome", ["failed", "skipped", "not run"])
def test_one_check_that_did_not_pass_is_none(outcome: str) -> None:
    assert not report("passed", outcome).green


def test_no_check_at_all_is_none() -> None:
    assert report().why == ["no check ran"]


def test_gpu_that_nobody_looked_at_is_none() -> None:
    made = Report([MACHINE], sealed=False)
    made.checks_by_id["a"] = Check("test_a", "kernel", MACHINE, [], "passed")
    made.gpu_not_run.append("test_torch_reaches_the_gpu")
    made.close()
    assert not made.green
    assert made.why == ["1 checks of the GPU were not asked for on a machine that declares one"]


def test_file_of_the_checks_says_what_was_found_and_what_was_left_out(tmp_path: Path) -> None:
    made = report("passed", "failed")
    made.leave_out(LeftOut("test_torch_reaches_the_gpu", "cuda", MACHINE, "the machine declares no GPU"))
    made.write(tmp_path / "deep" / "checks.json")
    told: dict[str, Any] = json.loads((tmp_path / "deep" / "checks.json").read_text())
    assert (told["passed"], told["failed"], told["verdict"]) == (1, 1, "red")
    assert told["left_out"][0]["reason"] == "the machine declares no GPU"
    assert told["subjects"]["kernel"] == {"passed": 1, "failed": 1, "left_out": 0, "seconds": 0}
    assert told["subjects"]["cuda"]["left_out"] == 1
    assert [check["name"] for check in told["checks"]] == ["test_machine_is_good_0", "test_machine_is_good_1"]


def test_table_by_subject_counts_what_passed_failed_and_was_left_out(request: pytest.FixtureRequest) -> None:
    made = report("passed", "passed", "failed")
    for seconds, check in enumerate(made.checks, start=1):
        check.seconds = seconds
    made.checks[2].message = "it is not"
    made.leave_out(LeftOut("test_torch_reaches_the_gpu", "cuda", MACHINE, "the machine declares no GPU"))
    made.leave_out(LeftOut("test_cuda_compiles", "cuda", MACHINE, "the machine declares no GPU"))
    shown = io.StringIO()
    made.show(pytest.TerminalReporter(request.config, file=shown))
    lines = [" ".join(line.split()) for line in shown.getvalue().splitlines()]
    table = lines[next(n for n, line in enumerate(lines) if "checks, by subject" in line) + 1 :]
    assert table[:3] == ["passed failed left out seconds", "cuda 0 0 2 0.0", "kernel 2 1 0 6.0"]
    assert table[3].startswith("all 2 1 2 ")
    assert "2 because the machine declares no GPU: torch_reaches_the_gpu, cuda_compiles" in table
    assert table[-1] == "RED kernel: machine is good 2: it is not"


PORT = Sabotage("a port is open", ("security",), ("test_ports",), "true", also=("test_firewall",))


def test_sabotage_is_caught_by_the_check_that_should_see_it() -> None:
    assert judge(PORT, {"test_ports": "4444"}, 0.1, "").caught
    assert judge(PORT, {"test_ports[tcp]": "4444", "test_firewall": "open"}, 0.1, "").caught


def test_sabotage_that_nothing_sees_is_not_caught() -> None:
    assert judge(PORT, {}, 0.1, "").missed == ["test_ports"]


def test_sabotage_that_a_stranger_sees_too_is_not_caught() -> None:
    assert judge(PORT, {"test_ports": "4444", "test_disk": "full"}, 0.1, "").strange == ["test_disk"]


def test_sabotage_that_could_not_be_done_is_not_caught() -> None:
    assert not judge(PORT, {"test_ports": "4444"}, 0.1, "nc: command not found").caught


def test_sabotages_have_names_of_their_own() -> None:
    names = [sabotage.name for sabotage in ALL]
    assert len(names) == len(set(names))
    assert len(names) >= 40
