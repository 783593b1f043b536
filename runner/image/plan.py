"""What a build is about, and the variables that Packer is given for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.image.host import Host, Look
from runner.image.order import Order
from runner.image.packer import Installed
from runner.image.template import Template
from runner.image.versions import Versions
from runner.image.wheel import Commit


@dataclass(frozen=True, slots=True)
class Plan:
    """An order, with what was read and found for it."""

    order: Order
    versions: Versions
    template: Template
    packer: Installed
    commit: Commit
    region: str
    host: Host | None = None
    look: Look | None = None

    @property
    def gpu(self) -> bool:
        return not self.order.cpu

    @property
    def flavour(self) -> str:
        return "gpu" if self.gpu else "cpu"

    @property
    def model(self) -> str:
        """The model's id on the hub, or where else it comes from."""
        given = self.order.model_variables()
        source = given.get("model_source", "hub")
        return given.get("model_id", self.versions.model) if source == "hub" else source


def variables(plan: Plan, folder: Path, wheel: Path) -> dict[str, str]:
    """The template's variables for a build that leaves its things in `folder`.

    Those that the plan speaks of are said though they be the template's defaults: a variable of the environment
    (PKR_VAR_disposable) or a file of variables would else decide what nobody was asked.
    """
    order, host = plan.order, plan.host
    said = {
        "disposable": _bool(order.disposable),
        "take_over": _bool(order.take_over),
        "host_address": "" if host is None else host.address,
        "model_source": "hub",
        "model_id": plan.versions.model,
    }
    ours = {
        "gpu": _bool(plan.gpu),
        "wheel": str(wheel),
        "git_sha": str(plan.commit),
        "output": str(folder),
        **{name: value for name, value in said.items() if name in plan.template.defaults},
        **order.model_variables(),
    }
    if host is None:
        ours["region"] = plan.region
    else:
        ours |= {
            "host_address": host.address,
            "host_port": str(host.port),
            "host_user": host.user,
            "host_private_key_file": str(host.key or ""),
            "take_over": _bool(order.take_over),
            "disposable": _bool(order.disposable),
        }
    return {**order.variables, **ours}


def _bool(value: bool) -> str:
    return "true" if value else "false"
