"""The checks run in an environment that holds the extra `image` and nothing else: the one that bakes."""

from __future__ import annotations

import re
import subprocess
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow  # it makes an environment

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "ssh://nobody@127.0.0.1:1"  # nothing listens on port 1


def listed(name: str) -> list[Requirement]:
    """What pyproject.toml lists under a name, as it stands now: what is installed may be older."""
    found = re.search(rf"^{name} = \[$(.*?)^\]$", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert found
    return [Requirement(line) for line in re.findall(r'^ +"([^"]+)"', found[1], re.M)]


def needed(*names: str) -> dict[str, Distribution]:
    """Every distribution that these lists bring, by name, as it is installed here."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(requirement, "") for name in names for requirement in listed(name)]
    while todo:
        requirement, of = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": of}):
            continue
        name = canonicalize_name(requirement.name)
        found[name] = distribution(name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo += [(Requirement(line), extra) for line in found[name].requires or []]
    return found


def test_checks_need_no_more_than_the_extra_that_bakes(tmp_path: Path) -> None:
    """pytest refuses a setting whose plugin is not installed, and a conftest that cannot be imported."""
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    for installed in needed("dependencies", "image").values():
        for file in installed.files or []:
            top = file.parts[0]
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(Path(str(installed.locate_file(top))))
    command = [f"{tmp_path}/venv/bin/python", "-m", "pytest", f"--hosts={NOWHERE}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.partition(" does")[0]) == (
        pytest.ExitCode.USAGE_ERROR,
        f"ERROR: {NOWHERE}",
    ), done.stdout + done.stderr
    assert "collected" in done.stdout
