"""The locks of the image: what they hold, that they are current, and how the command fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runner.image import locks
from tests.support.checkout import ROOT

VERSIONS = yaml.safe_load((ROOT / "ansible" / "group_vars" / "all" / "versions.yml").read_text())
PYTHONS = sorted(set(VERSIONS["python_version"].values()))


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner.image.locks", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module", params=PYTHONS)
def lock(request: pytest.FixtureRequest) -> locks.Lock:
    return next(lock for lock in locks.locks("cpu") if lock.python == request.param)


def test_a_lock_names_packages_and_hashes_and_nothing_of_where_they_came_from(lock: locks.Lock) -> None:
    for line in lock.path.read_text().splitlines():
        pin = re.fullmatch(r"[a-z0-9-]+==[^\s;/@+]+ \\", line)
        digest = re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        assert pin or digest, line


def test_a_lock_has_the_torch_and_the_transformers_of_versions_yml(lock: locks.Lock) -> None:
    held = pins(lock.path.read_text())
    assert held["torch"] == VERSIONS["torch_version"]
    assert held["transformers"] == VERSIONS["transformers_version"][lock.python]


def test_a_lock_has_all_that_the_program_needs_and_no_tools_of_its_developers(lock: locks.Lock) -> None:
    held = pins(lock.path.read_text())
    assert {"uv", "invoke", "rich", "pydantic-settings", "av", "onnxruntime", "silero-vad"} <= held.keys()
    assert not {"pytest", "mypy", "ansible-core", "moto", "hatchling", "gpu-transcriber"} & held.keys()


def test_a_machine_runs_the_versions_that_the_tests_ran(lock: locks.Lock) -> None:
    tested = (ROOT / "requirements.lock").read_text()
    for name, version in pins(lock.path.read_text()).items():
        if not re.match(r"torch|triton|nvidia-|cuda-|transformers", name):
            assert f"\n{name}=={version} " in f"\n{tested}", name


def test_the_locks_are_what_the_command_makes(tmp_path: Path) -> None:
    """Made again from themselves, as the command does: where nothing they depend on has changed, they do not."""
    for lock in locks.locks("cpu"):
        (tmp_path / lock.path.name).write_bytes(lock.path.read_bytes())
    done = run("cpu", "--folder", str(tmp_path))
    if "does not answer" in done.stderr:
        pytest.skip("needs the package index, which cannot be reached")
    assert done.returncode == 0, done.stderr
    for lock in locks.locks("cpu"):
        assert (tmp_path / lock.path.name).read_text() == lock.path.read_text()


@pytest.mark.parametrize("flavour", ["cpu", VERSIONS["torch_build"]["gpu"]])
def test_without_an_index_the_command_says_where_to_run_it(flavour: str, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), nowhere)
    done = run(
        flavour,
        "--folder",
        str(tmp_path),
        **proxies,
        UV_NO_CACHE="1",
        UV_HTTP_RETRIES="0",
        NO_PROXY="",
        no_proxy="",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: The lock ")
    assert f"run `python -m runner.image.locks {flavour}` on a machine that reaches it" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_flavour_is_refused_with_those_there_are() -> None:
    done = run("rocm")
    assert (done.returncode, done.stderr) == (
        2, "error: There is no flavour 'rocm' of torch; versions.yml has cpu and cu118.\n"
    )  # fmt: skip
