"""What a recording sounds like when it comes out: right pitch, right level, right length, whatever it was kept in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from runner.engine.audio.recording import SAMPLE_RATE, Recording, open_recording
from runner.errors import RecordingEmpty, UsageError
from tests.support.recordings import KINDS, Sound, encode, pitch, tone, wav


def heard(source: Path, **options: object) -> tuple[Sound, Recording]:
    """All of a recording's sound, and the recording."""
    with open_recording(source, name=source.name, **options) as recording:  # type: ignore[arg-type]  # one at a time
        blocks = list(recording.blocks())
    for block in blocks:
        assert block.dtype == np.float32
        assert block.shape[0] == recording.channels
    assert all(block.shape[1] == SAMPLE_RATE for block in blocks[:-1])
    return np.concatenate(blocks, axis=1), recording


def alike(first: Sound, second: Sound) -> bool:
    return first.shape == second.shape and bool(np.abs(first - second).max() < 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_anything_with_an_audio_track_is_heard(kind: str, tmp_path: Path) -> None:
    sound, recording = heard(KINDS[kind](tmp_path, tone(3.0)))
    assert sound.shape[1] == pytest.approx(3 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert recording.duration == pytest.approx(3.0, abs=0.1)
    middle = sound[0, SAMPLE_RATE : 2 * SAMPLE_RATE]
    assert pitch(middle) == pytest.approx(440, abs=1)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)
    assert recording.warnings == []
    assert recording.seconds_decoded > 0


@pytest.mark.parametrize("name", ["inspelning från kafé – åäö.mp3", "-", "a'b\nc.mp3", "pipe:0"])
def test_a_name_is_only_a_name(name: str, tmp_path: Path) -> None:
    path = KINDS["mp3"](tmp_path, tone(0.5)).rename(tmp_path / name)
    assert heard(path)[0].shape[1] == pytest.approx(0.5 * SAMPLE_RATE, abs=800)


def test_a_telephone_line_is_heard(tmp_path: Path) -> None:
    sound, _ = heard(wav(tmp_path / "call.wav", tone(2.0, rate=8000), rate=8000, subtype="ULAW"))
    assert sound.shape == (1, 2 * SAMPLE_RATE)
    assert pitch(sound[0]) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("kind", "channel"), [("x.flac", 0), ("x.flac", 2), ("x.flac", 5), ("x.wav", 3), ("x.wav", 5)]
)
def test_one_voice_on_six_channels_at_96_kilohertz_is_heard(kind: str, channel: int, tmp_path: Path) -> None:
    sound = np.zeros((6, 96_000), np.float32)
    sound[channel] = tone(1.0, rate=96_000)[0]
    mixed, recording = heard(wav(tmp_path / kind, sound, rate=96_000, subtype="PCM_24"))
    assert recording.channels == 1
    assert pitch(mixed[0]) == pytest.approx(440, abs=2)
    assert np.abs(mixed).max() > 0.05


def test_a_tenth_of_a_second_is_enough(tmp_path: Path) -> None:
    sound, recording = heard(wav(tmp_path / "x.wav", tone(0.1)))
    assert sound.shape == (1, 1600)
    assert recording.warnings == []


def test_silence_stays_silent(tmp_path: Path) -> None:
    sound, recording = heard(wav(tmp_path / "x.wav", np.zeros((1, 88_200), np.float32)))
    assert sound.shape == (1, 2 * SAMPLE_RATE)
    assert not sound.any()
    assert recording.warnings == []


def test_sound_beyond_its_range_is_clipped(tmp_path: Path) -> None:
    loud = tone(1.0, rate=16_000, level=3.0)
    loud[0, 5] = np.nan
    loud[0, 6] = np.inf
    sound, _ = heard(wav(tmp_path / "x.wav", loud, rate=16_000, subtype="FLOAT"))
    assert np.abs(sound).max() == 1.0
    assert np.isfinite(sound).all()


@pytest.mark.parametrize(("kind", "rate"), [("mp3", 44_100), ("flac", 16_000)])
def test_a_part_is_cut_to_the_sample(kind: str, rate: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 4 * rate)).astype(np.float32)
    path = tmp_path / f"x.{kind}"
    if kind == "mp3":
        encode(path, noise, codec="libmp3lame", rate=rate)
    else:
        wav(path, noise, rate=rate)
    whole, _ = heard(path)
    for start, end in [(1.2345, 3.0001), (3.5, 99.0), (0.25, 0.2501)]:
        part, recording = heard(path, start=start, end=end)
        assert alike(part, whole[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])
        assert recording.start == start
        assert recording.duration == pytest.approx(min(end, 4.0) - start, abs=0.1)
        assert recording.warnings == []
    tail, _ = heard(path, start=2.0)
    assert alike(tail, whole[:, 2 * SAMPLE_RATE :])


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac", "opus", "mkv", "aac", "wav", "aiff"])
def test_a_part_far_in_is_the_same_as_if_all_before_it_had_been_heard(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path, np.random.default_rng(1).normal(0, 0.1, (1, 20 * 44_100)).astype(np.float32))
    whole, _ = heard(path)
    part, recording = heard(path, start=15.4321, end=17.0)
    assert alike(part, whole[:, round(15.4321 * SAMPLE_RATE) : 17 * SAMPLE_RATE])
    assert recording.warnings == []
    tail, recording = heard(path, start=18.0)
    assert alike(tail[:, : SAMPLE_RATE + 99], whole[:, 18 * SAMPLE_RATE : 19 * SAMPLE_RATE + 99])
    assert tail.shape[1] == whole.shape[1] - 18 * SAMPLE_RATE
    assert recording.warnings == []


@pytest.mark.parametrize(("start", "end"), [(3.0, 2.0), (2.0, 2.0), (-1.0, None), (float("nan"), None)])
def test_a_part_that_cannot_be_is_refused(start: float, end: float | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start"):
        open_recording(wav(tmp_path / "x.wav", tone(1.0)), name="x.wav", start=start, end=end)


def test_a_start_beyond_the_end_says_how_long_the_recording_is(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingEmpty, match=r"x\.wav is 1\.0 seconds long: there is nothing after 5 seconds"
    ):
        open_recording(wav(tmp_path / "x.wav", tone(1.0)), name="x.wav", start=5.0)


def pitches(sound: Sound) -> Iterable[float]:
    return [round(pitch(channel), -1) for channel in sound]


def test_channels_are_kept_apart_on_request(tmp_path: Path) -> None:
    call = wav(tmp_path / "call.wav", tone(1.0, rate=8000, pitches=(300, 700)), rate=8000, subtype="ULAW")
    sound, recording = heard(call, split_channels=True)
    assert recording.channels == 2
    assert pitches(sound) == [300, 700]
    assert heard(call)[1].channels == 1


def test_six_channels_are_kept_apart_on_request(tmp_path: Path) -> None:
    apart = (200.0, 300.0, 400.0, 500.0, 600.0, 700.0)
    path = wav(tmp_path / "x.flac", tone(1.0, rate=96_000, pitches=apart), rate=96_000, subtype="PCM_24")
    assert pitches(heard(path, split_channels=True)[0]) == list(apart)


def test_one_channel_stays_one(tmp_path: Path) -> None:
    assert heard(wav(tmp_path / "x.wav", tone(1.0)), split_channels=True)[0].shape == (1, SAMPLE_RATE)


def test_a_silent_channel_takes_no_more_than_half_of_the_level(tmp_path: Path) -> None:
    sound = np.concatenate([tone(1.0), np.zeros((1, 44_100), np.float32)])
    mixed, recording = heard(wav(tmp_path / "x.wav", sound))
    assert np.abs(mixed).max() == pytest.approx(0.25, abs=0.01)
    assert recording.warnings == []


def test_channels_that_cancel_each_other_are_heard_all_the_same(tmp_path: Path) -> None:
    left = tone(2.0)
    mixed, recording = heard(wav(tmp_path / "x.wav", np.concatenate([left, -left])))
    assert np.abs(mixed).max() == pytest.approx(0.5, abs=0.01)
    assert len(recording.warnings) == 1
    assert "cancel each other" in recording.warnings[0]


def test_times_stay_true_where_the_sound_of_a_film_begins_late(tmp_path: Path) -> None:
    film = encode(tmp_path / "x.mkv", tone(2.0), codec="flac", begin=1.5, picture=True)
    sound, recording = heard(film)
    assert not sound[0, : int(1.4 * SAMPLE_RATE)].any()
    assert np.abs(sound[0, int(1.6 * SAMPLE_RATE) :]).max() == pytest.approx(0.5, abs=0.01)
    assert sound.shape[1] == pytest.approx(3.5 * SAMPLE_RATE, abs=400)
    assert recording.warnings == []


def test_times_stay_true_behind_a_hole(tmp_path: Path) -> None:
    sound, recording = heard(encode(tmp_path / "x.mkv", tone(6.0), codec="flac", hole=(2.0, 4.0)))
    assert sound.shape[1] == pytest.approx(6 * SAMPLE_RATE, abs=400)
    assert not sound[0, int(2.3 * SAMPLE_RATE) : int(3.8 * SAMPLE_RATE)].any()
    assert len(recording.warnings) == 1
    assert re.search(r"holes of 2\.\d seconds were taken as silence", recording.warnings[0])


def test_the_main_one_of_several_tracks_is_heard(tmp_path: Path) -> None:
    sound, recording = heard(encode(tmp_path / "x.mkv", tone(1.0), codec="flac", tracks=2))
    assert pitch(sound[0]) == pytest.approx(440, abs=1)
    assert recording.warnings == ["x.mkv has 2 audio tracks: only the main one is heard"]


def test_recordings_joined_end_to_end_are_heard_to_the_end(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.mp3", tone(2.0), codec="libmp3lame", options={"write_xing": "0"})
    second = encode(
        tmp_path / "b.mp3", tone(2.0, rate=22_050, pitches=(880, 880)), codec="libmp3lame", rate=22_050,
        options={"write_xing": "0", "id3v2_version": "0"},
    )  # fmt: skip
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    sound, _ = heard(joined)
    assert pitch(sound[0, : 2 * SAMPLE_RATE]) == pytest.approx(440, abs=2)
    assert pitch(sound[0, int(2.2 * SAMPLE_RATE) : int(3.8 * SAMPLE_RATE)]) == pytest.approx(880, abs=2)


def test_titles_in_latin_1_do_no_harm(tmp_path: Path) -> None:
    path = KINDS["mp3"](tmp_path, tone(1.0))
    with path.open("ab") as file:
        file.write(b"TAG" + "Intervju på kafé i Ängelholm".encode("latin-1").ljust(125, b"\0"))
    assert heard(path)[1].warnings == []
