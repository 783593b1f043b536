"""What the documents promise is there: links, options, exit codes, settings and samples."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from runner import errors

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    *ROOT.glob(".github/*.md"),
    ROOT / "samples" / "README.md",
    ROOT / "packer" / "README.md",
    ROOT / "CHANGELOG.md",
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_link_within_the_readme_has_its_heading() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", README, re.M)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= headings


def test_every_option_in_the_readme_exists() -> None:
    import tasks
    from runner.commands import image, images, models, transcribe

    tasked = (transcribe, models, image, images, tasks.bench)
    named = [name for task in tasked for name in inspect.signature(task.body).parameters]
    known = {"help", "version", "list", "fast", "floor", "hosts", *named}
    told = {option.replace("-", "_") for option in re.findall(r"(?<![\w-])--([a-z][a-z-]*)", README)}

    assert told <= known


def test_every_exit_code_is_in_the_readme_and_no_other() -> None:
    classes = [
        value for value in vars(errors).values() if inspect.isclass(value) and hasattr(value, "exit_code")
    ]
    table = README.partition("### Exit codes")[2].partition("###")[0]
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.M) for code in row.split(",")}

    assert told == {0, 129, 130, 143} | {one.exit_code for one in classes}


def test_every_setting_in_the_documents_exists() -> None:
    from runner.settings import FILE_VARIABLE, Settings

    known = {f"GPU_TRANSCRIBER_{name.upper()}" for name in Settings.model_fields}
    known |= {FILE_VARIABLE, "GPU_TRANSCRIBER_TESTS"}  # the second is the tests' own
    told = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"GPU_TRANSCRIBER_[A-Z_]+", document.read_text())
    }

    assert told <= known


def test_the_samples_in_the_readme_are_there_small_and_told_of() -> None:
    told = (ROOT / "samples" / "README.md").read_text()

    for name in {
        *re.findall(r"samples/([\w.-]+\.mp3)", README),
        *(p.name for p in ROOT.glob("samples/*.mp3")),
    }:
        assert (ROOT / "samples" / name).stat().st_size < 200_000
        assert name in told
