"""What the doctor says of GPUs: no machine of the tests has one, so a script speaks as nvidia-smi does."""

from __future__ import annotations

import pytest

from runner.doctor.gpu import Gpu, gpus, judge
from tests.support.doctor import Tool


def test_a_driver_that_is_new_enough_is_fine(tool: Tool) -> None:
    tool("nvidia-smi", "echo 'Tesla T4, 580.65.06, 15360, 7.5'; echo 'NVIDIA L4, 580.65.06, 23034, 8.9'")
    first, second = gpus("13.2")
    assert (first.subject, second.subject) == ("gpu 0", "gpu 1")
    assert first.state == second.state == "ok"
    assert (
        "Tesla T4, driver 580.65.06, 15 GiB, compute capability 7.5; auto precision is float16" in first.found
    )
    assert "auto precision is bfloat16" in second.found


@pytest.mark.parametrize(
    ("cuda", "driver", "capability", "state"),
    [
        ("13.2", "575.57.08", 7.5, "note"),
        ("13.2", "580.65.06", 7.5, "ok"),
        ("13.2", "580.65.06", 7.0, "note"),
        ("12.8", "525.60.13", 7.0, "ok"),
        ("12.8", "470.82.01", 7.5, "note"),
        ("11.8", "450.80.02", 3.5, "ok"),
        ("", "580.65.06", 7.5, "note"),
        (None, "580.65.06", 7.5, "ok"),
    ],
)
def test_a_gpu_is_judged_by_its_driver_and_its_age(
    cuda: str | None, driver: str, capability: float, state: str
) -> None:
    finding = judge(Gpu("A card", driver, 16_000, capability), "gpu", cuda)
    assert finding.state == state
    assert bool(finding.mend) == (state == "note")


def test_a_driver_too_old_to_know_the_capability_is_asked_again(tool: Tool) -> None:
    tool(
        "nvidia-smi",
        """case $1 in
        *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;;
        *) echo 'Tesla T4, 470.82.01, 15109';;
        esac""",
    )
    (finding,) = gpus("13.2")
    assert finding.found.endswith(
        "Tesla T4, driver 470.82.01, 15 GiB; PyTorch's CUDA 13.2 needs driver 580 or newer"
    )


def test_a_failing_driver_is_told_in_its_own_words(tool: Tool) -> None:
    tool("nvidia-smi", "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    (finding,) = gpus("13.2")
    assert finding.state == "note"
    assert finding.found == "nvidia-smi fails: Failed to initialize NVML: Driver/library version mismatch"


def test_a_gpu_that_is_hidden_is_told(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool("nvidia-smi", "echo 'NVIDIA GH200, 580.65.06, [N/A], 9.0'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [finding.state for finding in gpus("13.2")] == ["ok", "note"]
