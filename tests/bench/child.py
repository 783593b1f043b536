"""A contestant's own process: requests in, answers out, one JSON object a line.

    python -m tests.bench.child NAME TERMS

What libraries print goes to standard error, so that standard output holds answers only.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from runner.errors import TranscriberError
from tests.bench.contestants import Contestant, Piece, Samples, entry
from tests.bench.terms import Terms


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _die_with_parent()
    name, terms = sys.argv[1], Terms.from_json(sys.argv[2])
    contestant: Contestant | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if request["do"] == "load":
                began = time.perf_counter()
                contestant = entry(name).load(terms)
                answer: dict[str, Any] = {"seconds": time.perf_counter() - began, "about": contestant.about}
            elif request["do"] == "transcribe" and contestant is not None:
                answer = transcribe(contestant, [Path(path) for path in request["paths"]], request["most"])
            elif request["do"] == "limits":
                from tests.bench.limits import measure

                answer = measure(request["precision"], terms.device, terms.threads)
            else:
                answer = {"peak_bytes": peak_memory()}
        except (TranscriberError, ImportError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


def transcribe(contestant: Contestant, paths: list[Path], most: float | None) -> dict[str, Any]:
    """Decode, start the clocks, hear; of each recording only the first `most` seconds, if given."""
    from tests.bench.sound import read

    sounds = [read(path) for path in paths]
    samples: list[Samples] = [sound.samples[: round(most * 16_000) if most else None] for sound in sounds]
    pieces: list[Piece] = []
    first: list[float] = []

    def heard(piece: Piece) -> None:
        if not first and piece.text.strip():
            first.append(time.perf_counter() - began)
        pieces.append(piece)

    processor, began = time.process_time(), time.perf_counter()
    contestant.transcribe(samples, heard)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    texts = [
        " ".join(piece.text.strip() for piece in sorted(pieces) if piece.recording == number)
        for number in range(len(paths))
    ]
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "first_text": first[0] if first else None,
        "texts": texts,
        "audio": [sound.size / 16_000 for sound in samples],
        "seconds_decoded": sum(sound.seconds_decoded for sound in sounds),
        "work": dict(contestant.work),
    }


def peak_memory() -> int:
    """Most bytes that this process held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count what the parent held when it made this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _die_with_parent() -> None:
    """A parent that is killed cannot end a child that it had stopped; the kernel can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() == 1:
            sys.exit()


if __name__ == "__main__":
    main()
