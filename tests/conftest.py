"""Every test starts from the same ground, and what was skipped is told with its reason."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from runner.engine.memory import keep_memory
from tests.support.needs import excused, require

# Before anything of ours is imported: the person's own settings do not reach the tests, the cache does, so that
# the model is fetched once. Idle threads of torch sleep instead of spinning: tests share a small machine.
for name in [name for name in os.environ if name.startswith("GPU_TRANSCRIBER_")]:
    if name != "GPU_TRANSCRIBER_CACHE":
        del os.environ[name]
_config = tempfile.TemporaryDirectory(prefix="tests-config-")
os.environ["XDG_CONFIG_HOME"] = _config.name
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
keep_memory()

# A run that was started by nohup, or in a script's background, must not hand its deafness on to what is tested.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The checks of a machine need testinfra, which the environment of the oldest torch (tests/floor.py) does without.
_checks = importlib.util.find_spec("testinfra") is not None
collect_ignore = [] if _checks else ["image", "sabotage"]
pytest_plugins = [
    *(["tests.image.plugin"] if _checks else []),
    "tests.support.aws.fixtures",
    "tests.support.checkpoint",
    "tests.support.hub",
    "tests.support.machines.fixtures",
    "tests.support.program",
]

_skips: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skips", metavar="FILE", help="write what was skipped, and why, to this file as JSON")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What hears with the real model is slow, and so are a hundred decoders that each start a process."""
    for item in items:
        if "checkpoint" in getattr(item, "fixturenames", ()) or item.path.parent.name == "audio":
            item.add_marker("slow")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note_skip(report)


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _skips[report.longrepr[2].removeprefix("Skipped: ")] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true a skip of something that should have run fails the whole."""
    _config.cleanup()
    if file := session.config.getoption("--skips"):
        rows = [
            {"reason": reason, "count": count, "excused": reason in excused}
            for reason, count in _skips.most_common()
        ]
        Path(file).write_text(json.dumps(rows))
    unexcused = set(_skips) - excused
    if unexcused and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skips:
        terminalreporter.section("skipped, by reason")
    for reason, count in _skips.most_common():
        should = "" if reason in excused else "  <- should run on this machine"
        terminalreporter.write_line(f"{count:4}  {reason}{should}")
