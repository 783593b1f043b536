"""What the machine can do: a real transcription without a network, cold and warm, and what it takes."""

from __future__ import annotations

import pytest

from .conftest import Measure
from .machine import HOME, USER, Machine

pytestmark = pytest.mark.performance

CLIP, WORDS = f"{HOME}/scripts/clip.mp3", f"{HOME}/scripts/clip.txt"
LOAD_SECONDS = 15.0  # within which a model was asked to load
PEAK_BYTES = 4 * 2**30  # of the GPU's memory, at most
LEAST_RIGHT = {
    False: 0.9,
    True: 0.6,
}  # of the clip's words, by whether it is the demonstration model that hears
LEAST_READ = 50e6  # bytes a second from the disk; gp3 gives 125 MB


def test_clip_is_transcribed_without_a_network_and_with_the_right_words(
    machine: Machine, measure: Measure
) -> None:
    found = machine.probe("hear", CLIP, WORDS)
    measure("transcription_accuracy", found["accuracy"])
    measure("transcription_total_s", found["seconds"])
    measure("transcription_real_time_factor", found["metadata"]["real_time_factor"])
    assert found["error"] == ""
    assert found["accuracy"] >= LEAST_RIGHT[machine.declared["demonstration"]], found["text"]


def test_transcription_used_the_model_that_was_set_up(machine: Machine) -> None:
    model = machine.probe("hear", CLIP, WORDS)["metadata"]["model"]
    assert (model["id"], model["revision"]) == (
        machine.declared["model"]["id"],
        machine.declared["model"]["revision"],
    )


def test_transcription_fell_back_to_nothing(machine: Machine) -> None:
    """A fall-back to another model or to the processor is quiet; on an image it is a fault."""
    metadata = machine.probe("hear", CLIP, WORDS)["metadata"]
    assert metadata["fallbacks"] == []
    assert metadata["complete"]
    assert metadata["device"].startswith("cuda") == machine.gpu


def test_model_loads_within_what_was_asked(machine: Machine, measure: Measure) -> None:
    seconds = machine.probe("hear", CLIP, WORDS)["metadata"]["timings"]["load"]
    measure("load_s", round(seconds, 2))
    assert seconds < LOAD_SECONDS


def test_recording_and_transcript_are_the_services_alone(machine: Machine) -> None:
    """Who may log in may not read what was said; the check removes its own traces."""
    found = machine.probe("hear", CLIP, WORDS)
    assert found["owners"] == [USER]
    assert found["readable_by_others"] == []


@pytest.mark.gpu
def test_peak_of_gpu_memory_is_within_what_was_asked(machine: Machine, measure: Measure) -> None:
    peak = machine.probe("hear", CLIP, WORDS)["metadata"]["peak_memory_bytes"]
    measure("gpu_peak_bytes", peak)
    assert 0 < peak <= PEAK_BYTES


@pytest.mark.gpu
def test_half_precision_is_used_on_the_gpu(machine: Machine) -> None:
    assert machine.probe("hear", CLIP, WORDS)["metadata"]["precision"] in ("float16", "bfloat16")


@pytest.mark.gpu
@pytest.mark.needs_machine("own kernel")
def test_cold_start_loads_the_model_within_what_was_asked(machine: Machine, measure: Measure) -> None:
    """Cold: nothing of the disk is in memory, as after a start. What reading ahead saves is the difference."""
    warm = machine.probe("hear", CLIP, WORDS)["metadata"]["timings"]["load"]
    found = machine.probe("hear", CLIP, WORDS, "cold")
    cold = found["metadata"]["timings"]["load"]
    measure("cold_load_s", round(cold, 2))
    measure("cold_over_warm", round(cold / warm, 1))
    measure("cold_total_s", found["seconds"])
    assert cold < LOAD_SECONDS


def test_processor_and_memory_are_enough(machine: Machine, measure: Measure) -> None:
    memory = int(machine.says("awk '/^MemTotal/ {print $2}' /proc/meminfo")) * 1024
    processors = int(machine.says("nproc"))
    measure("memory_bytes", memory)
    measure("processors", processors)
    assert memory > (14e9 if machine.gpu else 3e9), "a g4dn.xlarge has 16 GB"
    assert processors >= (4 if machine.gpu else 1)


@pytest.mark.needs_machine("own kernel")
def test_disk_reads_fast_enough_for_a_cold_start(machine: Machine, measure: Measure) -> None:
    weights = f"{machine.declared['model']['folder']}/model.safetensors"
    size = int(machine.says("stat -c %s %s", "%s", weights))
    machine.says("sync; dd if=%s iflag=nocache count=0 status=none", weights)
    seconds = float(
        machine.says("TIMEFORMAT=%R; bash -c 'time cat %s > /dev/null' 2>&1", weights).splitlines()[-1]
    )
    measure("disk_read_mb_s", round(size / seconds / 1e6))
    assert size / seconds > LEAST_READ
