"""What an earlier run has already done of the recordings asked for now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.errors import RecordingUnreadable
from runner.filing.metadata import Summed, heard_until, is_finished, is_of, read_through
from runner.filing.results import Filed, RunFolder, earlier_runs
from runner.inputs import Input
from runner.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run to go on in, and its results: finished ones to skip, unfinished ones to do again in their place."""

    run: RunFolder
    finished: dict[Input, Filed] = field(default_factory=dict)
    unfinished: dict[Input, Filed] = field(default_factory=dict)


def find_earlier(recordings: Sequence[Input], output: Path, options: Mapping[str, Any]) -> Earlier | None:
    """Return the newest run under `output` that holds a result of any of these recordings, or None."""
    sums: dict[Input, Summed] = {}
    for run in earlier_runs(output):
        filed = run.filed()
        earlier = Earlier(run)
        for recording in recordings:
            match = _match(recording, filed, options, sums)
            if match is not None:
                filed.remove(match)  # a copy of the file under another name needs a result of its own
                (earlier.finished if is_finished(match, options) else earlier.unfinished)[recording] = match
        if earlier.finished or earlier.unfinished:
            return earlier
    return None


def is_worth_more(unfinished: Filed, transcript: Transcript, start: float) -> bool:
    """Whether an earlier result holds more than a transcript that ended early again."""
    earlier = unfinished.metadata["durations"].get("heard", 0.0)
    return not transcript.complete and earlier >= heard_until(transcript, start)


def _match(
    recording: Input, filed: Iterable[Filed], options: Mapping[str, Any], sums: dict[Input, Summed]
) -> Filed | None:
    same_size = [
        one for one in filed if recording.size and one.metadata["source"].get("size_bytes") == recording.size
    ]
    if not same_size:
        return None
    if recording not in sums:
        try:
            sums[recording] = read_through(recording)
        except RecordingUnreadable:
            return None  # told when its turn comes
    return next((one for one in same_size if is_of(one, sums[recording], options)), None)
