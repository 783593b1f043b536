"""The console script gpu-transcriber."""

from __future__ import annotations

from runner.door import early

early.watch()  # what follows takes tenths of a second

# ruff: noqa: E402
from invoke.collection import Collection

from runner.commands import doctor, models, settings, transcribe
from runner.door.program import NAME, Program


def main() -> None:
    """Do what the words on the command line ask for."""
    Program(Collection(transcribe, models, doctor, settings), called=NAME).run()


if __name__ == "__main__":
    main()
