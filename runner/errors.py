"""What can go wrong that a person can mend: one class a cause, one sentence each, one exit code a family.

Exit codes: 0 all done; 1 a fault of this program; 2 cannot start as asked; 3 a recording cannot be read; 4 a result
cannot be written; 5 the engine failed; 6 a machine image was not made; 7 AWS refused or failed; 129, 130, 143 ended
early by SIGHUP, SIGINT, SIGTERM.
"""

from __future__ import annotations

import signal
from pathlib import Path


class TranscriberError(Exception):
    """Anything whose message alone tells a person what to do."""

    exit_code = 1


class CannotStart(TranscriberError):
    """What was asked cannot be begun: a wrong option, a missing model or part."""

    exit_code = 2


class UsageError(CannotStart):
    """An option or argument that makes no sense."""


class EngineMissing(CannotStart):
    """The engine's packages are not installed and cannot be installed from here."""


class PreflightFailed(CannotStart):
    """A long build that could not have ended well; `failures` are sentences, each with what to do."""

    def __init__(self, message: str, *, failures: tuple[str, ...]) -> None:
        super().__init__(message)
        self.failures = failures


class AccountError(CannotStart):
    """No AWS credentials, or such as are expired, cannot be had, or may not do what was asked."""


class ModelUnavailable(CannotStart):
    """No weights in the cache, on the hub or from the package index."""

    def __init__(self, message: str, *, model: str, tried: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.model = model
        self.tried = tried


class ModelInvalid(CannotStart):
    """A folder or download that is not a Whisper checkpoint, or whose bytes are not what they should be."""

    def __init__(self, message: str, *, model: str) -> None:
        super().__init__(message)
        self.model = model


class RecordingError(TranscriberError):
    """A recording that cannot be read; `name` is what the person called it."""

    exit_code = 3

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class RecordingMissing(RecordingError):
    """No such file, or a folder or pattern without any audio in it."""


class RecordingEmpty(RecordingError):
    """A file of zero bytes, or a container with no sound in it."""


class RecordingUnreadable(RecordingError):
    """Not audio, damaged beyond reading, refused for safety, or not permitted."""


class DecodingLimit(RecordingError):
    """Decoding took more time or memory than a recording may."""


class OutputError(TranscriberError):
    """A result that cannot be written; `path` is where it should have gone."""

    exit_code = 4

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class OutputNotWritable(OutputError):
    """A folder that may not be written to."""


class DiskFull(OutputError):
    """No space left where the result, a download or a temporary file should go."""


class EngineFailed(TranscriberError):
    """The device failed and no fall-back was left."""

    exit_code = 5


class ImageFailed(TranscriberError):
    """A build began and made no image; `stage` is where it ended and `log` holds every line that it printed."""

    exit_code = 6

    def __init__(self, message: str, *, stage: str, log: Path) -> None:
        super().__init__(message)
        self.stage = stage
        self.log = log


class CloudFailed(TranscriberError):
    """AWS refused a request or did not answer; `code` is its own name for the reason, where it gave one."""

    exit_code = 7

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Interrupted(TranscriberError):
    """A signal ended the work early; finished windows are kept."""

    def __init__(self, number: signal.Signals, message: str = "") -> None:
        super().__init__(message or f"ended early by {number.name}")
        self.signal = number
        self.exit_code = 128 + number.value
