"""The variables of a build: what nobody was asked about is decided by no file and no environment."""

from __future__ import annotations

from pathlib import Path

from runner.image.host import Host
from runner.image.order import TEMPLATE, Order
from runner.image.plan import variables
from runner.image.template import read_template
from tests.image_build.bakes import COMMIT, planned

HOST = Host("ssh://me@box", "me", "192.0.2.7", 2222, None)


def said(order: Order, host: Host | None = None) -> dict[str, str]:
    return variables(planned(order, host), Path("/b"), Path("/b/x.whl"))


def test_what_the_plan_speaks_of_is_said_also_where_it_is_the_default() -> None:
    """Since what is said on the command line wins over PKR_VAR_disposable and files of variables."""
    image = said(Order(variables={"spot": "false"}))
    machine = said(Order(host="ssh://me@box", cpu=True, model="demonstration"), HOST)

    assert (image["host_address"], image["disposable"], image["take_over"], image["gpu"]) == (
        "", "false", "false", "true",
    )  # fmt: skip
    assert image["git_sha"] == machine["git_sha"] == COMMIT.sha
    assert (image["model_source"], image["model_id"]) == ("hub", "KBLab/kb-whisper-small")
    assert (image["spot"], image["region"], image["wheel"]) == ("false", "eu-north-1", "/b/x.whl")
    assert (machine["host_address"], machine["host_port"], machine["host_user"]) == (
        "192.0.2.7",
        "2222",
        "me",
    )
    assert (machine["disposable"], machine["take_over"], machine["gpu"]) == ("false", "false", "false")
    assert machine["model_source"] == "demonstration"
    assert "region" not in machine


def test_no_variable_wins_over_what_the_options_say() -> None:
    machine = said(Order(host="ssh://me@box", variables={"disposable": "true", "gpu": "false"}), HOST)

    assert (machine["disposable"], machine["gpu"]) == ("false", "true")


def test_every_variable_that_is_said_is_one_of_the_template() -> None:
    known = read_template(TEMPLATE).defaults

    assert set(said(Order())) | set(said(Order(host="ssh://me@box"), HOST)) <= set(known)
