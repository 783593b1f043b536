"""Slots are independent: what is written for a window depends on no other window, before it or beside it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from runner.engine.decode import Batch, Decoded, Job
from tests.support.needs import needs
from tests.support.noises import NOISES
from tests.support.speech import SENTENCES, speak
from tests.support.windows import hear, write

if TYPE_CHECKING:
    from runner.engine.transcriber import Engine

WINDOWS = 18  # more than the slots of any batch here


@pytest.fixture(scope="module")
def heard(engine: Engine) -> torch.Tensor:
    """Windows of one to three sentences, so that they end at different times."""
    sounds = [
        np.concatenate([speak(text) for text in SENTENCES[number : number + 1 + number % 3]])
        for number in range(WINDOWS)
    ]
    return torch.cat([hear(engine, sounds[first : first + 6]) for first in range(0, WINDOWS, 6)])


@needs("speech")
@pytest.mark.parametrize(("beams", "temperature"), [(1, 0.0), (3, 0.0), (2, 0.7)])
def test_however_many_slots_and_in_whichever_order_the_tokens_are_the_same(
    engine: Engine, heard: torch.Tensor, beams: int, temperature: float
) -> None:
    alone = write(engine, heard, beams=beams, temperature=temperature, slots=1)
    for slots in (3, 16):
        order = random.Random(slots).sample(range(WINDOWS), WINDOWS)
        together = write(engine, heard, beams=beams, temperature=temperature, slots=slots, order=order)
        assert [one.tokens for one in together] == [one.tokens for one in alone]
        assert [one.average_log_probability for one in together] == pytest.approx(
            [one.average_log_probability for one in alone], abs=1e-3
        )
    assert len({one.tokens for one in alone}) == WINDOWS


@needs("speech")
@pytest.mark.parametrize("beams", [1, 3])
def test_windows_at_a_temperature_and_without_one_share_a_batch(
    engine: Engine, heard: torch.Tensor, beams: int
) -> None:
    apart = [
        write(engine, heard[:4], beams=beams, temperature=temperature, slots=1) for temperature in (0.0, 0.7)
    ]
    mixed = run(
        engine, batch_of(engine, 4, beams), [job(engine, heard, n, 0.7 * (n % 2)) for n in (3, 2, 1, 0)]
    )
    assert [mixed[number].tokens for number in range(4)] == [
        apart[number % 2][number].tokens for number in range(4)
    ]


@needs("speech")
@pytest.mark.parametrize("beams", [1, 3])
def test_a_slot_that_is_filled_again_remembers_nothing(
    engine: Engine, heard: torch.Tensor, beams: int
) -> None:
    fresh = run(engine, batch_of(engine, 1, beams), [job(engine, heard, 0)])[0]
    batch = batch_of(engine, 1, beams)
    run(engine, batch, [job(engine, heard, 5, 0.9), job(engine, heard, 8)])
    again = run(engine, batch, [job(engine, heard, 0)])[0]
    assert again == fresh  # to the last bit: the same slot, the same work


@needs("speech")
def test_room_that_grows_and_shrinks_changes_nothing(engine: Engine, heard: torch.Tensor) -> None:
    """A long text makes room that a short one beside it has no use for, and the other way round."""
    long, short = hear(engine, [np.concatenate([speak(text) for text in SENTENCES[20:27]]), speak("Hej.")])
    both = torch.stack([long, short])
    alone = write(engine, both, beams=2, slots=1)
    assert len(alone[0].tokens) > 64 > 32 > len(alone[1].tokens)  # entries come 32 at a time
    batch = batch_of(engine, 2, 2)
    batch.admit([job(engine, both, 0)])
    for _ in range(45):
        assert not batch.step()
    wide = batch.cache.hidden.shape[2]
    together = run(engine, batch, [job(engine, both, 1)])
    assert batch.cache.hidden.shape[2] > wide
    narrow = run(engine, batch, [job(engine, both, 1)])
    assert batch.cache.hidden.shape[2] < wide
    assert together[0].tokens == alone[0].tokens
    assert together[1].tokens == narrow[1].tokens == alone[1].tokens


def test_a_loop_is_cut_alike_whenever_its_window_came(engine: Engine) -> None:
    """What shares the batch must not decide how often a phrase is said again before it is seen."""
    heard = hear(engine, [NOISES["pink"](), NOISES["zeros"]()])
    alone = write(engine, heard, slots=1)
    assert alone[0].loop is not None
    batch = batch_of(engine, 2, 1)
    batch.admit([job(engine, heard, 1)])
    for _ in range(3):
        batch.step()
    assert run(engine, batch, [job(engine, heard, 0)])[0].tokens == alone[0].tokens


def batch_of(engine: Engine, slots: int, beams: int) -> Batch[int]:
    network = engine.network
    return Batch(network.decoder, network.dimensions, engine.vocabulary, slots=slots, beams=beams)


def job(engine: Engine, heard: torch.Tensor, number: int, temperature: float = 0.0) -> Job[int]:
    prompt = tuple(engine.vocabulary.prompt("sv", timestamps=True))
    return Job(number, heard[number], prompt, temperature, seed=number)


def run(engine: Engine, batch: Batch[int], jobs: list[Job[int]]) -> dict[int, Decoded]:
    """Write windows to their end, and those that are in the batch already."""
    done: dict[int, Decoded] = {}
    while jobs or batch.slots:
        if jobs and batch.free:
            done.update(batch.admit([jobs.pop(0)]))
        if batch.slots:
            done.update(batch.step())
    return done
