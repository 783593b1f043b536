"""One walk over the product's folder: whose files are, who may write them, where links lead, what is young."""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import Any

MOST = 20  # findings of a kind that are told


class Walk:
    """What one walk over `top` has found."""

    def __init__(self, top: str, record: str) -> None:
        self.top = top
        self.kernels = f"{top}/cache/kernels"
        try:
            self.finished = os.stat(record).st_mtime
        except OSError:
            self.finished = float("inf")
        self.record = record
        self.targets: set[str] = set()
        names = ("younger", "not_roots", "foreign_kernels", "writable", "writable_by_all", "lost")
        self.found: dict[str, list[str]] = {name: [] for name in names}

    def folder(self, here: str) -> None:
        stack = [here]
        while stack:
            for entry in os.scandir(stack.pop()):
                info = entry.stat(follow_symlinks=False)
                self.look(entry.path, info)
                if stat.S_ISDIR(info.st_mode):
                    stack.append(entry.path)

    def look(self, path: str, info: os.stat_result) -> None:
        compiled = path == self.kernels or path.startswith(f"{self.kernels}/")
        cache = path.startswith(f"{self.top}/cache")
        if info.st_uid != 0:
            self.found["foreign_kernels" if compiled else "not_roots"].append(f"{path} {info.st_uid}")
        if stat.S_ISLNK(info.st_mode):
            target = os.path.realpath(path)
            self.targets.add(target)
            if not os.path.exists(target):
                self.found["lost"].append(path)
            return
        if info.st_mode & 0o022 and not cache:
            self.found["writable"].append(path)
        if info.st_mode & stat.S_IWOTH:
            self.found["writable_by_all"].append(path)
        young = info.st_mtime > self.finished and not stat.S_ISDIR(info.st_mode)
        if young and not cache and path != self.record and not path.endswith(".pyc"):
            self.found["younger"].append(path)


def main() -> None:
    top, record = sys.argv[1:]
    walk = Walk(top, record)
    walk.folder(top)
    told: dict[str, Any] = {name: sorted(paths)[:MOST] for name, paths in walk.found.items()}
    told["outside"] = sorted(target for target in walk.targets if not target.startswith(f"{top}/"))
    told["names"] = sorted(os.listdir(top))
    print(json.dumps(told))


main()
