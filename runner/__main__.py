"""The console script gpu-transcriber."""

from __future__ import annotations

from runner.door import early

early.watch()  # what follows takes tenths of a second

# ruff: noqa: E402
from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from runner.commands import doctor, models, settings, transcribe
from runner.door.program import NAME, Program
from runner.errors import UsageError


@task(
    auto_shortflags=False,
    help={
        "cache": "Folder for compiled kernels, the list of files to read early, and what was measured.",
        "user": "Who does the work, where root asks for it: the user that will serve.",
        "gpu": "Fail unless a GPU does the work.",
        "again": "Also where nothing has changed since the last time.",
        "json": "Print JSON, for programs.",
    },
)
def warm(
    _context: Context,
    cache: str | None = None,
    user: str | None = None,
    gpu: bool = False,
    again: bool = False,
    json: bool = False,
) -> None:
    """Make the first transcription here: the next one starts faster.

    For whoever bakes a machine image: a built-in clip is transcribed cold, then warm, and what a cold start reads is
    listed to be read as the machine starts. For example:

        ./invoke warm --cache /opt/transcribe/cache --user transcribe
    """
    if cache is None:
        raise UsageError("--cache FOLDER is missing: it says where the caches and what was measured go.")
    from dataclasses import asdict
    from pathlib import Path

    from runner.machine.warm import Order, told
    from runner.machine.warm import warm as run
    from runner.screen.tables import print_json, print_line
    from runner.settings import load_settings

    chosen = load_settings()
    order = Order(Path(cache), user, gpu, again)
    warmth, done = run(order, chosen.model, chosen.style, chosen.cache)
    if json:
        print_json({"changed": done, **asdict(warmth)})
        return
    for line in told(warmth, done):
        print_line(line)


def main() -> None:
    """Do what the words on the command line ask for."""
    Program(Collection(transcribe, models, doctor, settings, warm), called=NAME).run()


if __name__ == "__main__":
    main()
