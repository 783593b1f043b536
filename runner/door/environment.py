"""The checkout's own .venv: made on first use, kept in step with requirements.lock, made again if left half made.

`./invoke` runs this with the Python that it found, before anything is installed: only the standard library here.

`.venv/installed` is the last thing written and the first removed, so without it the rest is not to be trusted.
`.venv/lock` is locked by whoever works on the folder, uv included: a process that is killed lets go by dying.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from runner.door.network import harmonise_environment
from runner.errors import CannotStart, TranscriberError

PROJECT = "gpu-transcriber"
LOCK = "requirements.lock"
# Settings of a person's own uv that would have it install something else than the lock says.
_NOT_FOR_US = {
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_NO_BUILD_ISOLATION",
    "UV_NO_EDITABLE",
    "UV_NO_VERIFY_HASHES",
    "UV_OVERRIDE",
    "UV_REQUIRE_HASHES",
    "UV_WORKING_DIR",
}
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}  # what a file system answers that has no locks


@dataclass(frozen=True, slots=True)
class Installed:
    """What a complete .venv holds: by which pyproject.toml and lock, in which folder, with which extras."""

    checksum: str
    place: str
    extras: frozenset[str]


def notice(text: str) -> None:
    """Tell the person at the terminal what is being done."""
    sys.stderr.write(f"{PROJECT}: {text}\n")
    sys.stderr.flush()


def bring_up_to_date(root: Path, extras: Collection[str] = ()) -> None:
    """Make `root`/.venv hold the project with these extras and those already there, at the locked versions.

    Waits for another process that is at it. Raises CannotStart.
    """
    harmonise_environment(os.environ)
    folder = root / ".venv"
    try:
        with _held(folder) as held:
            before = _installed(folder)
            checksum = _checksum(root)
            if before and before.checksum == checksum and before.extras.issuperset(extras) and _runs(folder):
                return
            started = time.monotonic()
            if before and before.place == str(root) and _runs(folder):
                wanted = Installed(checksum, str(root), before.extras.union(extras))
                if before.checksum != checksum:
                    notice(f"bringing {folder} in step with {LOCK}")
                uv = folder / "bin" / "uv"
            else:
                wanted = Installed(checksum, str(root), frozenset(extras))
                _say_what_is_made(folder, before)
                uv = _make(folder, root / LOCK)
            _install(root, wanted, uv, held)
    except OSError as error:
        where = error.filename or folder
        raise CannotStart(f"{where}: {error.strerror or error}; mend that and run this again.") from error
    except subprocess.CalledProcessError as error:
        raise CannotStart(
            "The packages could not be installed, for the reason above (no version found: the package index was not "
            "reached); mend that and run this again."
        ) from error
    notice(f"ready after {time.monotonic() - started:.0f} s")


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Hold the lock on the folder, which is made if need be; yields the lock's file descriptor."""
    import fcntl  # Windows has none, and must be able to import this module to say so

    folder.mkdir(exist_ok=True)
    path = folder / "lock"
    if not path.exists() and any(folder.iterdir()):
        raise CannotStart(f"{folder} was not made by ./invoke: move it out of the way and run this again.")
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "just started"
            notice(f"another process ({owner}) is installing here; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def _installed(folder: Path) -> Installed | None:
    """Read what the last complete installation noted; None where none was completed."""
    try:
        *checksum, place, extras, _ = os.fsdecode((folder / "installed").read_bytes()).split("\n")
    except (FileNotFoundError, ValueError):
        return None
    return Installed("\n".join(checksum), place, frozenset(extras.split()))


def _note(folder: Path, installed: Installed) -> None:
    """Write what `_installed` reads, and `./invoke` compares: whole or not at all."""
    lines = [installed.checksum, installed.place, " ".join(sorted(installed.extras))]
    draft = folder / "installed.draft"
    draft.write_bytes(os.fsencode("\n".join(lines) + "\n"))
    draft.replace(folder / "installed")


def _checksum(root: Path) -> str:
    """What decides if the .venv is in step; by the command that `./invoke` uses, so that both say the same."""
    command: list[str | Path] = ["cksum", root / "pyproject.toml", root / LOCK]
    return os.fsdecode(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout).rstrip("\n")


def _runs(folder: Path) -> bool:
    """Say whether the folder's Python still starts and finds its packages: the one it was made from may be gone."""
    check = "import invoke, runner, uv; uv.find_uv_bin()"
    try:
        run = subprocess.run([folder / "bin" / "python", "-I", "-c", check], capture_output=True)
    except OSError:
        return False
    return run.returncode == 0


def _say_what_is_made(folder: Path, before: Installed | None) -> None:
    if before:
        why = f"{folder} has moved or lost its Python"
    elif any(entry.name != "lock" for entry in folder.iterdir()):
        why = f"{folder} was left unfinished"
    else:
        why = "first use"
    version = ".".join(map(str, sys.version_info[:3]))
    notice(f"{why}: making {folder} with Python {version} (75 MB, mostly 5 to 20 s)")


def _make(folder: Path, lock: Path) -> Path:
    """Make the environment from nothing; returns a uv, checked by its hash, to fill it with."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()
    venv.EnvBuilder(symlinks=True).create(folder)
    bootstrap = folder / "bootstrap"
    bootstrap.mkdir()
    requirement = bootstrap / "uv.txt"
    requirement.write_text(_locked_block(lock.read_text(), "uv"))
    run_pip = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"  # ends without a traceback
        "sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('pip', run_name='__main__')"
    )
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-I",
        "-c",
        run_pip,
        _bundled_pip(),
        "--quiet",
        "install",
    ]
    options = ["--no-input", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    subprocess.run(
        [*pip, *options, "--target", bootstrap, "--requirement", requirement],
        stdout=sys.stderr,
        # A person's own configuration may ask for --user, and a container's root is no cause for a warning.
        env={**os.environ, "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"},
        check=True,
    )
    return bootstrap / "bin" / "uv"


def _bundled_pip() -> Path:
    """The pip that comes with Python for its ensurepip; run as it is, it takes half the time of installing it first."""
    import ensurepip

    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), Path(ensurepip.__file__).parent / "_bundled"]
    wheels = [wheel for folder in folders if folder for wheel in Path(folder).glob("pip-*.whl")]
    if not wheels:
        raise CannotStart(
            f"{sys.executable} came without pip: name another Python in GPU_TRANSCRIBER_PYTHON."
        )
    return wheels[0]


def _locked_block(lock: str, name: str) -> str:
    """The lines of the lock that pin one package, hashes and all."""
    found = re.search(rf"^{re.escape(name)}==.*\n(?:[ \t].*\n?)*", lock, re.MULTILINE)
    if found is None:
        raise CannotStart(f"{LOCK} does not pin {name}: make it anew with ./invoke lock.")
    return found[0]


def _install(root: Path, wanted: Installed, uv: Path, held: int) -> None:
    """Have uv install what is wanted and remove what the lock does not name."""
    folder = root / ".venv"
    (folder / "installed").unlink(missing_ok=True)
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    quiet = [] if wanted.extras else ["--quiet"]
    into: list[str | Path] = ["--python", folder / "bin" / "python"]
    locked = ["--constraints", LOCK, "--build-constraints", LOCK]

    def run(*command: str | Path) -> None:
        # uv holds the lock too: if this process is killed, the next waits until uv has ended.
        subprocess.run(
            [uv, "pip", *command],
            cwd=root,
            env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_US},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=[held],
            check=True,
        )

    run("install", *quiet, *into, "--editable", f".{extras}", *locked)
    if strangers := _not_locked(folder, (root / LOCK).read_text()):
        run("uninstall", "--quiet", *into, *strangers)
    shutil.rmtree(folder / "bootstrap", ignore_errors=True)
    _note(folder, wanted)


def _not_locked(folder: Path, lock: str) -> list[str]:
    """Names of installed packages that the lock does not hold at that version, left by an older lock."""
    locked = set(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, re.MULTILINE))
    installed = {
        (re.sub(r"[-_.]+", "-", package.name).lower(), package.version)
        for package in distributions(path=[str(path) for path in folder.glob("lib/python*/site-packages")])
    }
    return sorted(name for name, _ in installed - locked if name != PROJECT)


def main() -> None:
    """Bring the .venv of the checkout named by the first argument up to date, for `./invoke`."""
    try:
        bring_up_to_date(Path(sys.argv[1]))
    except TranscriberError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        notice("stopped; the next ./invoke begins again")
        sys.exit(130)
