"""The template is one that Packer accepts, says what every choice is, and refuses senseless ones in a sentence."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import packer
from tests.support.aws import Cloud
from tests.support.checkout import ROOT
from tests.support.needs import needs

TEMPLATE = ROOT / "packer"
TEXTS = {file.name: file.read_text() for file in sorted(TEMPLATE.glob("*.pkr.hcl"))}
VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
VARIABLES = {name: body for text in TEXTS.values() for name, body in VARIABLE.findall(text)}
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


# What no build of the tests shows: it is of the spot market, of the internet's view of this computer, of other regions
# and accounts, or of AWS's own time. How the source says it, by default and by what else may be chosen.
WRITTEN = {
    "temporary_security_group_source_public_ip": "length(var.builder_cidrs) == 0",
    "temporary_security_group_source_cidrs": "length(var.builder_cidrs) == 0 ? null : var.builder_cidrs",
    "spot_price": 'var.spot ? "auto" : ""',
    "subnet_filter.filters": "var.subnet_filter",
    "subnet_filter.random": "true",
    "encrypt_boot": "var.encrypt ? true : null",
    "kms_key_id": "var.kms_key_id",
    "ami_regions": "var.copy_regions",
    "ami_users": "var.share_accounts",
    "imds_support": '"v2.0"',
    "metadata_options.http_endpoint": '"enabled"',
    "metadata_options.http_tokens": '"required"',
    "metadata_options.http_put_response_hop_limit": "1",
    "aws_polling.delay_seconds": "30",
    "aws_polling.max_attempts": "300",
}
DEFAULTS = {
    "builder_cidrs": "[]",
    "spot": "true",
    "subnet_filter": '{ "default-for-az" = "true" }',
    "encrypt": "false",
    "kms_key_id": "null",
    "copy_regions": "[]",
    "share_accounts": "[]",
}
MEANT: list[tuple[str, dict[str, str], Any]] = [
    ("temporary_security_group_source_public_ip", {}, True),
    ("temporary_security_group_source_cidrs", {}, None),
    ("temporary_security_group_source_public_ip", {"builder_cidrs": '["203.0.113.7/32"]'}, False),
    ("temporary_security_group_source_cidrs", {"builder_cidrs": '["203.0.113.7/32"]'}, ["203.0.113.7/32"]),
    ("spot_price", {}, "auto"),
    ("spot_price", {"spot": "false"}, ""),
    ("subnet_filter.filters", {}, {"default-for-az": "true"}),
    ("encrypt_boot", {}, None),
    ("encrypt_boot", {"encrypt": "true"}, True),
    ("ami_regions", {}, []),
    ("ami_regions", {"copy_regions": '["eu-west-1"]'}, ["eu-west-1"]),
    ("ami_users", {}, []),
    ("ami_users", {"share_accounts": '["123456789012"]'}, ["123456789012"]),
]


def settings(text: str) -> Iterator[tuple[str, str]]:
    """What a formatted file sets in its one block: the names of the blocks within and of the setting, and the value."""
    within: list[str] = []
    for line in text.splitlines():
        if opened := re.match(r" *(\w+).*\{$", line):
            within.append(opened[1])
        elif line.strip() == "}":
            within.pop()
        elif said := re.match(r" +(\w+) += (.*?)(?: +#.*)?$", line):
            yield ".".join([*within[1:], said[1]]), said[2]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_no_build_here_shows_is_written_as_it_is_meant(name: str) -> None:
    assert [value for key, value in settings(TEXTS["sources.aws.pkr.hcl"]) if key == name] == [WRITTEN[name]]


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_is_rented_by_default_is_cheap_closed_and_here(name: str) -> None:
    assert re.findall(r"^  default += (.*)$", VARIABLES[name], re.MULTILINE) == [DEFAULTS[name]]


@needs("packer:modern")
@pytest.mark.parametrize(
    ("name", "given", "value"),
    MEANT,
    ids=[f"{name}-{'-'.join(given) or 'default'}" for name, given, _ in MEANT],
)
def test_what_no_build_here_shows_comes_to_what_is_meant(
    name: str, given: dict[str, str], value: Any
) -> None:
    """Packer itself works out what the source says."""
    expression = dict(settings(TEXTS["sources.aws.pkr.hcl"]))[name]
    chosen = [f"-var={key}={word}" for key, word in given.items()]
    done = subprocess.run(
        [packer.find().program, "console", *chosen, str(TEMPLATE)],
        input=f"jsonencode({expression})\n",
        env=packer.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == value


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
    reboots = [n for n, body in enumerate(bodies) if 'scripts/reboot"' in body]
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
