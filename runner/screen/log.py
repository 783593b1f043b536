"""The one place that logs: a line for a person, or a JSON object a line, on standard error.

What a recording says is never logged above debug.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import datetime, timezone

_context: ContextVar[dict[str, object]] = ContextVar("context", default={})  # noqa: B039 (never changed in place)


def configure(level: str, *, as_json: bool, write: Callable[[str], None]) -> None:
    """Send what this package logs at `level` and above to `write`, and of other packages only errors."""
    handler = _Lines(write)
    handler.setFormatter(_Json() if as_json else _Human())
    handler.addFilter(_with_context)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    ours = level.upper()
    root.setLevel("DEBUG" if ours == "DEBUG" else "ERROR")
    logging.getLogger("runner").setLevel(ours)
    logging.captureWarnings(True)


@contextlib.contextmanager
def context(**fields: object) -> Iterator[None]:
    """Add fields, such as the file at hand, to every line logged inside."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def _with_context(record: logging.LogRecord) -> bool:
    record.context = {**_context.get(), **getattr(record, "fields", {})}
    return True


class _Lines(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # where nobody reads standard error any more, the work goes on
            self._write(self.format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record, "milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={value}" for key, value in getattr(record, "context", {}).items())
        line = f"{_time(record, 'seconds')} {record.levelname.lower()} {record.name}: "
        line += record.getMessage() + fields
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord, timespec: str) -> str:
    return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec=timespec)
