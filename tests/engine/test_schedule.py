from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from runner.engine import device as devices
from runner.engine.decode import Batch, Job
from runner.engine.lane import Lane, Task
from runner.engine.options import Options
from runner.engine.schedule import Schedule
from runner.errors import EngineFailed
from tests.bench.contestants.ours import InMemory
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.engine.transcriber import Engine
    from runner.engine.transcription import Transcription

PAUSE = np.zeros(176_000, np.float32)  # long enough to end a window


@pytest.fixture(scope="module")
def sounds() -> list[InMemory]:
    """Three recordings of two windows each."""
    return [
        InMemory(np.concatenate([part for text in SENTENCES[n::3][:2] for part in (speak(text), PAUSE)]))
        for n in range(3)
    ]


def begin(engine: Engine, sounds: Sequence[InMemory], options: Options | None = None) -> list[Transcription]:
    return [engine.transcribe(sound, options or Options(beam=1)) for sound in sounds]  # type: ignore[arg-type]


def texts(engine: Engine, sounds: Sequence[InMemory], options: Options | None = None) -> list[str]:
    begun = begin(engine, sounds, options)
    for _ in engine.run(begun):
        pass
    assert all(one.complete for one in begun)
    return [one.transcript.text for one in begun]


@pytest.fixture(autouse=True)
def schedules(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Schedule]]:
    """All that were made; every lane of each has come to its end when a test does."""
    made: list[Schedule] = []
    real = Schedule.__init__

    def remember(self: Schedule, *arguments: Any) -> None:
        made.append(self)
        real(self, *arguments)

    monkeypatch.setattr(Schedule, "__init__", remember)
    yield made
    for worker in (worker for schedule in made for worker in schedule.workers):
        worker.join(60)
        assert not worker.is_alive()


@needs("speech")
def test_lanes_write_what_one_alone_writes(
    engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 1)
    alone = texts(engine, sounds)
    for number in (2, 3):
        monkeypatch.setattr(devices, "choose_lanes", lambda *_, number=number: number)
        assert texts(engine, sounds) == alone


@needs("speech")
def test_both_lanes_work(engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 2)
    worked: set[int] = set()
    real = Lane.round

    def round_(self: Lane, new: Sequence[Task]) -> object:
        worked.add(id(self))
        return real(self, new)

    monkeypatch.setattr(Lane, "round", round_)
    texts(engine, sounds[:2])
    assert len(worked) == 2


@needs("speech")
def test_who_stops_reading_stops_the_lanes(
    engine: Engine, sounds: list[InMemory], schedules: list[Schedule]
) -> None:
    updates = engine.run(begin(engine, sounds))
    assert isinstance(updates, Iterator)
    next(updates)
    assert all(worker.is_alive() for worker in schedules[0].workers)
    updates.close()  # type: ignore[attr-defined]  # a generator


@needs("speech")
def test_a_lane_that_fails_ends_the_run_and_the_other_lane(
    engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 2)
    real = Batch.step

    def step(self: Batch[object]) -> object:
        if self.steps > 20:
            raise RuntimeError("no such instruction")
        return real(self)

    monkeypatch.setattr(Batch, "step", step)
    with pytest.raises(EngineFailed, match="no such instruction"):
        texts(engine, sounds)


@needs("speech")
def test_whatever_goes_wrong_in_a_lane_is_raised_and_not_waited_for(
    engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Schedule, "_ready")
    with pytest.raises(AttributeError):
        texts(engine, sounds)


@needs("speech")
def test_an_unknown_language_is_decided_once_for_all_lanes(
    engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 2)
    prompts: set[tuple[int, ...]] = set()
    real = Batch.admit

    def admit(self: Batch[Task], jobs: Sequence[Job[Task]]) -> object:
        prompts.update(job.prompt for job in jobs)
        return real(self, jobs)

    monkeypatch.setattr(Batch, "admit", admit)
    texts(engine, sounds[:1], Options(language="auto", beam=1))
    assert len(prompts) == 1


@needs("speech")
def test_a_text_that_depends_on_the_one_before_it_waits_for_it_in_any_lane(
    engine: Engine, sounds: list[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 1)
    alone = texts(engine, sounds[:2], Options(previous_text=True, beam=1))
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 2)
    assert texts(engine, sounds[:2], Options(previous_text=True, beam=1)) == alone


@needs("speech")
def test_the_callers_own_number_of_threads_stays(engine: Engine, sounds: list[InMemory]) -> None:
    before = torch.get_num_threads()
    texts(engine, sounds[:1])
    assert torch.get_num_threads() == before
