"""The one entry of the machine, /opt/transcribe/scripts/transcribe, as far as it runs anywhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.needs import needs

ENTRY = ROOT / "ansible" / "roles" / "service" / "files" / "transcribe"


def installed(folder: Path, user: str) -> Path:
    """The entry beside a program that only tells how it was called, on a machine where the service's user is `user`."""
    (folder / "scripts").mkdir()
    (folder / "venv" / "bin").mkdir(parents=True)
    program = folder / "venv" / "bin" / "gpu-transcriber"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"; echo "$TOLD $(umask)"\n')
    program.chmod(0o755)
    (folder / "scripts" / "environment").write_text("# as systemd reads it\nTOLD=by-the-environment\n")
    entry = folder / "scripts" / "transcribe"
    shutil.copy(ENTRY, entry)
    entry.write_text(entry.read_text().replace("user=transcribe\n", f"user={user}\n"))
    return entry


@needs("debian:shellcheck")
def test_shellcheck_finds_nothing_in_it() -> None:
    done = subprocess.run(["shellcheck", ENTRY], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_hands_every_word_on_under_the_machines_environment(tmp_path: Path) -> None:
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    entry = installed(tmp_path, me)
    done = subprocess.run(
        [entry, "--quiet", "a b.mp3", "", "--", "-c"], capture_output=True, text=True, cwd="/"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "transcribe|--quiet|a b.mp3||--|-c|by-the-environment 0027\n"


@needs("root", "linux")
def test_root_becomes_the_services_user_without_rights_and_without_a_network(disk: Path) -> None:
    disk.chmod(0o755)
    entry = installed(disk, "nobody")
    entry.write_text(entry.read_text().replace('--regid="$user"', "--regid=nogroup"))
    program = disk / "venv" / "bin" / "gpu-transcriber"
    program.write_text(
        "#!/bin/sh\nid -un; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status | tr -d '\\t'; "
        "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cut -f1 /proc/net/route | tail -n +2\n"
    )
    done = subprocess.run([entry, "x.mp3"], capture_output=True, text=True, cwd="/")
    assert done.stdout.split() == [
        "nobody", "CapEff:0000000000000000", "CapBnd:0000000000000000", "NoNewPrivs:1", "lo",
    ]  # fmt: skip
