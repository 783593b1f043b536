"""What would stop a long build is found before it: each failure one sentence, and none hides another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cloud.account import Account
from runner.errors import CannotStart
from runner.image import preflight
from runner.image.host import Host, Look
from runner.image.order import Order
from runner.image.plan import Plan
from runner.image.preflight import Check, Finding, distinct, examine
from runner.image.versions import read_versions
from tests.cloud.sky import Sky
from tests.image_build.bakes import planned
from tests.support.aws.cloud import JAMMY

REGION = "eu-north-1"
HOST = Host("ssh://me@box", "me", "192.0.2.7", 22, None)
SEEN = Look(("debian", "12"), "6.1.0-40-amd64", "x86_64", True, 40_000_000_000, 0, False)


def the_plan(order: Order | None = None, look: Look | None = None) -> Plan:
    return planned(order or Order(), HOST if look is not None else None, look)


def test_every_failure_is_told_and_none_hides_another(aws: Sky) -> None:
    def fail(sentence: str) -> Check:
        def check() -> str:
            raise CannotStart(sentence)

        return check

    def break_down() -> str:
        raise ZeroDivisionError("by nought")

    found = examine(
        [("a", fail("Mend a.")), ("b", lambda: "fine"), ("c", break_down), ("d", fail("Mend d."))]
    )

    assert found[:2] == [Finding("a", False, "Mend a."), Finding("b", True, "fine")]
    assert found[2].text == "This could not be examined (ZeroDivisionError: by nought): please report it."
    assert found[3] == Finding("d", False, "Mend d.")


def test_what_fails_for_one_reason_is_told_once() -> None:
    found = [
        Finding("credentials", False, "No credentials."),
        Finding("quota", False, "No credentials."),
        Finding("a", True, "fine"),
        Finding("b", True, "fine"),
        Finding("lock", False, "No lock."),
    ]

    assert [finding.name for finding in distinct(found)] == ["credentials", "a", "b", "lock"]


def test_what_does_not_answer_has_failed_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "PATIENCE", 0.2)
    never = threading.Event()

    found = examine([("slow", lambda: str(never.wait())), ("quick", lambda: "fine")])

    never.set()
    assert [finding.passed for finding in found] == [False, True]
    assert "check the network" in found[0].text


def test_all_is_well_in_an_account_that_may_build(aws: Sky, account: Account) -> None:
    plan = the_plan()

    assert preflight.credentials(REGION).startswith("account 123456789012")
    assert preflight.quota(plan) == "8 vCPU spot"
    assert JAMMY.rpartition("/")[2] in preflight.base_image(plan)


@pytest.mark.parametrize(
    ("spot", "market", "code"), [("true", "spot", "L-3819A6DF"), ("false", "on-demand", "L-DB2E81BA")]
)
def test_a_quota_that_is_too_small_says_how_to_ask_for_more(
    spot: str, market: str, code: str, aws: Sky
) -> None:
    aws.quotas = {code: 0.0}

    with pytest.raises(CannotStart) as caught:
        preflight.quota(the_plan(Order(variables={"spot": spot})))

    said = str(caught.value)
    assert f"The {market} quota for G and VT machines in {REGION} is 0 vCPU, and g4dn.xlarge needs 4" in said
    assert f"request-service-quota-increase --service-code ec2 --quota-code {code} --desired-value 4" in said


def test_a_region_without_the_base_image_is_told(aws: Sky) -> None:
    with pytest.raises(
        CannotStart, match=r"No image named no-such-\* of 099720109477 is in eu-north-1: choose"
    ):
        preflight.base_image(the_plan(Order(variables={"source_ami_name": "no-such-*"})))


def test_kernel_and_driver_are_told_as_a_pair(aws: Sky) -> None:
    plan = the_plan()
    assert preflight.kernel_and_driver(plan) == (
        f"kernel {plan.versions.kernel_abi}-aws and driver 530 (open): seen to build"
    )

    late = replace(plan, versions=replace(plan.versions, kernel_abi="5.15.0-1121"))
    with pytest.raises(
        CannotStart, match=r"Kernel 5\.15\.0-1121-aws and driver 530 \(open\) do not go together"
    ):
        preflight.kernel_and_driver(late)
    unknown = replace(plan, versions=replace(plan.versions, driver_branch="470"))
    with pytest.raises(
        CannotStart, match=r"No kernel is known for driver 470 \(open\); versions\.yml knows 530 open"
    ):
        preflight.kernel_and_driver(unknown)


def test_a_flavour_without_a_lock_says_which_command_makes_it(aws: Sky) -> None:
    plan = the_plan()
    cpu = the_plan(Order(host="ssh://me@box", cpu=True), SEEN)
    assert preflight.lock(cpu) == "cpu-3.11.txt"
    assert plan.versions.lock("gpu", "ubuntu").name == "cu118-3.10.txt"

    nowhere = replace(plan, versions=replace(plan.versions, torch_build={"gpu": "cu000", "cpu": "index"}))
    with pytest.raises(
        CannotStart, match=r"There is no lock cu000-3\.10\.txt: .* -m runner\.image\.locks cu000"
    ):
        preflight.lock(nowhere)


def test_a_model_whose_revision_nobody_resolved_is_told_and_others_are_left_to_their_owner(
    tmp_path: Path,
) -> None:
    versions = replace(read_versions(), model_revision=None)

    with pytest.raises(
        CannotStart,
        match=r"No revision of KBLab/kb-whisper-small is in versions\.yml.*-m runner\.machine\.pin",
    ):
        preflight.model(replace(the_plan(), versions=versions))
    for model in ("demonstration", str(tmp_path), "someone/else"):
        assert preflight.model(replace(the_plan(Order(model=model)), versions=versions)) == model
    assert preflight.model(replace(the_plan(), versions=replace(versions, model_revision="abc")))


def test_an_older_packer_than_the_template_asks_for_is_told(tmp_path: Path) -> None:
    packer = tmp_path / "packer"
    packer.write_text("#!/bin/sh\necho 'Packer v1.6.6'\n")
    packer.chmod(0o755)

    with pytest.raises(
        CannotStart, match=r"is Packer 1\.6\.6, and the template needs >= 1\.11: install a newer one"
    ):
        preflight.packer(planned(Order(), packer=str(packer)))

    packer.write_text("#!/bin/sh\n[ $1 = version ] && echo 'Packer v1.16.0' || true\n")
    assert "to be fetched" in preflight.packer(planned(Order(), packer=str(packer)))


def test_ansible_comes_from_our_own_environment() -> None:
    assert preflight.ansible().startswith("ansible-core 2.")


@pytest.mark.parametrize(
    ("change", "cpu", "sentence"),
    [
        (lambda seen: seen, True, ""),
        (lambda seen: seen, False, "has no NVIDIA GPU: add --cpu"),
        (
            lambda seen: replace(seen, platform=("fedora", "41")),
            True,
            "runs fedora 41, and Ubuntu 22.04 and Debian 12 are",
        ),
        (lambda seen: replace(seen, machine="aarch64"), True, "is aarch64"),
        (lambda seen: replace(seen, sudo=False), True, "asks me for a password at sudo"),
        (lambda seen: replace(seen, free=1_000_000_000), True, "has 1.0 GB free for /opt, and needs 8.0 GB"),
    ],
)
def test_a_machine_that_cannot_be_set_up_says_why(
    change: Callable[[Look], Look], cpu: bool, sentence: str
) -> None:
    if not sentence:
        assert preflight.machine(HOST, change(SEEN), gpu=not cpu) == "Debian 12, 40 GB free"
        return
    with pytest.raises(CannotStart, match=sentence):
        preflight.machine(HOST, change(SEEN), gpu=not cpu)


def test_a_machine_with_several_faults_tells_all_of_them() -> None:
    worst = replace(SEEN, sudo=False, free=0, machine="riscv64")

    with pytest.raises(
        CannotStart, match=r"is riscv64.*; it asks me for a password.*; it has 0 kB free.*; it has no NVIDIA"
    ):
        preflight.machine(HOST, worst, gpu=True)


def test_a_host_of_its_owner_is_asked_nothing_of_aws_and_nothing_of_kernels(tmp_path: Path) -> None:
    names = [
        name for name, _ in preflight.checks(the_plan(Order(host="ssh://me@box", cpu=True), SEEN), tmp_path)
    ]
    taken = [
        name
        for name, _ in preflight.checks(the_plan(Order(host="ssh://me@box", take_over=True), SEEN), tmp_path)
    ]

    assert not {"credentials", "quota", "base image", "kernel and driver"} & set(names)
    assert "kernel and driver" in taken


def test_a_machine_that_could_not_be_looked_at_is_not_judged(tmp_path: Path) -> None:
    order = Order(host="ssh://me@box", cpu=True)

    assert "machine" in dict(preflight.checks(planned(order, HOST, SEEN), tmp_path))
    assert "machine" not in dict(preflight.checks(planned(order, HOST), tmp_path))


def test_room_is_looked_for_where_the_builds_will_be(tmp_path: Path) -> None:
    assert preflight.disk(tmp_path / "not" / "yet").endswith(" free")
    (tmp_path / "build").symlink_to(tmp_path / "gone")
    with pytest.raises(
        CannotStart, match=r"build cannot hold what a build leaves \(No such file or directory\)"
    ):
        preflight.disk(tmp_path / "build")
