"""Machines for the tests: a full Debian with systemd behind SSH, up in half a second, cut off or removed at will.

They stand for what Packer bakes and for what is rented: a power cut, a reboot, a spot interruption are one call.

    with machine() as fresh:
        fresh.run("sudo apt-get update")
        fresh.reboot()

Everything runs on this computer by systemd-nspawn, needs root, and leaves nothing: each machine has a keeper
process that takes it down when whoever started it is gone, and what a killed keeper left is swept at next use.
"""

from tests.support.machines.machine import Machine, machine
from tests.support.machines.roots import Root, base

__all__ = ["Machine", "Root", "base", "machine"]
