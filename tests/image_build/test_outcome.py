"""What came of a build is noted and printed first, and no fault of a document unmakes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cloud.account import Account
from runner.door.packer import Packer
from runner.image import ami_id, outcome
from runner.image.order import Order
from runner.image.outcome import Finished, file, what_is_left
from runner.image.stages import Course
from runner.image.telling import Telling
from tests.image_build.bakes import COMMIT, planned
from tests.image_build.test_report import INVENTORY

MANIFEST = {"builds": [{"artifact_id": "eu-north-1:ami-0a,eu-west-1:ami-0b"}]}
PRINTED = "eu-north-1 ami-0a\neu-west-1 ami-0b\n"
BILL, REPORT = "The bill of materials could not be made", "The report could not be made"


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The folder of a build that made two images and left all that it should."""
    folder = tmp_path / "build"
    folder.mkdir()
    for name, content in {"manifest.json": MANIFEST, "inventory.json": INVENTORY}.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def finished(folder: Path) -> Finished:
    return Finished(planned(Order()), Packer("/packer", "1.16.0"), Course(), folder, Telling())


def warnings(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("warning: ")]


def test_the_report_has_the_commit_that_the_build_was_planned_for(
    left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert file(finished(left)) == 0

    assert f"| commit | {COMMIT.sha} |" in (left / "report.md").read_text()
    told = capsys.readouterr()
    assert told.out == PRINTED
    assert warnings(told.err) == []


@pytest.mark.slow
def test_what_is_left_is_looked_for_by_the_commit_that_the_build_was_planned_for(account: Account) -> None:
    made = account.ec2.create_volume(
        AvailabilityZone="eu-north-1a",
        Size=1,
        TagSpecifications=[
            {
                "ResourceType": "volume",
                "Tags": [
                    {"Key": "Project", "Value": "gpu-transcriber"},
                    {"Key": "GitSha", "Value": COMMIT.sha},
                ],
            }
        ],
    )

    assert f"volume {made['VolumeId']}" in what_is_left(planned(Order()), Course())


def holding(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(text)

    return spoil


def shut(name: str) -> Callable[[Path], None]:
    """A folder stands where the document should."""

    def spoil(folder: Path) -> None:
        (folder / name).mkdir()

    return spoil


ODD_PACKAGE = {"name": "odd", "version": "1", "files": {"/no/such/folder/file": ""}}
WITHOUT_BILL = holding("inventory.json", json.dumps({**INVENTORY, "python": [ODD_PACKAGE]}))
FEDORA = {**INVENTORY, "platform": {"id": "fedora", "version": "41"}}


@pytest.mark.parametrize(
    ("spoil", "sentences"),
    [
        (holding("inventory.json", "{"), ["inventory.json cannot be read", "so there is no report"]),
        (holding("inventory.json", "[]"), ["holds no object", "so there is no report"]),
        (
            holding("inventory.json", json.dumps(FEDORA)),
            [f"{BILL} of what the machine said (KeyError: 'fedora')"],
        ),
        (WITHOUT_BILL, [f"{BILL}: [Errno 2] No such file or directory"]),
        (shut("sbom.cdx.json"), [f"{BILL}: [Errno 21] Is a directory"]),
        (shut("report.md"), [f"{REPORT}: [Errno 21] Is a directory"]),
        (shut("checks.json"), ["checks.json cannot be read ([Errno 21] Is a directory"]),
        (
            holding("checks.json", '{"passed": 3}'),
            [f"{REPORT} of what the machine said", "The results of the checks could not be made of"],
        ),
    ],
)
def test_a_document_that_cannot_be_made_is_a_warning_and_the_images_are_told(
    spoil: Callable[[Path], None], sentences: list[str], left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(left)

    assert file(finished(left)) == 0

    told = capsys.readouterr()
    assert told.out == PRINTED
    assert ami_id.read() == {"eu-north-1": "ami-0a", "eu-west-1": "ami-0b"}
    found = warnings(told.err)
    assert len(found) == len(sentences)
    assert all(sentence in line for sentence, line in zip(sentences, found, strict=True)), found


def test_a_report_is_written_also_without_a_bill_of_materials(left: Path) -> None:
    WITHOUT_BILL(left)

    file(finished(left))

    assert "| driver | 530.30.02 open |" in (left / "report.md").read_text()
    assert not (left / "sbom.cdx.json").exists()


def test_a_manifest_that_cannot_be_read_is_told_and_packers_own_words_count(
    left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (left / "manifest.json").write_text("{")
    done = finished(left)
    done.course.artifacts.append("eu-north-1:ami-0c")

    assert file(done) == 0

    told = capsys.readouterr()
    assert told.out == "eu-north-1 ami-0c\n"
    assert "manifest.json cannot be read" in told.err


def test_images_are_printed_before_any_document_is_made(
    left: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outcome, "make_sbom", killed)
    with pytest.raises(KeyboardInterrupt):
        file(finished(left))

    assert capsys.readouterr().out == PRINTED


def test_what_was_never_left_is_no_fault_of_a_file(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (left / "inventory.json").unlink()

    assert file(finished(left)) == 0

    assert warnings(capsys.readouterr().err) == [
        "warning: the machine's inventory is missing, so there is no report."
    ]
