"""Packer's lines → the stage at hand, its time, what a person reads and where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.image.stages import Course, parse, shown

LINES = Path(__file__).parent / "lines"  # as Packer wrote them
FAILED = (LINES / "checks-fail.txt").read_text()
ANSIBLE = (LINES / "role-fails.txt").read_text()
MADE = (LINES / "image-made.txt").read_text()


def course(lines: str) -> Course:
    """A course after these lines, in which each takes a second."""
    seconds: Iterator[float] = iter(range(1000))
    told = Course(clock=lambda: float(next(seconds)))
    for line in lines.splitlines():
        told.take(line)
    told.finish()
    return told


def test_a_marker_a_role_and_a_step_of_packer_each_begin_a_stage() -> None:
    assert [stage.name for stage in course(FAILED).stages] == ["checks", "journal"]
    assert [stage.name for stage in course(ANSIBLE).stages] == ["base", "nvidia_driver", "clean-up"]
    assert [stage.name for stage in course(MADE).stages] == ["base image", "launch", "snapshot"]


def test_every_stage_has_its_time_and_they_follow_one_another() -> None:
    stages = course(MADE).stages

    assert [stage.seconds for stage in stages] == [1.0, 1.0, 1.0]
    assert [stage.end for stage in stages[:-1]] == [stage.begin for stage in stages[1:]]


@pytest.mark.parametrize(("lines", "stage"), [(FAILED, "checks"), (ANSIBLE, "nvidia_driver"), (MADE, "")])
def test_the_stage_that_failed_is_not_the_one_that_cleans_up(lines: str, stage: str) -> None:
    assert course(lines).failed_in == stage


def test_the_reason_is_ansibles_where_it_gave_one_and_packers_else() -> None:
    assert '"msg": "No package matching nvidia"' in course(ANSIBLE).fatal
    assert course(ANSIBLE).task == "Pin the driver"
    assert course(FAILED).errors == ["Script exited with non-zero exit status: 3"]


def test_a_failure_that_ansible_goes_on_after_is_none() -> None:
    ignored = "1795546539,,ui,message,    null.host: fatal: [default]: FAILED! => {}...ignoring\n"

    assert course(ignored).fatal == ""


def test_what_packer_made_is_known_by_name() -> None:
    told = course(MADE)

    assert told.made == {
        "instance": ["i-0123456789abcdef0"],
        "key pair": ["packer_6925a1b2"],
        "security group": ["packer_6925a1b3"],
        "image": ["ami-0fedcba9876543210"],
    }
    assert told.artifacts == ["eu-north-1:ami-0fedcba9876543210"]


def test_a_person_reads_commas_and_lines_and_not_the_sources_name() -> None:
    line = parse(
        "1,,ui,say,==> amazon-ebs.image: one%!(PACKER_COMMA) two\\n    amazon-ebs.image: \\x1b[32mthree".replace(
            "\\x1b", "\x1b"
        )
    )

    assert line is not None
    assert list(shown(line)) == ["one, two", "three"]


@pytest.mark.parametrize("line", ["", "Error: no such file", "a,b,c"])
def test_what_is_not_for_machines_is_no_line(line: str) -> None:
    assert parse(line) is None
