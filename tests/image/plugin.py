"""What makes pytest run the checks: options, one connection, which checks apply, and a verdict that cannot be empty.

With --hosts only the checks are collected; without it everything else is.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from .connection import Connection, named_hosts
from .machine import Machine, Unreachable
from .report import Report
from .selection import HOST, MARKERS, LeftOut, name_of, reason_to_leave_out, subject, wanted_when_sealed

FOLDER = Path(__file__).resolve().parent
REPORT = pytest.StashKey[Report]()
_CONNECTION = pytest.StashKey[Connection]()
_MACHINES = pytest.StashKey[dict[str, Machine]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("checks", "checks of a running machine (--hosts)")
    group.addoption(
        "--checks-json",
        metavar="FILE",
        help="write every check, its outcome and what it measured; in one word, --checks-json=FILE",
    )
    group.addoption(
        "--sealed", action="store_true", help="right after sysprep: only what must hold of an image"
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    hosts = named_hosts(config)
    if not hosts:
        _refuse_checks_without_a_machine(config)
        return
    _ask_for_nothing_but_checks(config)
    _refuse_a_file_that_cannot_be_written(config)
    for name in ("lfplugin", "nfplugin", "stepwiseplugin"):  # a checkout may be for reading only
        if (remembering := config.pluginmanager.get_plugin(name)) is not None:
            config.pluginmanager.unregister(remembering)
    config.option.sudo = True  # the checks log in as a plain user
    config.stash[_CONNECTION] = Connection(config, hosts)
    config.stash[_MACHINES] = {}
    config.stash[REPORT] = Report(hosts, sealed=config.getoption("--sealed"))


def _refuse_checks_without_a_machine(config: pytest.Config) -> None:
    for option in ("--checks-json", "--sealed"):
        if config.getoption(option):
            raise pytest.UsageError(
                f"{option} is about a running machine: name it with --hosts=ssh://user@host"
            )
    for argument in config.args:
        if _is_within(_path(config, argument)):
            raise pytest.UsageError(
                "the checks are about a running machine: name it with --hosts=ssh://user@host"
            )


def _ask_for_nothing_but_checks(config: pytest.Config) -> None:
    """Without a word all checks of this checkout, from whichever of its folders; raises UsageError for other tests."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(FOLDER)]
    elif not config.getoption("pyargs"):
        for argument in config.args:
            path = _path(config, argument)
            if not _is_within(path) and path not in FOLDER.parents:
                raise pytest.UsageError(
                    f"{argument} is no check of a machine: run it without --hosts, or leave it out"
                )


def _refuse_a_file_that_cannot_be_written(config: pytest.Config) -> None:
    if file := config.getoption("--checks-json"):
        path = Path(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            refused = path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)
        except OSError:
            refused = True
        if refused:
            raise pytest.UsageError(f"--checks-json={file}: it cannot be written there; name another file")


def _path(config: pytest.Config, argument: str) -> Path:
    return (config.invocation_params.dir / argument.partition("::")[0]).resolve()


def _is_within(path: Path) -> bool:
    return path == FOLDER or FOLDER in path.parents


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    within = _is_within(collection_path)
    if not config.getoption("hosts"):
        return True if within else None
    return None if within or collection_path in FOLDER.parents else True


def machine_of(config: pytest.Config, host: Host) -> Machine:
    """The machine behind a host of testinfra, one for all checks."""
    machine = Machine(host)
    return config.stash[_MACHINES].setdefault(machine.name, machine)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if REPORT not in config.stash:
        return
    report, sealed = config.stash[REPORT], config.getoption("--sealed")
    kept = []
    for item in items:
        host = _host_of(item)
        if host is None:
            raise pytest.UsageError(f"{item.nodeid} is no check of a machine: run it without --hosts")
        if sealed and not wanted_when_sealed(item):
            continue
        machine = machine_of(config, host)
        if reason := _reason(item, machine):
            report.leave_out(LeftOut(name_of(item), subject(item), machine.name, reason))
        else:
            report.expect(item, machine.name)
            kept.append(item)
    items[:] = kept


def pytest_deselected(items: list[pytest.Item]) -> None:
    """What -k or -m leaves out is the person's wish; that a GPU was not looked at is still said, and fails."""
    for item in items:
        host = _host_of(item)
        if REPORT in item.config.stash and host is not None and item.get_closest_marker("gpu"):
            machine = machine_of(item.config, host)
            if not _reason(item, machine):
                item.config.stash[REPORT].gpu_not_run.append(item.name)


def _reason(item: pytest.Item, machine: Machine) -> str:
    """Why a check does not apply; raises UsageError for a machine that does not answer."""
    try:
        machine.facts  # noqa: B018  the first look at the machine
    except (Unreachable, AssertionError) as error:  # no SSH; no sudo or no Python
        reached = isinstance(error, AssertionError)
        by_hand = item.config.stash[_CONNECTION].by_hand(machine.name)
        work = f"{by_hand} sudo -n python3 -V" if reached else by_hand
        said = f"{machine.name}: {error}" if reached else str(error)
        why = f"{said}; make this work first: {work}"
        item.config.stash[REPORT].why.append(why)
        raise pytest.UsageError(why) from error
    return reason_to_leave_out(item, machine, sealed=item.config.getoption("--sealed"))


def _host_of(item: pytest.Item) -> Host | None:
    parameters = getattr(item, "callspec", None)
    host = parameters.params.get(HOST) if parameters else None
    return host if isinstance(host, Host) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    outcome = yield
    if REPORT in item.config.stash:
        item.config.stash[REPORT].note(outcome)
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    config = session.config
    if REPORT in config.stash:
        report = config.stash[REPORT]
        report.close()
        if not report.green and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if file := config.getoption("--checks-json"):
            report.declared = {name: _declared(machine) for name, machine in config.stash[_MACHINES].items()}
            report.write(Path(file))


def _declared(machine: Machine) -> dict[str, Any]:
    """What a machine declares: nothing, where it was never reached or is lost."""
    try:
        return machine.facts.declared
    except (Unreachable, AssertionError):
        return {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if (report := terminalreporter.config.stash.get(REPORT, None)) is not None:
        report.show(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (connection := config.stash.get(_CONNECTION, None)) is not None:
        connection.close()
