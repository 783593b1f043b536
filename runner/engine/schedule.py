"""Windows of any number of recordings on their way through the lanes, each of which is a thread.

A lane waits often: for Python, for memory, for the slower half of a product. On a processor two lanes with half of the
cores each do in the same time what one with all of them cannot (a fifth more, on two cores). On a GPU there is one,
which does not wait for the sound that is read meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from itertools import islice
from queue import Empty, SimpleQueue

import torch

from runner.engine import device as devices
from runner.engine.lane import Lane, Report, Task
from runner.engine.loaded import Loaded
from runner.engine.options import Options
from runner.engine.transcription import Transcription

ENCODED_TOGETHER = 4  # windows: more gain nothing on a processor and take memory
LEAVES_WITHIN = 0.5  # seconds that a lane is waited for when its work is not wanted any more


class Schedule:
    """Takes windows that wait and reports what they became, as they are done; to be closed."""

    def __init__(self, engine: Loaded, options: Options) -> None:
        self.options = options
        self.cores = torch.get_num_threads()
        number = devices.choose_lanes(engine.device, self.cores, options.batch_size)
        self.lanes = [Lane(engine, options, lane, number) for lane in range(number)]
        self.waiting: deque[Task] = deque()  # for the encoder, or for a slot
        self.writing: list[Task] = []  # given to a lane and not yet given back by `done`
        self.working: set[Lane] = set()
        self.begun: dict[int, Counter[Transcription]] = {}
        self.closed = False
        self.changed = threading.Condition()  # guards all of the above
        self.reports: SimpleQueue[Report] = SimpleQueue()
        self.workers = [
            threading.Thread(target=self._work, args=(lane,), name=f"lane {lane.number}", daemon=True)
            for lane in self.lanes
        ]
        for worker in self.workers:
            worker.start()

    def add(self, *tasks: Task, first: bool = False) -> None:
        """Have windows wait, behind or before all others."""
        with self.changed:
            if first:
                self.waiting.extendleft(reversed(tasks))
            else:
                self.waiting.extend(tasks)
            self.changed.notify_all()

    def done(self, task: Task) -> None:
        """The text of a window is taken, so that what depends on it may follow."""
        with self.changed:
            self.writing.remove(task)
            self.changed.notify_all()

    @property
    def wants_more(self) -> bool:
        """Whether windows should be brought rather than reports be waited for."""
        return len(self.waiting) < len(self.lanes) * ENCODED_TOGETHER

    @property
    def is_idle(self) -> bool:
        with self.changed:
            return not self.waiting and not self.writing

    @property
    def transcriptions(self) -> set[Transcription]:
        """Those of which windows are being written."""
        with self.changed:
            return {task.transcription for task in self.writing}

    def report(self, *, wait: bool) -> Report | None:
        """The next report, or None if there is none yet and none is waited for; raises EngineFailed."""
        try:
            report = self.reports.get(block=wait)
        except Empty:
            return None
        if report.failure is not None:
            raise report.failure
        self.begun[report.lane] = report.begun
        for (transcription, stage), seconds in report.seconds.items():
            transcription.seconds[stage] += seconds
            transcription.batch_size = sum(lane.slots for lane in self.lanes)
            fallbacks = [one for lane in self.lanes for one in lane.fallbacks]
            transcription.fallbacks += [one for one in fallbacks if one not in transcription.fallbacks]
        return report

    def seconds_begun(self, transcription: Transcription) -> float:
        """Seconds of a recording in windows on their way, by how far they are: for a bar that moves."""
        return sum(begun[transcription] for begun in self.begun.values())

    def close(self) -> None:
        """End the lanes; one in the middle of a round ends when that does, and nobody waits for it long."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for worker in self.workers:
            worker.join(LEAVES_WITHIN)

    def _work(self, lane: Lane) -> None:
        """What a lane's thread does."""
        try:
            while (new := self._take(lane)) is not None:
                report, again = lane.round(new)
                self._wait_again(lane, again)
                self.reports.put(report)
        except Exception as failure:  # noqa: BLE001 (raised where reports are waited for)
            self.reports.put(Report(lane.number, failure=failure))

    def _wait_again(self, lane: Lane, tasks: list[Task]) -> None:
        with self.changed:
            for task in tasks:
                self.writing.remove(task)
                if lane.batch is None:
                    task.heard = None  # it lies where the engine is no more, or where memory is short
            self.waiting.extendleft(reversed(tasks))
            self.changed.notify_all()

    def _take(self, lane: Lane) -> list[Task] | None:
        """Wait for work: windows to begin, none where a lane goes on with those it has, None at the end."""
        with self.changed:
            while not self.closed:
                ready = self._ready(lane)
                if ready or lane.tasks:
                    for task in ready:
                        self.waiting.remove(task)
                    self.writing += ready
                    self.working.add(lane)
                    lane.share = 1 / len(self.working)
                    torch.set_num_threads(max(1, self.cores // len(self.working)))  # this thread's own number
                    return ready
                self.working.discard(lane)
                self.changed.wait()
        return None

    def _ready(self, lane: Lane) -> list[Task]:
        """The next windows for a lane to begin, if there is room for them; some are left to lanes without work."""
        idle = sum(other not in self.working for other in self.lanes if other is not lane)
        most = min(ENCODED_TOGETHER, lane.slots, -(-len(self.waiting) // (1 + idle)))
        # One window after another where a text depends on the one before it, or the language on the first.
        busy = {task.line for task in self.writing} if self.options.previous_text else set()
        deciding = {task.transcription for task in self.writing if task.transcription.language == "auto"}
        ready: list[Task] = []
        for task in islice(self.waiting, None if busy or deciding or self.options.previous_text else most):
            if task.line not in busy and task.transcription not in deciding and len(ready) < most:
                ready.append(task)
            if self.options.previous_text:
                busy.add(task.line)
        return ready if len(ready) <= lane.free else []
