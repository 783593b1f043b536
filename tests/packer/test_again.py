"""The whole playbook a second time over a machine that is done: nothing is left for it to do."""

from __future__ import annotations

import pytest
import yaml

from tests.ansible.playing import ANSIBLE, Played, ansible, outcome
from tests.support.machines import Machine, Root, machine
from tests.support.machines.baking import VARIABLES, Bake
from tests.support.needs import needs

pytestmark = [pytest.mark.slow, needs("machines")]


def play_all(one: Machine, bake: Bake) -> Played:
    """The parts `first` and `main`, as the bake itself ran them."""
    (wheel,) = bake.output.glob("*.whl")
    given = {
        "gpu": False,
        "disposable": True,
        "take_over": False,
        "model_source": VARIABLES["model_source"],
        "model_id": "KBLab/kb-whisper-small",
        "wheel": str(wheel),
        "git_sha": VARIABLES["git_sha"],
    }
    played = outcome(
        ansible(
            "--inventory", f"{one.address},",
            "--user", one.user,
            f"--ssh-common-args=-F {one.ssh_config}",
            "--tags=first,main",
            f"--extra-vars={yaml.safe_dump(given, default_flow_style=True, width=10_000)}",
            str(ANSIBLE / "image.yml"),
        )
    )  # fmt: skip
    assert played.failed == 0, played.output
    return played


def test_a_second_run_of_all_roles_changes_nothing(baked: Root, bake: Bake) -> None:
    with machine(baked) as one:
        play_all(one, bake)  # what the wipe for an image took away is made again
        second = play_all(one, bake)
        assert second.changed == 0, second.output
