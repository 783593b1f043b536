"""Small templates for Packer, so that a build takes seconds; what the real one does is proven in tests/packer."""

from __future__ import annotations

from pathlib import Path

from runner.image.host import Host, Look
from runner.image.order import Order
from runner.image.packer import Installed
from runner.image.plan import Plan
from runner.image.template import read_template
from runner.image.versions import read_versions
from runner.image.wheel import Commit

COMMIT = Commit("c" * 40, False)

VARIABLES = {
    "gpu": "true",
    "wheel": "",
    "git_sha": "",
    "output": "",
    "model_source": "hub",
    "region": "",
    "instance_type": "g4dn.xlarge",
    "spot": "true",
    "source_ami_name": "ubuntu/images/hvm-ssd/ubuntu-jammy-*",
    "host_address": "",
    "host_port": "22",
    "host_user": "",
    "host_private_key_file": "",
    "take_over": "false",
    "disposable": "false",
}
OWNERS = 'variable "source_ami_owners" {\n  type    = list(string)\n  default = ["099720109477"]\n}\n'
SOURCE = """
source "null" "host" {
  ssh_host             = var.host_address
  ssh_port             = var.host_port
  ssh_username         = var.host_user
  ssh_private_key_file = var.host_private_key_file
}
"""
NOWHERE = """
source "null" "host" {
  communicator = "none"
}
"""
INVENTORY = """
  provisioner "shell" {
    script          = "runner/image/inventory.py"
    execute_command = "sudo python3 {{.Path}} > /tmp/inventory.json"
  }
  provisioner "file" {
    direction   = "download"
    source      = "/tmp/inventory.json"
    destination = "${var.output}/inventory.json"
  }
"""


def planned(
    order: Order, host: Host | None = None, look: Look | None = None, *, packer: str = "packer"
) -> Plan:
    """The plan of an order, for a build in eu-north-1 of a commit that no checkout has."""
    template = read_template(order.template)
    return Plan(order, read_versions(), template, Installed(packer), COMMIT, "eu-north-1", host, look)


def template(folder: Path, *provisioners: str, on_host: bool = True) -> Path:
    """A template with these provisioners, on the host or on no machine at all; returns its folder."""
    folder.mkdir()
    variables = [
        f'variable "{name}" {{\n  type    = string\n  default = "{default}"\n}}\n'
        for name, default in VARIABLES.items()
    ]
    source = SOURCE if on_host else NOWHERE
    build = 'build {\n  sources = ["source.null.host"]\n' + "".join(provisioners) + "}\n"
    (folder / "small.pkr.hcl").write_text("\n".join([*variables, OWNERS, source, build]))
    return folder


def there(*lines: str) -> str:
    """Shell on the machine."""
    return _inline("shell", lines)


def here(*lines: str) -> str:
    """Shell on this computer."""
    return _inline("shell-local", lines)


def _inline(kind: str, lines: tuple[str, ...]) -> str:
    quoted = ", ".join('"' + line.replace('"', '\\"') + '"' for line in lines)
    return f'  provisioner "{kind}" {{\n    inline = [{quoted}]\n  }}\n'
