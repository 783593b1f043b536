"""Break a disposable machine in every known way, one at a time: python -m tests.sabotage --hosts=ssh://user@host ..."""

from __future__ import annotations

import sys

import pytest


def main() -> int:
    return pytest.main(
        ["-p", "tests.sabotage.conductor", "-q", "-s", "-p", "no:cacheprovider", *sys.argv[1:]]
    )


if __name__ == "__main__":
    sys.exit(main())
