"""The decoder's process as the one who started it sees it: what it says, and why it fell silent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from runner.engine.audio.outlet import BLOCK, MOST_CHANNELS, SAMPLE
from runner.errors import DecodingLimit, EngineFailed, RecordingUnreadable, TranscriberError

PATIENCE = 60.0  # seconds without a byte, beyond the processor time allowed: a dead network drive, say
LINE = 1 << 16  # bytes, the longest
START = "import sys; sys.path.append(sys.argv.pop(1)); from runner.engine.audio.decoder import main; main()"
ROOT = Path(__file__).parents[3]
# Some Pythons do not start without these.
LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


class Child:
    """The process and the pipe from it; `name` is what the person called the recording."""

    def __init__(self, file: BinaryIO, request: dict[str, Any], *, name: str) -> None:
        self.name = name
        self.request = dict(request)
        self.seconds = 0.0  # of processor time
        self._received = bytearray()
        file.seek(0)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", START, str(ROOT), json.dumps(request)],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={
                    **{key: os.environ[key] for key in LOADER if key in os.environ},
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                },
                start_new_session=True,  # an interrupt from the keyboard is ours to answer
            )
        except OSError as error:
            raise EngineFailed(
                f"the process that decodes {name} cannot be started: {error.strerror}"
            ) from error
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    def line(self) -> dict[str, Any]:
        """One line of JSON: an object, or an error that says why there is none."""
        while b"\n" not in self._received:
            if len(self._received) > LINE or not self._receive():
                raise self.broken()
        line, _, self._received = self._received.partition(b"\n")
        try:
            value = json.loads(line)
        except ValueError as error:
            raise self.broken() from error
        if not isinstance(value, dict):
            raise self.broken()
        return value

    def block(self) -> bytes:
        """The bytes of the next block; none at the end."""
        size, seconds = BLOCK.unpack(self._exactly(BLOCK.size))
        self.seconds = seconds
        if size > self.request["rate"] * MOST_CHANNELS * SAMPLE:
            raise self.broken()
        return self._exactly(size)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def broken(self) -> TranscriberError:
        """Why the child ended without a last word."""
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:  # it still runs, and talks nonsense
            code = 0
        if code == -signal.SIGXCPU:
            return DecodingLimit(
                f"{self.name} takes more than {self.request['cpu_seconds']:g} seconds of processor time to decode: "
                "if you trust it, allow more in GPU_TRANSCRIBER_DECODE_SECONDS, or give only a part of it",
                name=self.name,
            )
        if code == -signal.SIGKILL:
            return DecodingLimit(
                f"decoding {self.name} was ended from outside, as a system does that runs out of memory: "
                "free some, or lower GPU_TRANSCRIBER_DECODE_MEMORY",
                name=self.name,
            )
        if code > 0:  # before it saw the recording
            return EngineFailed(
                f"the process that decodes {self.name} failed at its start: is PyAV's version right?"
            )
        how = signal.Signals(-code).name if code < 0 else "it said nothing that makes sense"
        return RecordingUnreadable(f"{self.name} cannot be read: decoding it failed ({how})", name=self.name)

    def out_of_memory(self) -> DecodingLimit:
        return DecodingLimit(
            f"{self.name} takes more than {self.request['memory_mib']} MiB of memory to decode: "
            "if you trust it, allow more in GPU_TRANSCRIBER_DECODE_MEMORY",
            name=self.name,
        )

    def _exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            if not self._receive():
                raise self.broken()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _receive(self) -> bool:
        """Wait for more bytes; False when the child has closed its end."""
        patience = self.request["cpu_seconds"] + PATIENCE
        if not self._poll.poll(patience * 1000):
            raise DecodingLimit(
                f"{self.name} gives no sound: nothing came for {patience:.0f} seconds; is its drive still there?",
                name=self.name,
            )
        data = os.read(self._pipe.fileno(), LINE)
        self._received += data
        return bool(data)
