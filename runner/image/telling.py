"""What a person sees of a build, on standard error: checks before it, stages as they begin, Packer's lines, the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from runner.image.preflight import Finding
from runner.image.stages import Line, Stage, shown
from runner.screen.console import COLOURS, PREFIXES, StandardError, clock, error_console

LEAST = 0.5  # seconds of a stage that is worth a row


class Telling:
    """Plain lines, coloured on a terminal."""

    def __init__(self) -> None:
        self._console = error_console()

    def say(self, text: str, style: str = "") -> None:
        """A line of ours."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """What a person may want to act upon, though the work goes on."""
        self.say(f"{PREFIXES['warning']}{text}", COLOURS["warning"])

    def findings(self, findings: Sequence[Finding]) -> None:
        """What the preflight found."""
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok     " if finding.passed else "problem"
            self.say(f"{mark}  {finding.name:{width}}  {finding.text}", "" if finding.passed else "red")

    def line(self, line: Line) -> None:
        """Lines of Packer's, as they come."""
        error = StandardError()
        for text in shown(line):
            if text.strip():
                if error.isatty():
                    self.say(text, "red" if line.kind == "error" else "dim")
                else:
                    error.write(f"{text}\n")
        error.flush()

    def stage(self, stages: Sequence[Stage]) -> None:
        """The stage that begins, and how long the one before took."""
        before = ""
        if len(stages) > 1:
            before = f"   ({stages[-2].name} took {clock(stages[-2].seconds)})"
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        self.say(f"── {now} {stages[-1].name}{before}", "bold")

    def course(self, stages: Sequence[Stage]) -> None:
        """Every stage with its time; those of the same name, one after another, are one row."""
        width = max((len(stage.name) for stage in stages), default=0)
        for stage in stages:
            if (stage.seconds or 0.0) >= LEAST:
                self.say(f"  {stage.name:{width}}  {clock(stage.seconds):>8}")
        self.say(f"  {'all':{width}}  {clock(sum(stage.seconds or 0.0 for stage in stages)):>8}", "bold")
