"""The command line: Invoke's, with a help of our own and every failure told in a sentence."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import invoke.program
from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.parser import Parser

from runner import __version__
from runner.door import early
from runner.door.network import harmonise_environment
from runner.door.variadic import VariadicParser, VariadicTask
from runner.errors import CannotStart, DiskFull, Interrupted, TranscriberError, UsageError
from runner.screen.tables import print_line

NAME = "gpu-transcriber"
READER_GONE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1

# Read by libraries when they are imported, so they are set before anything is.
QUIET_LIBRARIES = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OMP_WAIT_POLICY": "passive",  # without it torch's idle threads spin and take the processor from the others
    "ORT_DISABLE_TELEMETRY": "1",  # the voice-activity model's library reports its use otherwise
    "TOKENIZERS_PARALLELISM": "false",
}
EVERYDAY_OPTIONS = {  # Invoke's others work, but are no part of this program
    "help": "Show this, or with the name of a task what it does and takes.",
    "list": "Show the tasks.",
    "version": "Show the version.",
}


class Program(invoke.program.Program):
    """The program over a set of tasks; `called` is what a person types to run it."""

    def __init__(self, tasks: Collection, *, called: str) -> None:
        super().__init__(
            version=__version__, namespace=tasks, name=NAME, binary=called, binary_names=[Path(called).name]
        )

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002 - Invoke names it so
        """Do what the words ask for; ends the process with the exit code that runner.errors gives the outcome."""
        code = 0
        try:
            if sys.platform == "win32":
                raise CannotStart("Windows is served through WSL: install and run this in a WSL terminal.")
            harmonise_environment(os.environ)
            for variable, value in QUIET_LIBRARIES.items():
                os.environ.setdefault(variable, value)
            try:
                super().run(argv, exit)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except Exception as error:  # noqa: BLE001 - the last resort of the whole program
            code = _tell(error)
        if code and exit:
            sys.exit(code)

    def core_args(self) -> list[Argument]:
        """Invoke's options; only the everyday ones keep their short form, which a task's option may look like."""
        arguments = super().core_args()
        for argument in arguments:
            argument.help = EVERYDAY_OPTIONS.get(argument.names[0])
            if argument.help is None:
                argument.names = argument.names[:1]
        return arguments

    def parse_core(self, argv: list[str] | None) -> None:
        """Read the words before the first task."""
        bytecode = sys.dont_write_bytecode
        try:
            super().parse_core(argv)
        except ParseError as error:
            raise self._plainly(error) from error
        # Invoke switches this off, and torch would be compiled again in every run.
        sys.dont_write_bytecode = bytecode

    def parse_core_args(self) -> None:
        """Leave what follows `--` to the task, if there is one."""
        super().parse_core_args()
        if self.core.unparsed and "--" in self.argv:
            self.core.unparsed += self.argv[self.argv.index("--") :]

    def parse_tasks(self) -> None:
        """Read the tasks and their options."""
        try:
            super().parse_tasks()
        except ParseError as error:
            raise self._plainly(error) from error

    def parse_cleanup(self) -> None:
        """Do what ends the program without any task: help, list, version."""
        if self.args.version.value:
            self.print_version()
            raise Exit
        try:
            super().parse_cleanup()
        except ParseError as error:
            raise self._plainly(error) from error

    def execute(self) -> None:
        """Run the tasks; an interruption that none of them saw to ends the program as any other."""
        try:
            early.hand_over()
            super().execute()
        except KeyboardInterrupt as error:
            raise Interrupted(signal.SIGINT) from error

    def _make_parser(self) -> Parser:
        tasks = {name: self.collection[name] for name in self.collection.task_names}
        variadic = {name: task.variadic for name, task in tasks.items() if isinstance(task, VariadicTask)}
        return VariadicParser(super()._make_parser(), variadic)

    def _plainly(self, error: ParseError) -> UsageError:
        """Say what was wrong with the words, and which were perhaps meant."""
        if missing := re.match(r"Flag <Argument: (\w+)", str(error)):
            return UsageError(f"--{missing[1].replace('_', '-')} needs a value.")
        if not (unknown := re.match(r"No idea what '(.*)' is!", str(error), re.DOTALL)):
            return UsageError(str(error))
        word, context = unknown[1], error.context
        task = context.name if context is not None else None
        if word.startswith("-"):
            known = [
                *(context.flag_names() if context is not None else ()),
                *self.initial_context.flag_names(),
            ]
            sentence = f"{task} has no option {word}" if task else f"There is no option {word}"
        else:
            known = list(self.collection.task_names)
            sentence = f"There is no task {word}"
        near = get_close_matches(word, known, n=1)
        if task and not near and not word.startswith("-"):
            sentence = f"{task} takes no argument {word}"
        if not near and (variadic := self._takes_file(word)):
            return UsageError(f"{sentence}; did you mean {self.binary} {variadic} {word}?")
        hint = (
            f"did you mean {near[0]}?" if near else f"see {self.binary} --help{f' {task}' if task else ''}."
        )
        if task in self.collection.task_names and word.startswith("-") and not word.startswith("--"):
            meant = self.collection[task]
            if isinstance(meant, VariadicTask):
                hint += f" A name that begins with a dash goes after -- or --{meant.variadic}."
        return UsageError(f"{sentence}; {hint}")

    def _takes_file(self, word: str) -> str | None:
        """The task that a person meant who named only a file."""
        if not Path(word).exists():
            return None
        return next(
            (n for n in self.collection.task_names if isinstance(self.collection[n], VariadicTask)), None
        )

    def print_help(self) -> None:
        """Print what the program can do."""
        print_line(f"Usage: {self.binary} TASK [options]\n")
        self.list_flat()
        self.print_columns(_columns([self.initial_context.args[name] for name in EVERYDAY_OPTIONS]))

    def list_flat(self) -> None:
        """Print the tasks in the order in which they were put together, the developers' own apart."""
        everyone, developers = list[tuple[str, str]](), list[tuple[str, str]]()
        names = list(self.scoped_collection.task_names)
        for name in names:
            task = self.scoped_collection[name]
            line = (name.ljust(max(map(len, names))), (task.__doc__ or "").strip().split("\n", 1)[0])
            (everyone if task.body.__module__.startswith("runner.") else developers).append(line)
        for heading, lines in (("Tasks:", everyone), ("For developers:", developers)):
            if lines:
                print_line(heading)
                self.print_columns(lines)

    def print_task_help(self, name: str) -> None:
        """Print what a task does and its options, in the order in which it declares them."""
        task, context = self.collection[name], self.parser.contexts[name]
        words = f" [{task.variadic.upper()} ...]" if isinstance(task, VariadicTask) else ""
        print_line(f"Usage: {self.binary} {name} [options]{words}\n")
        text = inspect.cleandoc(task.__doc__ or "").replace("./invoke", self.binary)
        print_line(f"{text}\n")
        if context.args:
            self.print_columns(_columns(list(context.args.values())))


def _columns(arguments: Sequence[Argument]) -> list[tuple[str, str | None]]:
    """Each option as it is typed, and what it does."""
    rows = list[tuple[str, str | None]]()
    for argument in arguments:
        option = argument.names[0]
        value = f" {option.upper()}" if argument.takes_value else ""
        if argument.optional:
            value = f" [{option.upper()}]"
        rows.append((f"--{option}{value}", argument.help))
    return rows


def _tell(error: Exception) -> int:
    """Say what went wrong, in one sentence unless the fault is ours; returns the exit code."""
    if os.environ.get("GPU_TRANSCRIBER_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    if isinstance(error, TranscriberError):
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        _close_output()  # whoever read it has seen enough
        return READER_GONE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _close_output()
        where = f" for {error.filename}" if error.filename else ""
        sys.stderr.write(f"error: There is no space left on the disk{where}; free some and run this again.\n")
        return DiskFull.exit_code
    traceback.print_exception(error)
    sys.stderr.write(f"error: This is a fault in {NAME} {__version__} itself; the lines above say where.\n")
    return TranscriberError.exit_code


def _close_output() -> None:
    """Let what stdout still holds go nowhere, or Python fails over it once more at its end."""
    with contextlib.suppress(OSError, ValueError):  # a stdout without a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
