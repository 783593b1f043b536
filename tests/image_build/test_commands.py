"""What the words of `image` and `images` ask for, and that their exit codes are the program's."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.collection import Collection

from runner import commands
from runner.errors import ImageFailed
from runner.image import bake, images
from runner.image.images import ImagesOrder
from runner.image.order import TEMPLATE, Order
from tests.support.program import run_tasks

pytestmark = pytest.mark.usefixtures("unchanged_environment")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The orders that arrived; a build then fails at the checks, and a list ends with 7."""
    orders: list[object] = []

    def build(order: Order) -> int:
        orders.append(order)
        raise ImageFailed("The image was not made.", stage="checks", log=Path("packer.log"))

    def listed(order: ImagesOrder) -> int:
        orders.append(order)
        return 7

    monkeypatch.setattr(bake, "bake", build)
    monkeypatch.setattr(images, "carry_out", listed)
    return orders


def run(*words: str) -> int:
    return run_tasks(Collection(commands.image, commands.images), *words)


def test_nothing_said_is_an_image_in_aws_by_the_checkouts_template(asked: list[object]) -> None:
    assert run("image") == 6
    assert asked == [Order()]
    assert Order().template == TEMPLATE


def test_every_option_reaches_the_build(asked: list[object], tmp_path: Path) -> None:
    words = f"--host ssh://me@box --take-over --disposable --cpu --model a/b --ssh-config {tmp_path}/c --check --yes"
    assert (
        run("image", *words.split(), "--var", "encrypt=true", "--var", "tags={}", "--template", str(tmp_path))
        == 6
    )

    assert asked == [
        Order(
            host="ssh://me@box",
            take_over=True,
            disposable=True,
            cpu=True,
            model="a/b",
            ssh_config=tmp_path / "c",
            variables={"encrypt": "true", "tags": "{}"},
            template=tmp_path,
            check=True,
            yes=True,
        )
    ]


def test_every_option_reaches_the_list(asked: list[object]) -> None:
    assert (
        run("images", "--prune", "--keep", "5", "--dry-run", "--yes", "--region", "eu-west-1", "--json") == 7
    )
    assert asked == [
        ImagesOrder(prune=True, keep="5", dry_run=True, yes=True, as_json=True, region="eu-west-1")
    ]


def test_a_word_that_is_no_variable_is_refused_before_the_build(
    asked: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("image", "--var", "encrypt") == 2
    assert "--var is 'encrypt', but it takes NAME=VALUE" in capsys.readouterr().err
    assert asked == []
