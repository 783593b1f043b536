"""One walk over the machine's own disk: files with another's rights, files that everybody may write, secrets."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import stat
from typing import Any

SKIPPED = {"/proc", "/sys", "/dev", "/run", "/mnt", "/media"}
MOST = 40  # findings of a kind that are told

# Where a person or a build leaves things, and where a secret is looked for by content.
SEARCHED = (
    "/home/",
    "/root/",
    "/etc/",
    "/opt/",
    "/srv/",
    "/tmp/",
    "/var/tmp/",
    "/usr/local/",
    "/var/lib/cloud/",
    "/var/log/",
    "/var/lib/transcribe/",
)
PASSED = ("/opt/transcribe/venv/", "/opt/transcribe/models/", "/etc/ssl/certs/", "/var/log/journal/")
LARGEST = 400_000  # bytes of a file that is read
SECRETS = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    "AWS key": re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "AWS secret": re.compile(rb"aws_secret_access_key\s*[=:]\s*['\"]?[A-Za-z0-9/+]{40}", re.I),
    "token of the hub": re.compile(rb"\bhf_[A-Za-z0-9]{30,}"),
    "token of GitHub": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})"),
    "token": re.compile(
        rb"\b(?:xox[abprs]-[A-Za-z0-9-]{20,}|glpat-[\w-]{20}|sk-[A-Za-z0-9]{40,}|eyJhbGciOi[\w-]+\.eyJ[\w-]+\.[\w-]+)"
    ),
    "password in an address": re.compile(rb"\bhttps?://[^\s/:@'\"<>$%{]+:[^\s/:@'\"<>$%{]{4,}@"),
}
TELLTALE = {
    ".netrc", ".git-credentials", ".pypirc", ".pgpass", ".dockercfg", ".npmrc", "credentials", "id_rsa", "id_dsa",
    "id_ecdsa", "id_ed25519", ".vault_pass", "token", "stored_tokens", ".boto",
}  # fmt: skip
HISTORIES = re.compile(r"\.(\w+_)?history|\.lesshst|\.viminfo|\.wget-hsts")
TRUSTING = {".rhosts", ".shosts", "hosts.equiv", "shosts.equiv"}
HOST_KEY = re.compile(r"/etc/ssh/ssh_host_\w+_key")
SNAKEOIL = {"/etc/ssl/private/ssl-cert-snakeoil.key"}


class Walk:
    """What one walk has found."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {
            name: []
            for name in (
                "setuid", "capable", "writable_files", "writable_folders", "unowned", "secrets", "telltale",
                "histories", "host_keys", "trusting",
            )
        }  # fmt: skip
        self.users = {entry.pw_uid for entry in pwd.getpwall()}
        self.groups = {entry.gr_gid for entry in grp.getgrall()}
        self.device = os.stat("/").st_dev

    def folder(self, top: str) -> None:
        stack = [top]
        while stack:
            here = stack.pop()
            try:
                entries = list(os.scandir(here))
            except OSError:
                continue
            for entry in entries:
                try:
                    info = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISDIR(info.st_mode):
                    if entry.path in SKIPPED:
                        continue
                    stack.append(entry.path)
                self.look(entry.path, entry.name, info)

    def look(self, path: str, name: str, info: os.stat_result) -> None:
        mode = info.st_mode
        if info.st_uid not in self.users or info.st_gid not in self.groups:
            self.found["unowned"].append(path)
        if stat.S_ISDIR(mode):
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                self.found["writable_folders"].append(path)
            return
        if not stat.S_ISREG(mode):
            return
        if name in TRUSTING:
            self.found["trusting"].append(path)
        if mode & (stat.S_ISUID | stat.S_ISGID):
            self.found["setuid"].append(path)
        if mode & stat.S_IWOTH:
            self.found["writable_files"].append(path)
        if mode & 0o111 and self.capable(path):
            self.found["capable"].append(path)
        if path.startswith(SEARCHED) and not path.startswith(PASSED):
            self.search(path, name, info.st_size)

    def capable(self, path: str) -> bool:
        try:
            return bool(os.getxattr(path, "security.capability", follow_symlinks=False))
        except OSError:
            return False

    def search(self, path: str, name: str, size: int) -> None:
        if HISTORIES.fullmatch(name):
            self.found["histories"].append(path)
        if name in TELLTALE and size:
            self.found["telltale"].append(path)
        if not 0 < size < LARGEST:
            return
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return
        kinds = [kind for kind, pattern in SECRETS.items() if pattern.search(content)]
        if kinds == ["private key"] and HOST_KEY.fullmatch(path):
            self.found["host_keys"].append(path)
        elif kinds and path not in SNAKEOIL:
            self.found["secrets"].append(f"{path}: {', '.join(kinds)}")


def main() -> None:
    walk = Walk()
    walk.folder("/")
    told: dict[str, Any] = {name: sorted(paths)[:MOST] for name, paths in walk.found.items()}
    print(json.dumps(told))


main()
