"""What renting a GPU would use: AWS credentials, seen by their presence only, and Packer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from runner.doctor.finding import Finding

NOT_NEEDED = "Not needed for local runs."
AWS_VARIABLES = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def aws() -> Finding:
    """Where AWS credentials seem to be; nothing of them is read or sent."""
    home = Path.home() / ".aws"
    files = {
        "credentials file": Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"),
        "configuration": Path(os.environ.get("AWS_CONFIG_FILE") or home / "config"),
    }
    seen = [f"{name} is set" for name in AWS_VARIABLES if os.environ.get(name)]
    seen += [f"{kind} {path}" for kind, path in files.items() if path.is_file()]
    if any((home / "sso/cache").glob("*.json")):
        seen.append(f"a single sign-on session in {home / 'sso/cache'}")
    if seen:
        return Finding("aws", "ok", f"{'; '.join(seen)} (not read, not checked)", NOT_NEEDED)
    return Finding("aws", "note", "no credentials seen", f"{NOT_NEEDED} `aws configure` makes them.")


def packer() -> Finding:
    """Packer and its version; some systems have another program of that name."""
    path = shutil.which("packer")
    if path is None:
        return Finding(
            "packer", "note", "not installed", f"{NOT_NEEDED} It bakes machine images: see packer.io."
        )
    quiet = {**os.environ, "CHECKPOINT_DISABLE": "1"}  # it would ask its maker for news
    try:
        done = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=3, env=quiet, stdin=subprocess.DEVNULL
        )
        said = re.search(r"Packer v?(\d\S*)", done.stdout)
    except (OSError, subprocess.SubprocessError):
        said = None
    if said is None:
        return Finding("packer", "note", f"{path} is not HashiCorp's Packer, or does not run", NOT_NEEDED)
    return Finding("packer", "ok", f"{said[1]} at {path}", NOT_NEEDED)
