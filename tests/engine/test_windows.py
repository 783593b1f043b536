from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from runner.engine.features import SAMPLE_RATE
from runner.engine.vad import FRAME, SpeechDetector, load_session
from runner.engine.windows import Window, Windower
from tests.support.needs import needs
from tests.support.speech import speak

Sound = NDArray[np.float32]


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def windows_of(sound: Sound, *, block: int = 8 * SAMPLE_RATE, offset: float = 0.0) -> list[Window]:
    windower = Windower(SpeechDetector(load_session()), offset=offset)
    found: list[Window] = []
    for start in range(0, len(sound), block):
        found += windower.push(sound[start : start + block])
    return found + list(windower.finish())


@pytest.fixture(scope="module")
def sentence() -> Sound:
    return speak("Tåget till Göteborg går klockan halv nio från spår fem.")


@pytest.mark.parametrize("kind", ["zeros", "noise", "hum"])
def test_sound_without_speech_gives_no_window(kind: str) -> None:
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(2).normal(0, 0.05, len(time))
    sound = {"zeros": 0 * time, "noise": noise, "hum": 0.2 * np.sin(2 * np.pi * 50 * time)}[kind]
    assert windows_of(sound.astype(np.float32)) == []


def test_no_sound_at_all_gives_no_window() -> None:
    assert windows_of(silence(0)) == []
    assert windows_of(silence(0.01)) == []


@needs("speech")
def test_a_window_holds_its_sentence_with_a_little_silence_around(sentence: Sound) -> None:
    length = len(sentence) / SAMPLE_RATE
    (window,) = windows_of(np.concatenate([silence(5), sentence, silence(5)]))
    assert 4.5 < window.start < 5.2
    assert 5 + length - 0.3 < window.end < 5 + length + 0.6
    assert len(window.samples) == round((window.end - window.start) * SAMPLE_RATE)


@needs("speech")
def test_sentences_share_a_window_while_they_fit_and_none_is_cut(sentence: Sound) -> None:
    gap = 0.4  # hardly more than a breath, so that it stays whole
    sound = np.concatenate([silence(1), *[part for _ in range(30) for part in (sentence, silence(gap))]])
    windows = windows_of(sound)
    step = len(sentence) / SAMPLE_RATE + gap
    starts = [1 + number * step for number in range(30)]
    assert len(windows) < 30 / 3
    assert all(window.end - window.start <= 30 for window in windows)
    for start in starts:  # every sentence lies inside one window, but for the last breath that is no speech
        assert any(
            window.start <= start + 0.2 and start + step - gap - 0.3 <= window.end for window in windows
        )


@needs("speech")
def test_windows_never_overlap_and_hold_the_very_samples(sentence: Sound) -> None:
    random = np.random.default_rng(3)
    parts = [part for _ in range(20) for part in (sentence, silence(random.uniform(0.05, 6)))]
    sound = np.concatenate(parts)
    windows = windows_of(sound)
    assert len(windows) > 2
    pieces = [piece for window in windows for piece in window.pieces]
    assert len(pieces) > len(windows)
    for before, after in itertools.pairwise(pieces):
        assert before.end <= after.start
    for window in windows:
        assert window.length <= 30
        for piece in window.pieces:
            start, offset = round(piece.start * SAMPLE_RATE), round(piece.offset * SAMPLE_RATE)
            expected = sound[start : round(piece.end * SAMPLE_RATE)]
            np.testing.assert_array_equal(window.samples[offset : offset + len(expected)], expected)


@needs("speech")
def test_a_silence_inside_a_window_is_cut_down_to_a_breath_and_times_step_over_it(sentence: Sound) -> None:
    length = len(sentence) / SAMPLE_RATE
    (window,) = windows_of(np.concatenate([silence(2), sentence, silence(7), sentence, silence(2)]))
    first, second = window.pieces
    assert window.length < 2 * length + 1.5
    assert first.end < 2 + length + 0.6
    assert second.start == pytest.approx(2 + length + 7, abs=0.4)
    join = second.offset
    assert window.begins(0.0) == first.start
    assert window.ends(join - 0.5) == pytest.approx(first.end - 0.5)
    assert window.ends(join + 0.1) == pytest.approx(
        first.end
    )  # an end in the breath belongs to what went before
    assert window.begins(join - 0.1) == pytest.approx(second.start)  # and a beginning to what comes
    assert window.begins(join + 1.0) == pytest.approx(second.start + 1.0)
    assert window.ends(99.0) == window.end == second.end


@needs("speech")
@pytest.mark.parametrize("seconds", [0.7, 3.0, 4.2, 6.5])
def test_the_rest_of_a_window_has_the_times_of_the_whole(sentence: Sound, seconds: float) -> None:
    sound = np.concatenate([silence(1), *[part for _ in range(2) for part in (sentence, silence(5))]])
    (window,) = windows_of(sound)
    rest = window.rest(seconds)
    assert rest.length == pytest.approx(window.length - seconds, abs=1e-3)
    assert rest.end == window.end
    for later in (0.6, 1.5):
        assert rest.begins(later) == pytest.approx(window.begins(seconds + later), abs=1e-3)


@needs("speech")
def test_speech_without_a_pause_is_cut_into_windows_that_follow_each_other(sentence: Sound) -> None:
    loud = sentence[np.abs(sentence) > 0.002]
    sound = np.concatenate([loud] * 40)
    windows = windows_of(sound)
    assert len(windows) >= len(sound) / SAMPLE_RATE / 30
    assert all(window.end - window.start <= 30 for window in windows)
    lost = len(sound) / SAMPLE_RATE - sum(window.end - window.start for window in windows)
    assert lost < 1.5


@needs("speech")
def test_the_size_of_the_blocks_does_not_change_the_windows(sentence: Sound) -> None:
    parts = [part for number in range(12) for part in (sentence, silence(0.3 * number))]
    sound = np.concatenate(parts)
    whole = windows_of(sound, block=len(sound))
    for block in (1_000, FRAME, 16_000):
        assert [(w.start, w.end) for w in windows_of(sound, block=block)] == [(w.start, w.end) for w in whole]


@needs("speech")
def test_times_count_from_the_start_of_the_recording(sentence: Sound) -> None:
    sound = np.concatenate([silence(1), sentence, silence(1)])
    (plain,), (cut,) = windows_of(sound), windows_of(sound, offset=100.0)
    assert cut.start == pytest.approx(plain.start + 100)
    assert cut.end == pytest.approx(plain.end + 100)


@needs("speech")
def test_what_is_no_longer_needed_is_forgotten(sentence: Sound) -> None:
    windower = Windower(SpeechDetector(load_session()))
    most = 0
    for _ in range(60):
        list(windower.push(np.concatenate([sentence, silence(0.7)])))
        most = max(most, len(windower.samples))
    list(windower.push(silence(60)))
    assert most < 45 * SAMPLE_RATE
    assert len(windower.samples) < 2 * SAMPLE_RATE
