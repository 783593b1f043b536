"""Variables are judged before a build: their names by the template, their values by Packer itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.image.order import TEMPLATE, Order
from runner.image.plan import Plan
from runner.image.validation import REST, validate
from tests.image_build.bakes import here, planned, template
from tests.support.needs import needs

SIZE = """
variable "size" {
  type    = number
  default = 8
}
"""


def the_plan(folder: Path, packer: str = "packer", **variables: str) -> Plan:
    order = Order(cpu=True, model="demonstration", variables=variables, template=folder)
    return planned(order, packer=packer)


def speaking(path: Path, plugins: str = "", validation: str = "exit 0") -> str:
    """A program that speaks as a Packer of today does."""
    path.write_text(
        f"#!/bin/sh\ncase $1 in\nversion) echo Packer v1.16.0;;\nplugins) echo '{plugins}';;\n"
        f"validate) {validation};;\nesac\n"
    )
    path.chmod(0o755)
    return str(path)


def test_a_name_that_the_template_has_not_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(
        CannotStart, match=r"no variable for: encrypted \(meant: encrypt\?\): .*have the names"
    ):
        validate(the_plan(TEMPLATE, "no-such-packer", encrypted="true"), tmp_path, 60)


def test_without_packer_or_its_plugins_the_values_are_left_to_it(tmp_path: Path) -> None:
    told = validate(the_plan(TEMPLATE, "no-such-packer", encrypt="true"), tmp_path, 60)
    assert told == "encrypt; values are for Packer to judge, once it is here"

    packer = speaking(tmp_path / "packer", validation="exit 1")
    assert "once it and its plugins are here" in validate(the_plan(TEMPLATE, packer), tmp_path, 60)


def test_with_its_plugins_packer_is_asked_and_what_it_says_is_the_reason(tmp_path: Path) -> None:
    at = "/p/github.com/hashicorp"
    plugins = (
        f"{at}/amazon/packer-plugin-amazon_v1.8.3_x5.0_linux_amd64 "
        f"{at}/ansible/packer-plugin-ansible_v1.1.7_x5.0_linux_amd64"
    )
    packer = speaking(tmp_path / "packer", plugins)
    assert validate(the_plan(TEMPLATE, packer), tmp_path, 60) == "none given; Packer takes them"

    says_no = 'echo "Error: no, ${2} ${3}" >&2; exit 1'
    with pytest.raises(CannotStart, match=r"Packer does not take .*: Error: no, -var=volume_size=big -var="):
        validate(
            the_plan(TEMPLATE, speaking(tmp_path / "packer", plugins, says_no), volume_size="big"),
            tmp_path,
            60,
        )


def test_a_packer_that_takes_too_long_stops_nothing_and_is_told(tmp_path: Path) -> None:
    folder = template(tmp_path / "t", here("true"), on_host=False)
    packer = speaking(tmp_path / "packer", validation="exec sleep 60")

    assert "not judged by Packer, which took too long" in validate(the_plan(folder, packer), tmp_path, REST)


@pytest.mark.slow
@needs("debian:packer")
def test_packer_itself_refuses_a_value_of_the_wrong_type(tmp_path: Path) -> None:
    folder = template(tmp_path / "t", here("true"), on_host=False)
    (folder / "size.pkr.hcl").write_text(SIZE)

    assert validate(the_plan(folder, size="12"), tmp_path, 60) == "size; Packer takes them"
    with pytest.raises(CannotStart, match=r"Packer does not take the template with these variables: .*size"):
        validate(the_plan(folder, size="big"), tmp_path, 60)
