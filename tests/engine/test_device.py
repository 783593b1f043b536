from __future__ import annotations

import os

import pytest
import torch

from runner.engine import device as devices
from runner.engine.network import Dimensions
from runner.errors import UsageError
from tests.support.needs import needs

SMALL = Dimensions(80, 768, 12, 3072, 12, 12, 51_865, 1500, 448)
CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "mps", "gpu", "cuda:x", ""])
def test_a_device_that_does_not_exist_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="use auto, cpu, cuda or cuda:N"):
        devices.choose_device(name)


def test_a_gpu_that_is_not_here_is_replaced_by_the_processor_and_said() -> None:
    device, (fallback,) = devices.choose_device("cuda:77")
    assert device == CPU
    assert (fallback.subject, fallback.wanted, fallback.used) == ("device", "cuda:77", "cpu")


def test_the_processor_is_taken_as_asked_without_a_word() -> None:
    assert devices.choose_device("cpu") == (CPU, ())


def test_precision_is_what_was_asked_and_otherwise_what_the_processor_has() -> None:
    assert devices.choose_precision("bfloat16", CPU) == "bfloat16"
    native = "bfloat16" if devices.has_native_bfloat16() else "float32"
    assert devices.choose_precision("auto", CPU) == native


def test_eight_bits_are_refused_where_there_is_no_product_of_them() -> None:
    with pytest.raises(UsageError, match="x86 processors with AVX2 alone; use auto"):
        devices.choose_precision("int8", torch.device("cuda"))


def test_the_batch_is_bounded_by_memory_and_never_below_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free_memory", lambda _: 1 << 40)  # no test machine has a terabyte
    assert devices.choose_batch(0, SMALL, CPU, torch.float32, 700, 1) == devices.MOST_BATCH_CPU
    monkeypatch.setattr(devices, "free_memory", lambda _: 1 << 20)  # nor so little
    assert devices.choose_batch(0, SMALL, CPU, torch.float32, 700, 1) == devices.LEAST_BATCH_CPU
    assert devices.choose_batch(17, SMALL, CPU, torch.float32, 700, 1) == 17


def test_a_batch_that_was_asked_for_is_divided_among_the_lanes() -> None:
    assert devices.choose_batch(17, SMALL, CPU, torch.float32, 700, 2) == 9


def test_two_lanes_share_a_processor_and_one_has_a_gpu_or_a_core_or_a_single_window() -> None:
    assert devices.choose_lanes(CPU, threads=2, batch=0) == 2
    assert devices.choose_lanes(CPU, threads=1, batch=0) == 1
    assert devices.choose_lanes(CPU, threads=2, batch=1) == 1
    assert devices.choose_lanes(torch.device("cuda"), threads=8, batch=0) == 1


@needs("linux")
def test_threads_are_the_cores_that_this_process_may_use() -> None:
    assert devices.choose_threads(0) == len(os.sched_getaffinity(0))
    assert devices.choose_threads(3) == 3


def test_memory_is_told_in_bytes() -> None:
    assert 50 << 20 < devices.peak_memory(CPU) < 1 << 40
    assert 10 << 20 < devices.free_memory(CPU) < 1 << 42
