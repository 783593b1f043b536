"""Steps of the decoder as captured CUDA graphs: one launch a step instead of a thousand.

A graph repeats the same kernels on the same memory, so there is one for each number of rows and of entries. Rows are
rounded up to keep these few: those that hold no window are computed too and nobody looks at them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

_log = logging.getLogger(__name__)

Step = Callable[[int, int], None]
Run = Callable[[], None]
Capture = Callable[[Run], Run]


class Graphs:
    """Calls a step by its graph; the step may depend on nothing but its two numbers and what is on the device."""

    def __init__(self, step: Step, rows: int, capture: Capture) -> None:
        self.step, self.rows, self.capture = step, rows, capture
        self.captured: dict[tuple[int, int], Run | None] = {}

    def __call__(self, rows: int, entries: int) -> None:
        """Take the step for at least so many rows."""
        key = rounded(rows, self.rows), entries
        if key not in self.captured:
            self.step(*key)  # libraries choose their kernels and take their memory at the first call
            self.captured[key] = None
            return
        run = self.captured[key]
        if run is None:
            run = self.captured[key] = self._captured(lambda: self.step(*key))
        run()

    def _captured(self, run: Run) -> Run:
        try:
            return self.capture(run)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as fault:
            _log.warning("a step cannot be captured, so it is launched piece by piece: %s", fault)
            return run


def rounded(rows: int, most: int) -> int:
    """The next power of two up to eight, then the next multiple of eight; or all there are."""
    return int(min(1 << (rows - 1).bit_length() if rows <= 8 else -(-rows // 8) * 8, most))


class CudaCapture:
    """Records what a call launches, without running it; all records share their scratch memory."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> Run:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            run()
        return graph.replay
