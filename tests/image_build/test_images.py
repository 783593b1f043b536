"""`images`: what is listed, what --prune would remove, and that nothing in use ever goes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from runner.cloud.account import Account
from runner.cloud.images import exists
from runner.errors import UsageError
from runner.image import ami_id
from runner.image.images import ImagesOrder, age, carry_out
from tests.cloud.made import make_image, run_machine
from tests.cloud.sky import Sky

pytestmark = pytest.mark.slow  # each has an AWS of its own

Images = Callable[[int], list[str]]


@pytest.fixture
def images(account: Account, monkeypatch: pytest.MonkeyPatch) -> Images:
    """Makes images, a day apart, oldest first; returns their ids."""
    from moto.ec2.models import ec2_backends

    def make(number: int) -> list[str]:
        made = [
            make_image(account, f"gpu-transcriber-{n}", Checks="61", Driver="530.30.02-open")
            for n in range(number)
        ]
        amis = ec2_backends["123456789012"]["eu-north-1"].amis
        for days, image in enumerate(reversed(made), 1):
            amis[image].creation_date -= timedelta(days=days, hours=1)
        return made

    return make


def left(account: Account, ids: list[str]) -> list[str]:
    return [one for one in ids if exists(account, one)]


def test_the_list_tells_age_checks_size_cost_and_protection(
    images: Images, aws: Sky, capsys: pytest.CaptureFixture[str]
) -> None:
    (image,) = images(1)
    aws.protect(image, "enabled-with-cooldown")

    assert carry_out(ImagesOrder()) == 0

    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if image in line)
    for cell in ("25 hours", "driver 530.30.02-open", "61", "≤ 16 GB", "≤ 0.79 USD", "protected", "nothing"):
        assert cell in row
    assert "0.053 USD a gigabyte, by AWS's price list today" in out


def test_without_a_price_the_cost_is_said_to_be_unknown(
    images: Images, aws: Sky, capsys: pytest.CaptureFixture[str]
) -> None:
    images(1)
    aws.snapshot_price = None

    assert carry_out(ImagesOrder()) == 0
    assert "what that costs is unknown" in capsys.readouterr().out


def test_without_images_it_is_told_how_to_make_one(aws: Sky, capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(ImagesOrder()) == 0
    assert capsys.readouterr().out == "There are no images of ours in eu-north-1; ./invoke image makes one.\n"


@pytest.mark.parametrize(
    "order", [ImagesOrder(prune=True, keep="1"), ImagesOrder(prune=True, keep="1", dry_run=True)]
)
def test_pruning_removes_nothing_unless_it_is_agreed_to(
    order: ImagesOrder,
    images: Images,
    account: Account,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    made = images(3)

    assert carry_out(order) == 0

    assert left(account, made) == made
    out = capsys.readouterr().out
    assert f"would remove {made[0]}: deregisters it and deletes 1 snapshot" in out
    assert f"would remove {made[2]}" not in out
    assert ("Nothing was removed: --yes removes these 2 images." in out) is not order.dry_run


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_it_is_asked(
    answer: str, goes: bool, images: Images, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    made = images(2)

    assert carry_out(ImagesOrder(prune=True, keep="1")) == 0
    assert left(account, made) == (made[1:] if goes else made)


def test_the_newest_stay_and_three_if_no_number_is_said(images: Images, account: Account) -> None:
    made = images(5)

    assert carry_out(ImagesOrder(prune=True, yes=True)) == 0
    assert left(account, made) == made[2:]


def test_what_is_in_use_stays_however_old(
    images: Images, account: Account, ami_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = images(5)
    machine = run_machine(account, made[0])
    account.ec2.create_launch_template(LaunchTemplateName="api", LaunchTemplateData={"ImageId": made[1]})
    ami_id.write({"eu-north-1": made[2]})

    assert carry_out(ImagesOrder(prune=True, keep="0", yes=True)) == 0

    assert left(account, made) == made[:3]
    out = capsys.readouterr().out
    assert f"would keep {made[0]}: machine {machine} uses it" in out
    assert f"would keep {made[2]}: ami_id.txt uses it" in out


def test_an_image_that_is_used_since_it_was_listed_stays(
    images: Images, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = images(2)

    class Slow(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> str:  # type: ignore[override]  # while the person thinks
            run_machine(account, made[0])
            return "y\n"

    monkeypatch.setattr("sys.stdin", Slow())

    assert carry_out(ImagesOrder(prune=True, keep="1")) == 0
    assert left(account, made) == made


def test_a_cool_down_ends_with_7_and_the_next_day_goes_on(
    images: Images, account: Account, aws: Sky, capsys: pytest.CaptureFixture[str]
) -> None:
    made = images(2)
    aws.protect(made[0], "enabled-with-cooldown")
    order = ImagesOrder(prune=True, keep="1", yes=True)

    assert carry_out(order) == 7
    told = capsys.readouterr()
    assert f"would remove {made[0]}: lifts its protection, then deregisters it" in told.out
    assert "run this again tomorrow" in told.err
    assert left(account, made) == made

    assert carry_out(order) == 0
    assert left(account, made) == made[1:]


def test_json_holds_the_list_and_what_was_removed(
    images: Images, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    made = images(2)

    assert carry_out(ImagesOrder(prune=True, keep="1", as_json=True, dry_run=True)) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["remove"]) for one in listed["images"]] == [(made[1], False), (made[0], True)]
    assert listed["images"][0]["usd_per_month"] == pytest.approx(15 * 0.053, abs=1e-3)
    assert left(account, made) == made

    assert carry_out(ImagesOrder(prune=True, keep="1", as_json=True, yes=True)) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["removed"]] == [made[0]]
    assert left(account, made) == made[1:]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (ImagesOrder(keep="3"), "--keep goes with --prune"),
        (ImagesOrder(yes=True, dry_run=True), "--dry-run and --yes go with --prune"),
        (ImagesOrder(prune=True, yes=True, dry_run=True), "give one of them"),
        (ImagesOrder(prune=True, keep="few"), "--keep is 'few', but it takes a whole number"),
        (ImagesOrder(region="the north"), "--region is 'the north'"),
    ],
)
def test_orders_that_make_no_sense_are_refused(order: ImagesOrder, sentence: str, aws: Sky) -> None:
    with pytest.raises(UsageError, match=sentence):
        carry_out(order)


@pytest.mark.parametrize(
    ("hours", "told"),
    [(0, "under an hour"), (1, "1 hour"), (47, "47 hours"), (48, "2 days"), (2400, "100 days")],
)
def test_age_is_told_as_people_say_it(hours: int, told: str) -> None:
    now = datetime(2026, 1, 31, tzinfo=timezone.utc)

    assert age(now - timedelta(hours=hours), now) == told
