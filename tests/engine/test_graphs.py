"""Steps as graphs: proven here with calls in their place, which may use nothing that a graph would not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch

from runner.engine.decode import Batch, Decoded, Job
from runner.engine.graphs import Graphs, rounded
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak
from tests.support.windows import hear

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcriber import Engine

SLOTS = 4


class Untouchable:
    """Stands for what lives on the host, of which a graph knows nothing."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"a step looked at {name} of what is on the host")

    def __len__(self) -> int:
        raise AssertionError("a step counted what is on the host")


def test_rows_are_rounded_up_and_never_beyond_what_there_is() -> None:
    assert [rounded(rows, 20) for rows in (1, 2, 3, 5, 8, 9, 16, 17, 20)] == [1, 2, 4, 8, 8, 16, 16, 20, 20]


def test_a_step_runs_once_plainly_is_then_captured_and_repeated_ever_after() -> None:
    done: list[str] = []

    def capture(run: Callable[[], None]) -> Callable[[], None]:
        done.append("capture")
        run()  # as a capture goes through the call without what it launches
        return lambda: done.append("replay")

    graphs = Graphs(lambda rows, entries: done.append(f"{rows}x{entries}"), 8, capture)
    for rows in (3, 4, 3, 2, 3):
        graphs(rows, 32)
    assert done == ["4x32", "capture", "4x32", "replay", "replay", "2x32", "replay"]


@pytest.fixture(scope="module")
def heard(engine: Engine) -> torch.Tensor:
    """Windows of a sentence, which end after different numbers of steps."""
    return hear(engine, [speak(text) for text in SENTENCES[:6]])


def written(
    engine: Engine, heard: torch.Tensor, beams: int, *, graphs: bool, drawn: int | None = None
) -> tuple[list[Decoded], Batch[int]]:
    """Texts of all windows through four slots; in `graphs`, by calls that are kept from what is on the host.

    The window `drawn` is drawn by chance, which no graph can do.
    """
    network = engine.network

    def capture(run: Callable[[], None]) -> Callable[[], None]:
        def replay() -> None:
            slots, batch.slots = batch.slots, Untouchable()  # type: ignore[assignment]
            run()
            batch.slots = slots

        return replay

    batch: Batch[int] = Batch(
        network.decoder,
        network.dimensions,
        engine.vocabulary,
        slots=SLOTS,
        beams=beams,
        capture=capture if graphs else None,
    )
    prompt = tuple(engine.vocabulary.prompt("sv", True))
    waiting = [
        Job(number, one, prompt, temperature=0.4 if number == drawn else 0.0, seed=number)
        for number, one in enumerate(heard)
    ]
    done: dict[int, Decoded] = {}
    while len(done) < len(heard):
        if waiting and batch.free:
            some, waiting = waiting[: batch.free], waiting[batch.free :]
            done |= dict(batch.admit(some))
        else:
            done |= dict(batch.step())
    return [done[number] for number in range(len(heard))], batch


@needs("speech")
@pytest.mark.parametrize(("beams", "drawn"), [(1, None), (3, None), (1, 2)])
def test_graphs_write_what_plain_steps_write(
    engine: Engine, heard: torch.Tensor, beams: int, drawn: int | None
) -> None:
    plain, _ = written(engine, heard, beams, graphs=False, drawn=drawn)
    graphed, batch = written(engine, heard, beams, graphs=True, drawn=drawn)
    assert [one.tokens for one in graphed] == [one.tokens for one in plain]
    assert batch.graphs is not None
    if drawn is None:
        assert {rows for rows, _ in batch.graphs.captured} == {1, 2, 4}
        assert sum(run is not None for run in batch.graphs.captured.values()) >= 3


@needs("speech")
def test_whatever_is_written_lies_where_it_lay(engine: Engine, heard: torch.Tensor) -> None:
    """A graph repeats itself on the same memory: nothing that a step uses may be moved."""

    def places(batch: Batch[int]) -> list[int]:
        kept = [batch.next, batch.cache.hidden, batch.cache.lengths, *vars(batch.rules).values()]
        kept += [*vars(batch.search).values(), *(room for pair in batch.cache.own for room in pair)]
        return [one.data_ptr() for one in kept if isinstance(one, torch.Tensor)]

    network = engine.network
    batch: Batch[int] = Batch(
        network.decoder,
        network.dimensions,
        engine.vocabulary,
        slots=SLOTS,
        beams=2,
        capture=lambda run: run,
    )
    before = places(batch)
    assert len(before) > 20
    prompt = tuple(engine.vocabulary.prompt("sv", True))
    batch.admit([Job(number, heard[number], prompt) for number in range(SLOTS)])
    while len(batch.slots) > 2:
        batch.step()
    assert places(batch) == before


@needs("gpu")
@needs("speech")
@pytest.mark.parametrize("beams", [1, 3])
def test_a_gpu_writes_in_graphs_what_the_processor_writes(
    engine: Engine, checkpoint: Checkpoint, heard: torch.Tensor, beams: int
) -> None:
    from runner.engine.graphs import CudaCapture
    from runner.engine.transcriber import Engine

    on_gpu = Engine.load(checkpoint, device="cuda", precision="float32")
    plain, _ = written(engine, heard, beams, graphs=False)
    network = on_gpu.network
    batch: Batch[int] = Batch(
        network.decoder,
        network.dimensions,
        on_gpu.vocabulary,
        slots=len(heard),
        beams=beams,
        capture=CudaCapture(),
    )
    prompt = tuple(on_gpu.vocabulary.prompt("sv", True))
    done = dict(batch.admit([Job(number, one.cuda(), prompt) for number, one in enumerate(heard)]))
    while batch.slots:
        done |= dict(batch.step())
    assert [done[number].tokens for number in range(len(heard))] == [one.tokens for one in plain]
