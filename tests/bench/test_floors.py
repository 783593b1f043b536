"""Counted work, held against what is known of Whisper's sizes."""

from __future__ import annotations

import pytest

from runner.engine.network import Dimensions
from runner.engine.products import can_quantise
from tests.bench.floors import VAD_FLOPS, Bytes, decoder_weights, encoder_flops, stages
from tests.bench.limits import measure

SMALL = Dimensions(
    mels=80,
    width=768,
    heads=12,
    feed_forward=3072,
    encoder_layers=12,
    decoder_layers=12,
    vocabulary=51865,
    audio_positions=1500,
    text_positions=448,
)


def test_the_encoder_of_whisper_small_takes_a_third_of_a_teraflop() -> None:
    assert encoder_flops(SMALL) == pytest.approx(344e9, rel=0.02)


def test_a_step_of_whisper_small_reads_its_decoder() -> None:
    # 153 million parameters in the decoder, less the keys and values of what is heard, which no step reads.
    assert decoder_weights(SMALL) == pytest.approx(139e6, rel=0.01)


def test_a_stage_is_held_against_what_it_had_to_do() -> None:
    work = {
        "seconds vad": 2.0,
        "seconds encoder": 10.0,
        "seconds rest": 1.0,
        "windows": 10.0,
        "tokens": 1000.0,
        "rows": 1000.0,
    }
    limits = {"flops": 1e12, "flops_between": 1e12, "flops_float32": 1e11, "bandwidth": 1e10}
    vad, encoder, rest = stages(SMALL, {**work, "steps": 100.0}, 300.0, limits, Bytes(2, 2))
    assert (vad.name, encoder.name, rest.name) == ("vad", "encoder", "rest")
    assert vad.floor == pytest.approx(300 * 16_000 / 512 * VAD_FLOPS / 1e11)
    assert encoder.share == pytest.approx(0.344, rel=0.02)
    assert stages(SMALL, work | {"steps": 0.0}, 0.0, {**limits, "flops_between": 1e11}, Bytes(1, 4))[
        1
    ].share == (
        pytest.approx(10 * 0.1 * (0.344 + 9 * 0.083), rel=0.02)  # attention is a quarter of it
    )
    assert (rest.floor, rest.share) == (None, None)


def test_a_machine_can_be_measured() -> None:
    limits = measure("float32", "cpu", 1)
    assert limits["flops"] == pytest.approx(limits["flops_float32"], rel=0.9)
    if can_quantise():
        quantised = measure("int8", "cpu", 1)
        assert quantised["flops_between"] == quantised["flops_float32"] < quantised["flops"]
    assert all(1e8 < limit < 1e17 for limit in limits.values())
