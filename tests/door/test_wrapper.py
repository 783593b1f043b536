"""./invoke in fresh copies of this checkout: the first use, the later ones, and what may go wrong with them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, copy_checkout, environment, start, tamper, use
from tests.support.needs import needs, require

pytestmark = pytest.mark.wrapper
VERSION = "gpu-transcriber 0.1.0\n"


@dataclass(frozen=True)
class Made:
    """A checkout whose .venv was made by two first uses at once, and what these said."""

    root: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]

    @property
    def invoke(self) -> Path:
        return self.root / "invoke"

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("wrapper")
    root = copy_checkout(folder / "utcheckad på nytt")
    first = start(root / "invoke", "--version", cwd=folder)
    begun = first.stderr.readline() if first.stderr else ""
    second = use(root / "invoke", "--version", cwd=folder)
    stdout, stderr = first.communicate()
    return Made(
        root, subprocess.CompletedProcess(first.args, first.returncode, stdout, begun + stderr), second
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "någon annanstans"
    folder.mkdir()
    return folder


def test_first_use_says_what_it_does_and_how_long_it_took(made: Made) -> None:
    assert (made.first.returncode, made.first.stdout) == (0, VERSION)
    assert re.search(
        r"first use: making .*/utcheckad på nytt/\.venv with Python 3\.\d+\.\d+", made.first.stderr
    )
    assert re.search(r"ready after \d+ s", made.first.stderr)


def test_second_first_use_at_the_same_time_waits_and_says_so(made: Made) -> None:
    assert (made.second.returncode, made.second.stdout) == (0, VERSION)
    assert "is installing here; waiting for it" in made.second.stderr
    assert "making" not in made.second.stderr


def test_later_use_says_nothing_of_its_own(made: Made, elsewhere: Path) -> None:
    run = use(made.invoke, "--version", cwd=elsewhere)
    assert (run.returncode, run.stdout, run.stderr) == (0, VERSION, "")


def test_relative_names_are_the_callers(made: Made, elsewhere: Path) -> None:
    (elsewhere / "ljud å.mp3").write_bytes(b"")
    run = use(made.invoke, "ljud å.mp3", cwd=elsewhere)
    assert run.returncode == 2
    assert "did you mean ./invoke transcribe ljud å.mp3?" in run.stderr


def test_console_script_has_the_users_tasks_alone(made: Made, elsewhere: Path) -> None:
    run = use(made.root / ".venv" / "bin" / "gpu-transcriber", "--list", cwd=elsewhere)
    assert [line.split()[0] for line in run.stdout.splitlines() if line] == [
        "Tasks:",
        "transcribe",
        "models",
        "doctor",
        "settings",
        "warm",
    ]


def test_link_to_the_wrapper_leads_to_its_checkout(made: Made, elsewhere: Path) -> None:
    (elsewhere / "bin").mkdir()
    (elsewhere / "bin" / "invoke").symlink_to(made.invoke)
    (elsewhere / "transcriber").symlink_to(Path("bin") / "invoke")
    assert use("./transcriber", "--version", cwd=elsewhere).stdout == VERSION


def test_files_in_the_callers_folder_do_not_shadow_ours(made: Made, elsewhere: Path) -> None:
    for name in ("tasks.py", "invoke.py", "runner.py", "venv.py", "platformdirs.py"):
        (elsewhere / name).write_text("raise SystemExit('a file in the caller\\'s folder was run')")
    run = use(made.invoke, "--version", cwd=elsewhere, env=environment(PYTHONPATH=str(elsewhere)))
    assert (run.returncode, run.stdout, run.stderr) == (0, VERSION, "")


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_later_use_in_other_shells(made: Made, elsewhere: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        require(f"debian:{shell}")
    words = [shell, "sh"] if shell == "busybox" else [shell]
    run = subprocess.run(
        [*words, made.invoke, "--version"], cwd=elsewhere, env=environment(), capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, VERSION, "")


@needs("root", "linux")
def test_later_use_needs_no_network(made: Made, elsewhere: Path) -> None:
    run = use("unshare", "--net", str(made.invoke), "--list", cwd=elsewhere)
    assert run.returncode == 0, run.stderr
    assert "transcribe" in run.stdout


def test_list_imports_nothing_heavy(made: Made, elsewhere: Path) -> None:
    run = use(made.python, "-X", "importtime", str(made.root / "tasks.py"), "--list", cwd=elsewhere)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines()}
    assert run.returncode == 0
    assert {"invoke", "runner"} <= imported
    assert not imported & {
        "torch",
        "transformers",
        "numpy",
        "boto3",
        "botocore",
        "pydantic",
        "pydantic_settings",
        "rich",
    }


def test_everything_installed_is_in_the_lock_at_that_version(made: Made) -> None:
    pins = set(
        re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    environments = [made.root / ".venv"]
    if (ROOT / ".venv" / "installed").exists():
        environments.append(ROOT / ".venv")
    for folder in environments:
        packages = distributions(path=[str(path) for path in folder.glob("lib/python*/site-packages")])
        installed = {(re.sub(r"[-_.]+", "-", one.name).lower(), one.version) for one in packages}
        assert len(installed) > 10
        assert {name for name, _ in installed - pins} == {"gpu-transcriber"}, folder


def test_copy_in_another_place_is_made_to_work_there(made: Made, tmp_path: Path) -> None:
    copy = tmp_path / "kopia"
    shutil.copytree(made.root, copy, symlinks=True)
    (copy / "runner" / "__init__.py").write_text('"""Changed."""\n\n__version__ = "0.1.0+here"\n')
    run = use(copy / "invoke", "--version", cwd=tmp_path)
    assert run.stdout == "gpu-transcriber 0.1.0+here\n", run.stderr
    assert "has moved or lost its Python" in run.stderr


def test_killed_first_use_is_made_good_by_the_next(tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "avbruten")
    process = start(root / "invoke", "--version", cwd=tmp_path)
    assert process.stderr is not None
    assert "first use" in process.stderr.readline()
    bootstrap = root / ".venv" / "bootstrap"
    while not bootstrap.exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (root / ".venv" / "installed").exists()

    run = use(root / "invoke", "--version", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (0, VERSION), run.stderr
    assert "was left unfinished" in run.stderr


@pytest.mark.parametrize("package", ["uv", "mdurl"])
def test_package_that_is_not_what_the_lock_says_is_refused(package: str, tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "förfalskad")
    tamper(root / "requirements.lock", package)
    trusting = environment(UV_NO_VERIFY_HASHES="true")
    run = use(root / "invoke", "--version", cwd=tmp_path, env=trusting)
    assert (run.returncode, run.stdout) == (2, "")
    assert "hash" in run.stderr.lower()
    assert "could not be installed, for the reason above" in run.stderr
    assert not (root / ".venv" / "installed").exists()
    assert not list(root.glob(f".venv/lib/python*/site-packages/{package}-*"))


def test_environment_that_someone_else_made_is_left_alone(tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "egen")
    (root / ".venv").mkdir()
    (root / ".venv" / "pyvenv.cfg").write_text("mine")
    run = use(root / "invoke", "--version", cwd=tmp_path)
    assert run.returncode == 2
    assert "was not made by ./invoke: move it out of the way" in run.stderr
    assert (root / ".venv" / "pyvenv.cfg").read_text() == "mine"


def test_python_that_does_not_run_is_told_in_a_sentence(tmp_path: Path) -> None:
    root = copy_checkout(tmp_path / "utan")
    run = use(
        root / "invoke", "--version", cwd=tmp_path, env=environment(GPU_TRANSCRIBER_PYTHON="/no/such/python")
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error: GPU_TRANSCRIBER_PYTHON is /no/such/python, which is no Python 3.10")
    assert run.stderr.count("\n") == 1


@pytest.fixture
def changed(made: Made) -> Iterator[Path]:
    """The checkout with another pyproject.toml and a package that the lock does not know; put right afterwards."""
    project = made.root / "pyproject.toml"
    before = project.read_text()
    project.write_text(before + "\n# changed\n")
    strange = next(made.root.glob(".venv/lib/python*/site-packages")) / "strange-1.0.dist-info"
    strange.mkdir()
    (strange / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (strange / "RECORD").write_text("strange-1.0.dist-info/METADATA,,\nstrange-1.0.dist-info/RECORD,,\n")
    yield strange
    project.write_text(before)


def test_change_of_the_project_brings_the_environment_in_step(
    made: Made, changed: Path, elsewhere: Path
) -> None:
    shims = elsewhere / "shims"
    shims.mkdir()
    for name in ("python3.13", "python3.12", "python3.11", "python3.10"):
        (shims / name).write_text(f"#!/bin/sh\necho 'pyenv: {name}: command not found' >&2\nexit 127\n")
        (shims / name).chmod(0o755)
    with_shims = environment(PATH=f"{shims}:{os.environ['PATH']}")

    run = use(made.invoke, "--version", cwd=elsewhere, env=with_shims)
    assert (run.returncode, run.stdout) == (0, VERSION), run.stderr
    assert "in step with requirements.lock" in run.stderr
    assert "making" not in run.stderr
    assert not changed.exists()
    assert use(made.invoke, "--version", cwd=elsewhere).stderr == ""


def test_slices_are_installed_once_and_kept_in_step(made: Made, elsewhere: Path) -> None:
    ask = "from runner.door.install import install, missing; install('test'); print(missing('test'))"
    first = use(made.python, "-c", ask, cwd=elsewhere)
    assert first.stdout == "[]\n", first.stderr
    assert "installing the test packages, once: 0.1 GB on disk" in first.stderr
    assert use(made.python, "-c", ask, cwd=elsewhere).stderr == ""

    project = made.root / "pyproject.toml"
    project.write_text(project.read_text() + "\n# changed\n")
    site = next(made.root.glob(".venv/lib/python*/site-packages"))
    shutil.rmtree(next(site.glob("pysubs2-*.dist-info")))
    assert use(made.invoke, "--version", cwd=elsewhere).stdout == VERSION
    assert list(site.glob("pysubs2-*.dist-info"))
