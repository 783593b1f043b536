"""Our machine images as a person sees them: listed with age, checks and cost, and pruned with care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from runner.cloud.account import Account
from runner.cloud.images import Image, Removal, our_images, remove
from runner.cloud.prices import snapshot_price
from runner.errors import CloudFailed, UsageError
from runner.image import ami_id
from runner.image.telling import Telling
from runner.screen.question import ask, can_ask
from runner.screen.tables import in_gigabytes, print_json, print_line, print_table
from runner.settings import load_settings

KEEP = 3
GIGABYTE = 2**30  # what AWS counts a gigabyte of snapshot as
# A tag of the image → what a person calls it.
HELD = {
    "Kernel": "kernel",
    "Driver": "driver",
    "Cuda": "CUDA",
    "Torch": "torch",
    "Transformers": "transformers",
}


@dataclass(frozen=True, slots=True)
class ImagesOrder:
    """What was asked: the list, or with `prune` the removal of all but the `keep` newest."""

    prune: bool = False
    keep: str | None = None
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False
    region: str | None = None


def carry_out(order: ImagesOrder) -> int:
    """List or prune; the exit code is 7 where something could not be removed. Raises UsageError and AWS's errors."""
    keep = _keep(order)
    account = Account(load_settings({"region": order.region}).region)
    images = _with_file(our_images(account))
    doomed = to_remove(images, keep) if order.prune else []
    price = snapshot_price(account)
    if order.as_json:
        told = [{**_as_json(image, price), "remove": image in doomed} for image in images]
        report: dict[str, Any] = {"region": account.region, "usd_per_gigabyte_month": price, "images": told}
        if not (order.prune and order.yes):
            print_json(report)
            return 0
    else:
        _list(account, images, price)
        if order.prune:
            _tell_plan(images, doomed, keep)
    if not doomed or not _may(order, len(doomed)):
        if order.as_json:
            print_json({**report, "removed": []})
        return 0
    removals = [_remove(account, image, quiet=order.as_json) for image in _still(account, doomed)]
    if order.as_json:
        removed = [{"id": one.image.id, "done": list(one.done), "left": list(one.left)} for one in removals]
        print_json({**report, "removed": removed})
    return CloudFailed.exit_code if any(one.left for one in removals) else 0


def _still(account: Account, doomed: Sequence[Image]) -> list[Image]:
    """Those of them that nothing has begun to use since they were listed: a person may have thought for long."""
    now = {image.id: image for image in _with_file(our_images(account))}
    return [now[image.id] for image in doomed if image.id in now and not now[image.id].used_by]


def _remove(account: Account, image: Image, *, quiet: bool) -> Removal:
    removal = remove(account, image)
    if "deregistered" in removal.done:
        ami_id.forget(image.id)
    if not quiet:
        print_line(f"{image.id}: {', '.join(removal.done) or 'nothing done'}")
        for sentence in removal.left:
            Telling().warn(sentence)
    return removal


def to_remove(images: Sequence[Image], keep: int) -> list[Image]:
    """Those that go: not among the `keep` newest that can be started, not in use, not still being made."""
    kept = [image.id for image in images if image.state == "available"][:keep]
    return [
        image for image in images if image.id not in kept and not image.used_by and image.state != "pending"
    ]


def _keep(order: ImagesOrder) -> int:
    extra = {"--keep": order.keep is not None, "--dry-run": order.dry_run, "--yes": order.yes}
    given = [name for name, is_given in extra.items() if is_given]
    if given and not order.prune:
        raise UsageError(f"{' and '.join(given)} {'go' if len(given) > 1 else 'goes'} with --prune.")
    if order.dry_run and order.yes:
        raise UsageError("--dry-run removes nothing and --yes removes without asking: give one of them.")
    if order.keep is None:
        return KEEP
    if not order.keep.isdecimal():
        raise UsageError(f"--keep is {order.keep!r}, but it takes a whole number, 0 or more.")
    return int(order.keep)


def _with_file(images: Sequence[Image]) -> list[Image]:
    """The images, those that ami_id.txt names counted as used by it."""
    named = set(ami_id.read().values())
    return [
        replace(image, used_by=[*image.used_by, ami_id.FILE.name]) if image.id in named else image
        for image in images
    ]


def _may(order: ImagesOrder, number: int) -> bool:
    """Whether to remove: asked where a person sits there; else only with --yes."""
    if order.yes or order.dry_run:
        return order.yes
    things = "this image" if number == 1 else f"these {number} images"
    if not can_ask():
        print_line(f"Nothing was removed: --yes removes {things}.")
        return False
    agreed = ask(f"Remove {things} for good?")
    if not agreed:
        print_line("Nothing was removed.")
    return agreed


def _list(account: Account, images: Sequence[Image], price: float | None) -> None:
    if not images:
        print_line(f"There are no images of ours in {account.region}; ./invoke image makes one.")
        return
    headings = ("Image", "Age", "Holds", "Checks", "Size", "A month", "State", "Used by")
    print_table(headings, [_row(image, price) for image in images])
    total = in_gigabytes(sum(image.size for image in images))
    print_line()
    if price is None:
        print_line(
            f"{account.region}: {total} at most; what that costs is unknown, since the price list gave no answer."
        )
    else:
        least = "" if all(image.size_is_exact for image in images) else "at most "
        cost = sum(_cost(image, price) for image in images)
        print_line(
            f"{account.region}: {total}, {least}{cost:.2f} USD a month ({price:.3f} USD a gigabyte, by AWS's "
            "price list today; snapshots share what they have in common, so that it may be less)."
        )


def _tell_plan(images: Sequence[Image], doomed: Sequence[Image], keep: int) -> None:
    if not doomed:
        print_line(f"Nothing to remove: {keep} are kept, and those in use.")
        return
    print_line()
    for image in doomed:
        snapshots = f"{len(image.snapshots)} snapshot{'s' * (len(image.snapshots) != 1)}"
        first = "lifts its protection, then " if image.protected else ""
        print_line(f"would remove {image.id}: {first}deregisters it and deletes {snapshots}")
    spared = [image for image in images[keep:] if image.used_by]
    for image in spared:
        print_line(f"would keep {image.id}: {image.used_by[0]} uses it")


def _row(image: Image, price: float | None) -> tuple[str, ...]:
    holds = [f"{word} {image.tags[tag]}" for tag, word in HELD.items() if image.tags.get(tag)]
    model = image.tags.get("Model", "")
    state = image.state if image.state != "available" else ""
    guarded = "protected" if image.protected else "not protected"
    used = [*image.used_by[:3], *([f"and {len(image.used_by) - 3} more"] if len(image.used_by) > 3 else [])]
    return (
        f"{image.id}\n{image.name}",
        age(image.created),
        "\n".join([", ".join(holds), *([model] if model else [])]) or "unknown",
        image.tags.get("Checks") or "unknown",
        ("" if image.size_is_exact else "≤ ") + in_gigabytes(image.size),
        "unknown" if price is None else f"{'' if image.size_is_exact else '≤ '}{_cost(image, price):.2f} USD",
        "\n".join(
            filter(
                None,
                [
                    state,
                    guarded,
                    f"deprecated from {image.deprecated_at[:10]}" if image.deprecated_at else "",
                ],
            )
        ),
        "\n".join(used) or "nothing",
    )


def age(created: datetime, now: datetime | None = None) -> str:
    """How old something is, as people say it."""
    hours = int(((now or datetime.now(timezone.utc)) - created).total_seconds() // 3600)
    if hours < 1:
        return "under an hour"
    number, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{number} {unit}{'s' * (number != 1)}"


def _cost(image: Image, price: float) -> float:
    return image.size / GIGABYTE * price


def _as_json(image: Image, price: float | None) -> dict[str, object]:
    return {
        "id": image.id,
        "name": image.name,
        "state": image.state,
        "created": image.created.isoformat(),
        "tags": dict(image.tags),
        "snapshots": list(image.snapshots),
        "bytes": image.size,
        "bytes_are_exact": image.size_is_exact,
        "usd_per_month": None if price is None else round(_cost(image, price), 4),
        "protection": image.protection,
        "deprecated_at": image.deprecated_at or None,
        "last_launched": image.last_launched or None,
        "used_by": list(image.used_by),
    }
