"""Builds of an AMI against AWS on this computer, with a real machine behind the instance that moto pretends to run."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import packer
from tests.support.aws import Cloud, Request
from tests.support.checkout import ROOT
from tests.support.machines import Machine, network
from tests.support.machines.baking import VARIABLES

KEY_PAIR = "the-operators-own"


@dataclass(frozen=True)
class Build:
    """How a build ended: what Packer said and what it wrote."""

    code: int
    log: str
    output: Path

    @property
    def manifest(self) -> dict[str, Any]:
        builds = json.loads((self.output / "manifest.json").read_text())["builds"]
        assert len(builds) == 1
        return dict(builds[0])

    @property
    def image(self) -> str:
        """The id of the image in the build's region."""
        region, image = self.manifest["artifact_id"].split(":")
        assert region == "eu-north-1"
        return str(image)


@pytest.fixture
def build_image(tmp_path: Path, aws: Cloud) -> Callable[..., Build]:
    """Build an AMI in the account; the machine stands for the instance."""

    def build(machine: Machine, *, checkout: Path = ROOT, **variables: str) -> Build:
        output = tmp_path / "output"
        given = {
            **VARIABLES,
            "instance_type": "c5.xlarge",
            "spot": "false",
            "builder_cidrs": f'["{network.GATEWAY}/32"]',
            "ssh_host": machine.address,
            "tools": str(ROOT / ".venv/bin"),
            "output": str(output),
            **variables,
        }
        if packer.find().modern:
            aws.edge.witnesses["CreateKeyPair"] = lambda *said: _authorize(machine, tmp_path, *said)
        else:  # its temporary keys are RSA with SHA-1, which no sshd of today takes
            given |= _import_key(aws, machine)
        template = packer.template(tmp_path, "amazon-ebs.image", aws.endpoint, checkout=checkout)
        with tempfile.TemporaryDirectory(prefix="t-") as short:  # a socket's path has 108 characters at most
            environment = {**aws.environment, "TMPDIR": short}
            done = packer.run("build", template, given, "-timestamp-ui", env=environment)
            print(f"{packer.find()}\n{done.stdout}")
            assert not list(Path(short).glob("gpu-transcriber-*")), (
                "the connection or its key was left behind"
            )
        return Build(done.returncode, done.stdout, output)

    return build


@pytest.fixture
def broken_checkout(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """A copy of this checkout in which some files say something else."""

    def make(files: dict[str, str]) -> Path:
        target = tmp_path / "checkout"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target / name)
        for name, text in files.items():
            (target / name).write_text(text)
        return target

    return make


def _authorize(machine: Machine, folder: Path, request: Request, status: int, body: bytes) -> None:
    """Do what the metadata service and cloud-init do: let the new key pair log in at the machine."""
    assert status == 200
    found = re.search(r"<keyMaterial>(.*?)</keyMaterial>", body.decode(), re.DOTALL)
    assert found
    private = folder / "temporary-key"
    private.touch(mode=0o600)
    private.write_text(html.unescape(found[1]))
    public = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True, timeout=60
    )
    machine.run(
        "tee --append ~/.ssh/authorized_keys",
        stdin=f"{public.stdout.strip()} {request.parameters['KeyName']}\n",
    )


def _import_key(aws: Cloud, machine: Machine) -> dict[str, str]:
    public = machine.key.with_suffix(".pub").read_bytes()
    aws.client("ec2").import_key_pair(KeyName=KEY_PAIR, PublicKeyMaterial=public)
    return {"ssh_keypair_name": KEY_PAIR, "ssh_private_key_file": str(machine.key)}
