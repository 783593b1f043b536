"""This machine as the place where recordings are transcribed: the engine, loaded once, and recordings opened for it."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from runner.errors import EngineMissing, RecordingUnreadable
from runner.filing.metadata import Summed, read_through
from runner.inputs import Input
from runner.screen.console import Screen

if TYPE_CHECKING:
    from runner.engine.audio.recording import Recording
    from runner.engine.options import Update
    from runner.engine.transcriber import Engine
    from runner.engine.transcription import Transcription
    from runner.settings import Settings


class ThisMachine:
    """`timings` holds the seconds that getting ready took, by stage."""

    def __init__(self, settings: Settings, screen: Screen) -> None:
        self.settings = settings
        self.screen = screen
        self.timings: dict[str, float] = {}
        self._engine: Engine | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the engine is loaded."""
        return self._engine is not None

    def install(self) -> None:
        """Have the engine's packages here; raises EngineMissing, DiskFull, CannotStart."""
        from runner.door.install import ensure_engine

        with self._timed("install"):
            ensure_engine()

    @contextmanager
    def opened(
        self, recording: Input, start: float, end: float | None, split_channels: bool
    ) -> Iterator[tuple[Recording, Summed]]:
        """The sound of a recording and its sum: a file is read through while its child decodes, a stream once only."""
        with _whole_engine():
            from runner.engine.audio.recording import open_recording

        with ExitStack() as stack:
            path, summed = recording.path, None
            if path is not None and recording.size is not None:
                source: Path | BinaryIO = path
            else:
                if path is not None:
                    self.screen.notice(
                        f"{recording.name} is a pipe: reading what another program writes to it …"
                    )
                summed = Summed(
                    sys.stdin.buffer if path is None else stack.enter_context(_open(path, recording))
                )
                source = cast(BinaryIO, io.BufferedReader(summed))
            opened = open_recording(
                source,
                name=recording.name,
                start=start,
                end=end,
                split_channels=split_channels,
                cpu_seconds=self.settings.decode_seconds,
                memory_mib=self.settings.decode_memory,
            )
            with opened:
                yield opened, summed or read_through(recording)

    def ready(self) -> Engine:
        """The engine, loaded when the first recording that can be read asks for it; raises what loading raises."""
        if self._engine is None:
            with _whole_engine():
                from runner.engine.memory import keep_memory
                from runner.engine.models.chain import find_checkpoint
                from runner.engine.models.registry import unsuited

            keep_memory()
            settings = self.settings
            if doubt := unsuited(settings.model, settings.language):
                self.screen.warning(doubt)
            with self._timed("model"), self.screen.stage(f"Looking for the model {settings.model}"):
                checkpoint = find_checkpoint(
                    settings.model,
                    cache=settings.cache,
                    hub_timeout=settings.hub_timeout,
                    allow_demonstration=True,
                    notice=self.screen.notice,
                    progress=self.screen.fetching,
                    style=settings.style,
                    language=settings.language,
                )
            with self._timed("load"), self.screen.stage(f"Loading {checkpoint.model.id}"):
                with _whole_engine():
                    from runner.engine.transcriber import Engine
                self._engine = Engine.load(
                    checkpoint, device=settings.device, precision=settings.precision, threads=settings.threads
                )
            for fallback in checkpoint.fallbacks:
                if self.screen.quiet:  # another model than the one asked for is no detail
                    self.screen.error(
                        f"{fallback.used} transcribes instead of {fallback.wanted}: {fallback.reason}"
                    )
        return self._engine

    def transcribe(self, opened: Recording, *, words: bool) -> Transcription:
        """Begin to hear a recording, with times of its words if so asked; the engine must be ready."""
        from runner.engine.options import Options

        settings = self.settings
        options = Options(
            language=settings.language,
            batch_size=settings.batch_size,
            beam=settings.beam,
            words=words,
            prompt=settings.prompt,
            hotwords=settings.hotwords,
            previous_text=settings.previous_text,
        )
        return self.ready().transcribe(opened, options)

    def run(self, transcriptions: Iterable[Transcription]) -> Iterator[tuple[Transcription, Update]]:
        """Hear recordings that were begun, each taken when the one before it is read; their windows share batches."""
        return self.ready().run(transcriptions)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.timings[stage] = time.perf_counter() - began


@contextmanager
def _whole_engine() -> Iterator[None]:
    """Packages that are installed but cannot be imported have lost files; raises EngineMissing."""
    try:
        yield
    except ImportError as error:
        raise EngineMissing(
            f"the engine's packages are damaged ({error}): remove the folder {sys.prefix} and run ./invoke again, "
            "which makes it anew"
        ) from error


def _open(path: Path, recording: Input) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordingUnreadable(
            f"{recording.name} cannot be opened: {error.strerror}", name=recording.name
        ) from error
