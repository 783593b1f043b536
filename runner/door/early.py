"""An interruption while the program is still being imported: told in the sentence that a later one gets too."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType


def _end(number: int, _frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):  # nobody may be listening
        os.write(2, b"error: ended early by SIGINT\n")
    os._exit(128 + number)


def watch() -> None:
    """Until `hand_over`, let SIGINT end the process at once; one that is being ignored stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def hand_over() -> None:
    """Let SIGINT raise KeyboardInterrupt again, for those who have work to bring to an end."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
