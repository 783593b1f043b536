"""versions.yml is the one place where a version is written: what runs reads it, and what is read agrees with it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playing import ANSIBLE, ROLES, read, versions

ROOT = ANSIBLE.parent
HOME = ANSIBLE / "group_vars/all/versions.yml"
# Kinds of files by their suffix; a script has none.
KINDS = {"ansible": ("yml", "j2", "cfg", "cu", ""), "packer": ("hcl", "py", ""), "runner": ("py", "json")}
CODE = sorted(
    path
    for folder, kinds in KINDS.items()
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix.removeprefix(".") in kinds
    if path != HOME and ".ansible" not in path.parts
)
PROSE = [
    ROOT / "README.md",
    ROOT / "packer/README.md",
    *(ANSIBLE / "roles" / role / "README.md" for role in ROLES),
]
# How each version looks where somebody mentions it.
MENTIONS = {
    "driver": r"\b5[38]\d\.\d{2,3}\.\d{2}\b",
    "kernel": r"\b5\.15\.0-\d{4}\b",
    "torch": r"\btorch (?:is )?v?(\d+\.\d+\.\d+)",
    "transformers": r"\btransformers (?:is )?v?(\d+\.\d+\.\d+)",
    "cudnn": r"\bcuDNN (\d+\.\d+\.\d+\.\d+)",
    "cuda": r"\bCUDA (1[12]\.\d)\b",
    "build of torch": r"\+(cu\d{3})\b",
}


def known() -> dict[str, set[str]]:
    """The versions that may be mentioned, by what they are of."""
    all_of = versions()
    kernels = {all_of["kernel_abi"]}
    for row in all_of["kernel_abi_allowed"]:
        kernels |= {row["first"], row["last"], *row["built"]}
    return {
        "driver": {
            *map(str, all_of["nvidia_driver_versions"].values()),
            *map(str, all_of["nvidia_driver_debian_versions"].values()),
        },
        "kernel": kernels,
        "torch": {all_of["torch_version"]},
        "transformers": set(all_of["transformers_version"].values()),
        "cudnn": {all_of["cudnn_version"]["ubuntu"]},
        "cuda": {all_of["cuda_version"]},
        "build of torch": {all_of["torch_build"]["gpu"]},
    }


def exact() -> set[str]:
    """Versions so exact that one in a program is a second place where it is written."""
    named = known()
    all_of = versions()
    loose = {row["first"] for row in all_of["kernel_abi_allowed"]}  # an example in an argument's description
    return (
        named["driver"] | named["kernel"] | named["torch"] | named["cudnn"] | named["transformers"]
    ) - loose | {all_of["nvidia_repository_keyring"]["sha256"]}


def test_no_program_template_or_role_writes_a_version_itself() -> None:
    written = [
        f"{path.relative_to(ROOT)}: {version}"
        for path in CODE
        for version in exact()
        if version in "\n".join(without_comments(path))
    ]
    assert not written


def test_the_scan_leaves_no_program_out() -> None:
    """What runs on a machine or makes one, whatever its file is called."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "ansible", "packer", "runner"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    others = {
        name
        for name in listed.stdout.split("\0")
        if name and (ROOT / name).is_file() and ROOT / name not in CODE
        if not name.endswith((".md", ".mp3", ".txt", ".svg", ".typed"))
    }
    assert others == {"ansible/group_vars/all/versions.yml"}
    scripts = {"packer/scripts/prove", "packer/scripts/record.py", "ansible/roles/service/files/transcribe"}
    assert scripts <= {str(path.relative_to(ROOT)) for path in CODE}


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_people_read_agrees(path: Path) -> None:
    text = path.read_text()
    for what, pattern in MENTIONS.items():
        assert set(re.findall(pattern, text)) <= known()[what], what


@pytest.mark.parametrize("lock", sorted((ANSIBLE / "locks").glob("*.txt")), ids=lambda lock: lock.name)
def test_a_lock_is_of_these_versions(lock: Path) -> None:
    all_of = versions()
    flavour, python = lock.stem.rsplit("-", 1)
    pins = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock.read_text(), re.MULTILINE))
    build = f"+{all_of['torch_build']['gpu']}" if flavour == all_of["torch_build"]["gpu"] else ""
    assert pins["torch"] == all_of["torch_version"] + build
    assert pins["transformers"] == all_of["transformers_version"][python]
    assert python in all_of["python_version"].values()


def test_packers_plugins_are_those_of_the_file() -> None:
    text = (ROOT / "packer/plugins.pkr.hcl").read_text()
    all_of = versions()
    assert f'required_version = "{all_of["packer_version"]}"' in text
    wanted = dict(
        re.findall(r'(\w+) = \{\s+source\s+= "github\.com/hashicorp/\1"\s+version = "([^"]+)"', text)
    )
    assert wanted == all_of["packer_plugins"]


def test_what_packer_bakes_by_default_is_of_the_file() -> None:
    """The model, and a base image of the series that the image is called after."""
    all_of = versions()
    assert default("variables.pkr.hcl", "model_id") == all_of["default_model"]["id"]
    base = re.search(r"ubuntu-([a-z]+)-(\d+\.\d+)-amd64", default("variables.aws.pkr.hcl", "source_ami_name"))
    assert base is not None
    assert all_of["image_series"] == f"ubuntu{base[2].replace('.', '')}"
    repository = read(ANSIBLE / "roles/nvidia_repository/defaults/main.yml")["nvidia_repository_url"]
    assert f"/{all_of['image_series']}/" in repository
    for role in ROLES:
        platforms = read(ANSIBLE / "roles" / role / "meta/main.yml")["galaxy_info"]["platforms"]
        assert [row["versions"] for row in platforms if row["name"] == "Ubuntu"] == [[base[1]]], role


def test_the_choices_of_the_roles_are_those_of_the_file() -> None:
    all_of = versions()
    assert choices("nvidia_driver", "nvidia_driver_branch") == list(all_of["nvidia_driver_versions"])
    assert choices("cuda", "cuda_version") == [all_of["cuda_version"]]
    pairs = {(row["driver"], row["flavour"]) for row in all_of["kernel_abi_allowed"]}
    flavours = choices("nvidia_driver", "nvidia_driver_flavour")
    assert pairs == {(branch, flavour) for branch in all_of["nvidia_driver_versions"] for flavour in flavours}


def test_the_default_pair_was_seen_to_build() -> None:
    all_of = versions()
    pair = (all_of["nvidia_driver_branch"], all_of["nvidia_driver_flavour"])
    row = next(row for row in all_of["kernel_abi_allowed"] if (row["driver"], row["flavour"]) == pair)
    assert all_of["kernel_abi"] in row["built"]
    assert int(row["last"].split("-")[1]) < 1117  # whose headers no longer build it


def test_the_demonstration_model_is_the_engines_own() -> None:
    from runner.engine.models import demonstration

    model = versions()["demonstration_model"]
    assert (model["id"], model["revision"]) == (demonstration.DEMONSTRATION, demonstration.REVISION)


def choices(role: str, argument: str) -> list[str]:
    """What an argument may be."""
    spec: Any = read(ANSIBLE / "roles" / role / "meta/argument_specs.yml")
    found: list[str] = spec["argument_specs"]["main"]["options"][argument]["choices"]
    return found


def default(file: str, variable: str) -> str:
    """What one of Packer's variables is where nobody chooses."""
    found = re.search(
        rf'^variable "{variable}" \{{\n.*?^  default += "(.*?)"$',
        (ROOT / "packer" / file).read_text(),
        re.M | re.S,
    )
    assert found is not None
    return found[1]


def without_comments(path: Path) -> Iterator[str]:
    """A file's lines without what follows a #; of a Python file its values, without what documents them."""
    if path.suffix != ".py":
        yield from (re.split(r"(?:^|\s)#", line, maxsplit=1)[0] for line in path.read_text().splitlines())
        return
    tree = ast.parse(path.read_text())
    lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    yield from (
        str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in lone
    )
