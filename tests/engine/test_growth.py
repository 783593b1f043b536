from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint

HEAR = """
import json, sys
from pathlib import Path
from runner.engine.audio.recording import open_recording
from runner.engine.models.chain import find_checkpoint
from runner.engine.options import Options
from runner.engine.transcriber import Engine
folder, path = sys.argv[1:]
checkpoint = find_checkpoint(folder, cache=Path(path).parent, hub_timeout=1, allow_demonstration=False, notice=print)
with open_recording(Path(path), name="long") as recording:
    work = Engine.load(checkpoint, device="cpu", precision="float32").transcribe(recording, Options(batch_size=4))
    segments = sum(len(update.segments) for update in work)
print(json.dumps([segments, work.transcript.duration, work.transcript.peak_memory]))
"""


def peak_of(minutes: int, checkpoint: Checkpoint, folder: Path) -> int:
    """Bytes at the peak of a process of its own that hears a recording with a sentence every three minutes."""
    path = folder / f"{minutes}.wav"
    sentence = speak(SENTENCES[0])
    silence = np.zeros(180 * 16_000 - len(sentence), np.float32)
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        for _ in range(minutes // 3):
            file.write(sentence)
            file.write(silence)
    command = [sys.executable, "-c", HEAR, str(checkpoint.folder), str(path)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=500).stdout
    path.unlink()
    segments, duration, peak = json.loads(answer)
    assert segments >= minutes // 3
    assert duration == pytest.approx(minutes * 60)
    return int(peak)


@needs("speech")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_recording(checkpoint: Checkpoint, tmp_path: Path) -> None:
    half_an_hour, two_hours = (peak_of(minutes, checkpoint, tmp_path) for minutes in (30, 120))
    assert two_hours < 1.2 * half_an_hour, (
        f"{half_an_hour >> 20} MiB for 30 minutes, {two_hours >> 20} for 120"
    )
