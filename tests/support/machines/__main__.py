"""Machines by hand, for who develops what runs on them.

python -m tests.support.machines up [--from NAME]    one more machine; from what NAME, which is off, has become
python -m tests.support.machines up --baked          one more, of this checkout's baked machine; baked if need be
python -m tests.support.machines list
python -m tests.support.machines ssh NAME [COMMAND]
python -m tests.support.machines reboot|off|on|kill|down NAME
python -m tests.support.machines down --all
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.support.machines.baking import bake
from tests.support.machines.machine import Machine, MachineFailed, everything, make
from tests.support.machines.roots import Root, base


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.machines", usage=__doc__)
    parser.add_argument("action", choices="up list ssh reboot off on kill down".split())
    parser.add_argument("name", nargs="?")
    parser.add_argument("--from", dest="source")
    parser.add_argument("--baked", action="store_true")
    parser.add_argument("--all", action="store_true")
    options, command = parser.parse_known_args()
    try:
        return _act(options, command)
    except MachineFailed as error:
        print(error, file=sys.stderr)
        return 1


def _act(options: argparse.Namespace, command: list[str]) -> int:
    if options.action == "up":
        if options.baked:
            return _up(bake().root)
        return _up(base() if options.source is None else Machine.find(options.source).layer())
    if options.action == "list":
        for one in everything():
            owner = f"of process {one.spec.owner.pid}" if one.spec.owner else "stays"
            print(f"{one.name}  {one.address}  {'on ' if one.on else 'off'}  {owner}")
        return 0
    if options.all:
        for one in everything():
            if one.spec.owner is None:
                one.remove()
        return 0
    one = Machine.find(options.name or "(no name given)")
    if options.action == "ssh":
        os.execvp("ssh", ["ssh", "-F", str(one.ssh_config), one.name, *command])
    {"reboot": one.reboot, "off": one.poweroff, "on": one.boot, "kill": one.kill, "down": one.remove}[
        options.action
    ]()
    return 0


def _up(root: Root) -> int:
    one = make(root, stays=True)
    try:
        one.boot()
    except MachineFailed:
        one.remove()
        raise
    print(f"{one.name}  ssh://{one.user}@{one.address}  ssh -F {one.ssh_config} {one.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
