"""Packer's template as the preflight reads it: defaults, what was given instead, and what it requires."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.image.order import TEMPLATE
from runner.image.template import Template, read_template


def test_the_templates_own_variables_are_read() -> None:
    template = read_template(TEMPLATE)

    assert template.value("instance_type", {}) == "g4dn.xlarge"
    assert template.values("source_ami_owners", {}) == ["099720109477"]
    assert template.packer.startswith(">=")
    assert set(template.plugins) == {"github.com/hashicorp/amazon", "github.com/hashicorp/ansible"}
    assert {
        "gpu",
        "wheel",
        "git_sha",
        "output",
        "model_source",
        "host_address",
        "take_over",
    } <= template.defaults.keys()


def test_what_is_given_wins_over_the_default() -> None:
    template = Template(Path("x"), {"instance_type": "g4dn.xlarge", "spot": "true", "wheel": None}, "", {})

    assert template.value("instance_type", {"instance_type": "g5.xlarge"}) == "g5.xlarge"
    assert template.spot({})
    assert not template.spot({"spot": "false"})
    with pytest.raises(CannotStart, match=r"no value for wheel: give one by --var wheel=…\."):
        template.value("wheel", {})
    with pytest.raises(CannotStart, match="owners is 099720109477 or so, but it takes a list"):
        template.values("owners", {"owners": "099720109477 or so"})


def test_a_template_that_requires_nothing_asks_for_no_version(tmp_path: Path) -> None:
    (tmp_path / "one.pkr.hcl").write_text('variable "wheel" {\n  type    = string\n  default = "x.whl"\n}\n')

    assert read_template(tmp_path) == Template(tmp_path, {"wheel": "x.whl"}, "", {})


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"has no \*\.pkr\.hcl"):
        read_template(tmp_path)
