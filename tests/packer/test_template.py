"""The template is one that Packer accepts, says what every choice is, and refuses senseless ones in a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import packer
from tests.support.aws import Cloud
from tests.support.checkout import ROOT
from tests.support.needs import needs

TEMPLATE = ROOT / "packer"
TEXTS = {file.name: file.read_text() for file in sorted(TEMPLATE.glob("*.pkr.hcl"))}
VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
VARIABLES = {name: body for text in TEXTS.values() for name, body in VARIABLE.findall(text)}
VERSIONS: dict[str, Any] = yaml.safe_load((ROOT / "ansible/group_vars/all/versions.yml").read_text())
SOURCES = {"amazon-ebs.image": {}, "null.host": {"host_address": "203.0.113.7"}}


@needs("machines")
@pytest.mark.parametrize("source", SOURCES)
def test_packer_accepts_the_template(source: str, tmp_path: Path, aws: Cloud) -> None:
    given = {"gpu": "false", "tools": str(ROOT / ".venv/bin"), **SOURCES[source]}
    where = packer.template(tmp_path, source, aws.endpoint)
    done = packer.run("validate", where, given, env=aws.environment)
    print(packer.find())
    assert done.returncode == 0, done.stdout


@needs("packer:modern")
def test_the_template_is_formatted() -> None:
    done = packer.run("fmt", TEMPLATE, {}, "-check", "-diff")
    assert (done.returncode, done.stdout) == (0, "")


@needs("packer:modern")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "north"),
        ("instance_type", "big"),
        ("builder_cidrs", '["0.0.0.0/0"]'),
        ("builder_cidrs", '["203.0.113.7"]'),
        ("source_ami_owners", "[]"),
        ("volume_size", "8"),
        ("share_accounts", '["12"]'),
        ("copy_regions", '["x"]'),
        ("deprecate_after_days", "0"),
        ("subnet_id", "mine"),
        ("kms_key_id", "mine"),
        ("ssh_interface", "carrier pigeon"),
        ("ssh_interface", "session_manager"),  # needs a role of the account and an agent that is a snap
        ("tags", '{"aws:x" = "y"}'),
        ("model_id", "whisper"),
        ("git_sha", "HEAD"),
        ("wheel", "dist"),
        ("host_address", "me@host"),
        ("host_port", "70000"),
    ],
)
def test_a_senseless_choice_is_refused_in_a_sentence(name: str, value: str) -> None:
    done = packer.run("validate", TEMPLATE, {name: value})
    assert done.returncode != 0
    assert f"The {name} must" in " ".join(done.stdout.split())


@needs("machines", "packer:modern")
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kms_key_id": "alias/mine"}, "encrypt_boot must also be true"),
        (
            {"encrypt": "true", "share_accounts": '["123456789012"]'},
            "Cannot share AMI encrypted with default",
        ),
    ],
)
def test_an_encryption_that_aws_would_not_do_is_refused_before_anything_is_rented(
    given: dict[str, str], why: str, aws: Cloud
) -> None:
    """Packer lets a variable's own validation see no other variable: the plugin refuses these."""
    settings = {"gpu": "false", "tools": str(ROOT / ".venv/bin"), **given}
    done = packer.run("validate", TEMPLATE, settings, env=aws.environment)
    assert done.returncode != 0
    assert why in " ".join(done.stdout.split())
    assert not [request.action for request in aws.requests if request.action.startswith(("Run", "Create"))]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_says_what_it_is(name: str) -> None:
    body = VARIABLES[name]
    assert re.search(r"^  type +=", body, re.MULTILINE)
    assert re.search(r'^  description += ".+[.]"$', body, re.MULTILINE)
    if not re.search(r"^  type +=  ?bool$", body, re.MULTILINE):
        assert f'error_message = "The {name} must' in body


def test_plugins_are_those_of_the_versions_file() -> None:
    text = TEXTS["plugins.pkr.hcl"]
    assert f'required_version = "{VERSIONS["packer_version"]}"' in text
    found = dict(re.findall(r'github\.com/hashicorp/(\w+)"\n +version = "(.+)"', text))
    assert found == VERSIONS["packer_plugins"]


def test_an_ami_is_the_last_thing_that_happens() -> None:
    """The checks stand before the last wipe, the hygiene checks after it, and no provisioner comes later."""
    provisioners = re.findall(
        r'^  provisioner "([\w-]+)" \{\n(.*?)^  \}', TEXTS["build.pkr.hcl"], re.M | re.S
    )
    bodies = [body for _, body in provisioners]
    first, main, last = (
        next(n for n, body in enumerate(bodies) if f"--tags={tag}" in body)
        for tag in ("first", "main", "last")
    )
    checks = next(n for n, body in enumerate(bodies) if "{{.Script}} checks" in body)
    reboots = [n for n, body in enumerate(bodies) if "systemctl reboot" in body]
    sealed = next(n for n, body in enumerate(bodies) if '"sealed"' in body)
    assert first < reboots[0] < main < reboots[1] < checks < last < sealed == len(bodies) - 1


@pytest.mark.parametrize("word", [*packer.LACKS_BLOCKS, *packer.LACKS_ATTRIBUTES])
def test_what_is_left_out_for_an_old_packer_is_in_the_template(word: str) -> None:
    """A list of what is not shown there is of use only while it is true."""
    assert any(re.search(rf"^ *{word} ?[\"={{ ]", text, re.MULTILINE) for text in TEXTS.values())


def test_a_copy_for_an_old_packer_differs_by_the_lists_alone(tmp_path: Path) -> None:
    copy = packer.reduce(tmp_path, "null.host")
    for name in set(TEXTS) - set(packer.LACKS_FILES):
        left = (copy / name).read_text().splitlines()
        added = [line for line in left if line not in TEXTS[name].splitlines()]
        assert all(re.match(r" +(root +=|sources =|volume_type +=)", line) for line in added), added
