"""What renting a GPU would use: AWS credentials, seen by their presence only, and Packer."""

from __future__ import annotations

import os
from pathlib import Path

from runner.doctor.finding import Finding
from runner.door.packer import find_packer
from runner.errors import CannotStart

PATIENCE = 3.0  # seconds for Packer's version; a build waits longer
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


def packer(named: str) -> Finding:
    """The Packer of that name or path, and its version."""
    try:
        found = find_packer(named, PATIENCE)
    except CannotStart as error:
        return Finding("packer", "note", str(error), f"{NOT_NEEDED} It bakes machine images.")
    return Finding("packer", "ok", f"{found.version} at {found.path}", NOT_NEEDED)
