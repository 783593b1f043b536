from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from runner.engine import device as devices
from runner.engine import lane as lanes
from runner.engine.audio.recording import open_recording
from runner.engine.decode import Batch
from runner.engine.options import Options, Update
from runner.engine.transcriber import Engine
from runner.errors import EngineFailed, UsageError
from runner.transcript import Transcript
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.engine.models.chain import Checkpoint
    from runner.engine.transcription import Transcription

PAUSE = np.zeros(176_000, np.float32)  # long enough to end a window
SPOKEN = (SENTENCES[0], SENTENCES[3], SENTENCES[8], SENTENCES[14])


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sentences in four windows, 57 s."""
    path = tmp_path_factory.mktemp("speech") / "tal.wav"
    soundfile.write(path, np.concatenate([part for text in SPOKEN for part in (speak(text), PAUSE)]), 16_000)
    return path


def run(
    engine: Engine, path: Path, options: Options | None = None, **cut: float
) -> tuple[Transcript, list[Update]]:
    with open_recording(path, name=path.name, **cut) as recording:  # type: ignore[arg-type]  # start and end alone
        work = engine.transcribe(recording, options)
        updates = list(work)
        return work.transcript, updates


@needs("speech")
def test_a_recording_becomes_a_transcript_and_the_updates_add_up_to_it(engine: Engine, speech: Path) -> None:
    transcript, updates = run(engine, speech, Options(batch_size=1))
    assert "Anna" in transcript.text
    assert "fyra personer" in transcript.text
    assert [s for update in updates for s in update.segments] == list(transcript.segments)
    assert transcript.complete
    assert transcript.duration == pytest.approx(soundfile.info(speech).duration, abs=0.05)
    assert 10 < transcript.speech_duration < 18
    assert {"load", "decode", "vad", "features", "encoder", "decoder"} <= set(transcript.timings)
    assert transcript.detected_language == "sv"
    seconds = [update.seconds for update in updates]
    assert seconds == sorted(seconds)
    assert len({round(second) for second in seconds}) >= 5  # the bar moves
    assert seconds[-1] == pytest.approx(transcript.duration)


@needs("speech")
def test_segments_lie_in_the_recording_in_order(engine: Engine, speech: Path) -> None:
    transcript, _ = run(engine, speech)
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(starts)
    assert all(0 <= s.start <= s.end <= transcript.duration for s in transcript.segments)
    assert len(starts) >= 4


@needs("speech")
def test_the_size_of_the_batch_does_not_change_the_text(engine: Engine, speech: Path) -> None:
    texts = {run(engine, speech, Options(batch_size=size))[0].text for size in (1, 3)}
    assert len(texts) == 1


@needs("speech")
def test_what_is_finished_can_be_read_before_the_end(engine: Engine, speech: Path) -> None:
    with open_recording(speech, name="tal.wav") as recording:
        work = engine.transcribe(recording, Options(batch_size=1))
        assert work.transcript.segments == ()
        for update in work:
            if update.segments:
                break
        early = work.transcript
        assert not early.complete
        assert early.segments == update.segments


@needs("speech")
def test_a_cut_has_the_times_of_the_whole(engine: Engine, speech: Path) -> None:
    transcript, updates = run(engine, speech, start=12.0, end=20.0)
    assert transcript.duration == pytest.approx(8, abs=0.05)
    assert transcript.segments
    assert all(12 <= s.start <= s.end <= 20.1 for s in transcript.segments)
    assert updates[-1].seconds == pytest.approx(8, abs=0.05)


@needs("speech")
def test_channels_kept_apart_are_heard_apart(engine: Engine, tmp_path: Path) -> None:
    left, right = speak(SENTENCES[0]), speak(SENTENCES[3])
    sound = np.zeros((16_000 * 12, 2), np.float32)
    sound[8_000 : 8_000 + len(left), 0] = left
    sound[96_000 : 96_000 + len(right), 1] = right
    soundfile.write(tmp_path / "samtal.wav", sound, 16_000)
    with open_recording(tmp_path / "samtal.wav", name="samtal.wav", split_channels=True) as recording:
        work = engine.transcribe(recording)
        list(work)
    first, second = (
        " ".join(s.text for s in work.transcript.segments if s.channel == number) for number in (1, 2)
    )
    assert "Anna" in first
    assert "Anna" not in second
    assert "klockan" in second
    assert "klockan" not in first
    assert work.transcript.channels == 2


@needs("speech")
def test_the_language_can_be_detected(engine: Engine, speech: Path) -> None:
    transcript, _ = run(engine, speech, Options(language="auto"))
    assert (transcript.language, transcript.language_asked) == ("sv", "auto")
    assert transcript.language_probability is not None
    assert transcript.language_probability > 0.5


def test_an_unknown_language_is_told_before_any_work(engine: Engine, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tyst.wav", np.zeros(16_000), 16_000)
    path = tmp_path / "tyst.wav"
    with open_recording(path, name="tyst.wav") as recording, pytest.raises(UsageError, match="elvish"):
        engine.transcribe(recording, Options(language="elvish"))


def test_silence_becomes_no_text(engine: Engine, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tyst.wav", np.zeros(40 * 16_000), 16_000)
    transcript, updates = run(engine, tmp_path / "tyst.wav")
    assert (transcript.text, transcript.complete, transcript.speech_duration) == ("", True, 0)
    assert transcript.duration == pytest.approx(40, abs=0.05)
    assert len(updates) > 3  # the bar moves through silence too


@needs("speech")
def test_recordings_share_batches_and_each_is_what_it_is_alone(engine: Engine, tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate(SENTENCES[:10]):
        paths.append(tmp_path / f"{number}.wav")
        soundfile.write(paths[-1], speak(text), 16_000)
    engine.counts.clear()
    alone = [run(engine, path)[0].text for path in paths]
    steps = engine.counts["steps"]
    engine.counts.clear()
    with ExitStack() as stack:
        begun: list[Transcription] = []

        def begin() -> Iterator[Transcription]:
            for path in paths:
                begun.append(engine.transcribe(stack.enter_context(open_recording(path, name=path.name))))
                yield begun[-1]

        over = [transcription for transcription, _ in engine.run(begin()) if transcription.is_over]
    assert [transcription.transcript.text for transcription in begun] == alone
    assert all(transcription.complete for transcription in begun)
    assert set(over) == set(begun)
    assert engine.counts["steps"] < 0.4 * steps
    assert engine.counts["windows"] == 10


@needs("speech")
def test_a_recording_that_breaks_off_ends_alone_with_what_was_heard(engine: Engine, speech: Path) -> None:
    with open_recording(speech, name="a") as bad, open_recording(speech, name="b") as good:
        broken, whole = engine.transcribe(bad), engine.transcribe(good)
        blocks = list(bad.blocks())
        bad.blocks = lambda: breaking(blocks)  # type: ignore[method-assign]  # a disk that fails, which none here does
        for _ in engine.run([broken, whole]):
            pass
    assert isinstance(broken.failure, OSError)
    assert broken.is_over
    assert not broken.complete
    assert "Anna" in broken.transcript.text
    assert whole.complete
    assert "fyra personer" in whole.transcript.text


@needs("speech")
def test_a_recording_that_broke_off_is_not_complete_after_it_was_told_and_no_read_sound_is_lost(
    engine: Engine, speech: Path
) -> None:
    """It breaks 3 s into its second sentence, in the middle of a block."""
    with open_recording(speech, name="a") as bad:
        sound = np.concatenate(list(bad.blocks()), axis=1)
        second = len(speak(SPOKEN[0])) + len(PAUSE)
        bad.blocks = lambda: broken_at(sound, second + 48_000)  # type: ignore[method-assign]  # no disk here fails
        work = engine.transcribe(bad)
        with pytest.raises(OSError, match="the disk is gone"):
            list(work)
    transcript = work.transcript
    assert not transcript.complete
    assert transcript.duration == pytest.approx((second + 48_000) / 16_000, abs=0.01)
    assert "Anna" in transcript.text
    assert "klockan" in transcript.text
    assert list(work) == []  # it is told once


def broken_at(sound: NDArray[np.float32], sample: int) -> Iterator[NDArray[np.float32]]:
    for first in range(0, sample, 16_000):
        yield sound[:, first : min(first + 16_000, sample)]
    raise OSError("the disk is gone")


def breaking(blocks: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    yield from blocks[: len(blocks) // 2]
    raise OSError("the disk is gone")


# The failures below are injected: no test machine has a GPU whose memory is full.


def fail(monkeypatch: pytest.MonkeyPatch, fault: Exception, most: int) -> None:
    """Let the real decoder fail in steps of more than `most` windows."""
    real = Batch.step

    def step(self: Batch[object]) -> object:
        if len(self.slots) > most:
            raise fault
        return real(self)

    monkeypatch.setattr(Batch, "step", step)


@pytest.fixture
def one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two lanes is given which window depends on the clock."""
    monkeypatch.setattr(devices, "choose_lanes", lambda *_: 1)


@needs("speech")
@pytest.mark.usefixtures("one_lane")
def test_a_batch_too_large_for_memory_is_halved_and_said(
    engine: Engine, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = run(engine, speech)
    fail(monkeypatch, torch.OutOfMemoryError("CUDA out of memory"), most=1)
    transcript, _ = run(engine, speech, Options(batch_size=4))
    assert transcript.text == expected.text
    assert [(f.subject, f.used, f.reason) for f in transcript.fallbacks][-1] == (
        "batch",
        "1",
        "CUDA out of memory",
    )
    assert transcript.batch_size == 1


@needs("speech")
@pytest.mark.usefixtures("one_lane")
def test_slots_that_no_memory_holds_become_fewer_and_that_is_said(
    engine: Engine, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lanes.Lane._batch

    def batch(self: lanes.Lane) -> Batch[lanes.Task]:
        if self.slots > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self)

    monkeypatch.setattr(lanes.Lane, "_batch", batch)
    transcript, _ = run(engine, speech, Options(batch_size=8, beam=1))
    assert [(f.wanted, f.used) for f in transcript.fallbacks] == [("8", "4"), ("4", "2")]
    assert transcript.batch_size == 2
    assert "Anna" in transcript.text


@needs("speech")
def test_memory_too_small_for_one_window_is_told_in_a_sentence(
    engine: Engine, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, MemoryError(), most=0)
    with pytest.raises(EngineFailed, match=r"failed on the processor .* smaller GPU_TRANSCRIBER_BATCH_SIZE"):
        run(engine, speech)


@needs("speech")
def test_a_gpu_that_fails_is_left_for_the_processor(
    checkpoint: Checkpoint, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine.load(checkpoint, device="cpu", precision="float32")
    expected, _ = run(engine, speech)
    real = lanes.Lane._hear

    def hear(self: lanes.Lane, tasks: list[lanes.Task]) -> None:
        if self.engine.device.type == "cuda":
            raise RuntimeError("CUDA error: device-side assert triggered")
        real(self, tasks)

    monkeypatch.setattr(lanes.Lane, "_hear", hear)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "set_device", lambda *_: None)
    engine.device = torch.device("cuda")
    transcript, _ = run(engine, speech, Options(batch_size=2))
    assert transcript.text == expected.text
    assert transcript.device == "cpu"
    assert transcript.fallbacks[-1].reason == "CUDA error: device-side assert triggered"
