"""Words of real speech whose times the synthesizer told, and the rules by which tokens become words."""

from __future__ import annotations

import difflib
import re
import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from runner.engine.attempts import cut
from runner.engine.audio.recording import open_recording
from runner.engine.decode import Decoded
from runner.engine.options import Options
from runner.engine.segments import segments
from runner.engine.tokens import Vocabulary
from runner.engine.windows import Piece, Window
from runner.engine.words import spelt
from runner.subtitles import cues
from runner.transcript import Segment, Transcript, Word
from tests.support.needs import needs
from tests.support.phonemes import Timed, speak_timed
from tests.support.speech import SENTENCES
from tests.support.windows import tokens_of, window

if TYPE_CHECKING:
    from runner.engine.transcriber import Engine

SPOKEN = [SENTENCES[number] for number in (0, 2, 6, 13, 14)]
GAPS = (0.4, 3.0, 0.8, 2.5, 0.4)  # seconds of silence before each: some are cut out of the window
MEDIAN_ERROR = 0.08  # seconds


def record(sentences: Sequence[str], gaps: Sequence[float]) -> tuple[NDArray[np.float32], list[Timed]]:
    """Sentences with silence before each and one second after the last, and when each word is spoken."""
    parts: list[NDArray[np.float32]] = []
    said: list[Timed] = []
    at = 0.0
    for text, gap in zip(sentences, gaps, strict=True):
        sound, words = speak_timed(text)
        parts += [np.zeros(round(gap * 16_000), np.float32), sound]
        said += [Timed(word.text, at + gap + word.start, at + gap + word.end) for word in words]
        at += gap + len(sound) / 16_000
    return np.concatenate([*parts, np.zeros(16_000, np.float32)]), said


def run(engine: Engine, path: Path, options: Options, *, split_channels: bool = False) -> Transcript:
    with open_recording(path, name=path.name, split_channels=split_channels) as recording:
        work = engine.transcribe(recording, options)
        list(work)
        return work.transcript


def errors(said: Sequence[Timed], found: Sequence[Word]) -> list[float]:
    """Seconds by which starts and ends of the words that were understood are off."""
    ours, theirs = ([re.sub(r"\W", "", word.text.lower()) for word in words] for words in (found, said))
    blocks = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    pairs = [(found[b.a + n], said[b.b + n]) for b in blocks for n in range(b.size)]
    return [abs(x - y) for word, true in pairs for x, y in ((word.start, true.start), (word.end, true.end))]


def all_words(transcript: Transcript, channel: int | None = None) -> list[Word]:
    return [word for segment in transcript.segments if segment.channel == channel for word in segment.words]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Timed]]:
    path = tmp_path_factory.mktemp("words") / "tal.wav"
    sound, said = record(SPOKEN, GAPS)
    soundfile.write(path, sound, 16_000)
    return path, said


@pytest.fixture(scope="module")
def transcript(engine: Engine, recorded: tuple[Path, list[Timed]]) -> Transcript:
    return run(engine, recorded[0], Options(words=True))


@needs("speech")
def test_words_are_where_they_were_spoken(
    transcript: Transcript, recorded: tuple[Path, list[Timed]], capsys: pytest.CaptureFixture[str]
) -> None:
    off = errors(recorded[1], all_words(transcript))
    median, most = statistics.median(off), float(np.percentile(off, 95))
    with capsys.disabled():
        print(
            f"\n{len(off) // 2} words: median error {1000 * median:.0f} ms, 95 of 100 within {1000 * most:.0f} ms"
        )
    assert len(off) > len(recorded[1])  # start and end of more than half of them
    assert median <= MEDIAN_ERROR
    assert most <= 0.25


@needs("speech")
def test_words_spell_the_segment_in_order_and_lie_in_it(transcript: Transcript) -> None:
    assert len(transcript.segments) >= 3
    for segment in transcript.segments:
        assert "".join(word.text for word in segment.words) == segment.text
        times = [time for word in segment.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert segment.start <= times[0] <= times[-1] <= segment.end <= transcript.duration
        assert all(0 < word.confidence <= 1 for word in segment.words)


@needs("speech")
def test_the_text_is_the_same_with_words_and_without(
    engine: Engine, transcript: Transcript, recorded: tuple[Path, list[Timed]]
) -> None:
    plain = run(engine, recorded[0], Options())
    assert [(s.start, s.end, s.text, s.average_log_probability) for s in plain.segments] == [
        (s.start, s.end, s.text, s.average_log_probability) for s in transcript.segments
    ]
    assert not any(segment.words for segment in plain.segments)


@needs("speech")
def test_no_subtitle_stands_through_a_pause(
    transcript: Transcript, recorded: tuple[Path, list[Timed]]
) -> None:
    pauses = [(a.end, b.start) for a, b in pairwise(recorded[1]) if b.start - a.end > 2.0]
    assert len(pauses) == 2
    shown = cues(transcript.segments, duration=transcript.duration)
    for end, start in pauses:
        assert not any(1000 * (end - 0.3) > cue.start and cue.end > 1000 * (start + 0.3) for cue in shown)
        assert any(abs(cue.start - 1000 * start) < 300 for cue in shown)


@needs("speech")
def test_the_model_is_less_sure_of_garbled_sound_and_channels_have_times_of_their_own(
    engine: Engine, tmp_path: Path
) -> None:
    sound, said = record(SPOKEN[:2], (0.4, 0.4))
    rng = np.random.default_rng(0)
    late = np.concatenate([np.zeros(2 * 16_000, np.float32), sound])
    clear = np.concatenate([sound, np.zeros(2 * 16_000, np.float32)])
    noise = np.abs(late).mean() * rng.normal(size=len(late)).astype(np.float32)
    soundfile.write(tmp_path / "samtal.wav", np.stack([clear, late + noise], axis=1), 16_000)
    found = run(engine, tmp_path / "samtal.wav", Options(words=True), split_channels=True)
    first, second = all_words(found, 1), all_words(found, 2)
    assert statistics.median(errors(said, first)) <= MEDIAN_ERROR
    shifted = [Timed(word.text, word.start + 2, word.end + 2) for word in said]
    assert statistics.median(errors(shifted, second)) <= 2 * MEDIAN_ERROR
    assert statistics.mean(word.confidence for word in second) < statistics.mean(
        word.confidence for word in first
    )


# From here on tokens and their times are made by hand.


@pytest.fixture(scope="module")
def vocabulary(engine: Engine) -> Vocabulary:
    return engine.vocabulary


def decoded(tokens: tuple[int, ...], pace: float = 0.1) -> Decoded:
    """A token every 100 ms, the model surer of each than of the next."""
    sure = tuple(-0.1 * number for number in range(len(tokens)))
    times = tuple(pace * number for number in range(len(tokens) + 1))
    return Decoded(tokens, sure, -0.3, 0.1, {"sv": 1.0}, times=times)


def words_in(vocabulary: Vocabulary, text: str, *, spaced: bool = True) -> list[str]:
    tokens = tokens_of(vocabulary, text)
    groups = spelt(tokens, range(len(tokens)), vocabulary, spaced=spaced)
    assert [at for group in groups for at in group] == list(range(len(tokens)))
    return [vocabulary.text([tokens[at] for at in group]) for group in groups]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" Hej, sade hon.", [" Hej,", " sade", " hon."]),
        (' Han sa: "Kom hit!"', [" Han", " sa:", ' "Kom', ' hit!"']),
        (" – Nej – sade Åke – nu", [" – Nej", " – sade", " Åke", " – nu"]),
        (" 5 % av e-posten ...", [" 5 %", " av", " e-posten ..."]),
        (" Örn och ål", [" Örn", " och", " ål"]),
        (" ♪", [" ♪"]),
        (" Slut –", [" Slut –"]),
        ("", []),
    ],
)
def test_punctuation_joins_the_word_that_it_belongs_to(
    vocabulary: Vocabulary, text: str, words: list[str]
) -> None:
    assert words_in(vocabulary, text) == words


def test_a_language_without_spaces_is_divided_between_its_characters(vocabulary: Vocabulary) -> None:
    assert words_in(vocabulary, "今日は、雨です。", spaced=False) == ["今日は、", "雨", "です。"]


def test_a_word_has_the_times_and_the_mean_probability_of_its_letters(vocabulary: Vocabulary) -> None:
    tokens = tokens_of(vocabulary, 0.0, " Hej", ",", " du", ".", 2.0)
    (segment,) = segments(window(np.zeros(160_000, np.float32), start=100.0), decoded(tokens), vocabulary)
    assert segment.text == "Hej, du."
    assert [(word.text, word.start, word.end) for word in segment.words] == [
        ("Hej,", 100.1, 100.2),
        (" du.", 100.3, 100.4),
    ]
    assert [word.confidence for word in segment.words] == pytest.approx(np.exp([-0.1, -0.3]), abs=1e-4)


def test_no_word_leaves_its_segment(vocabulary: Vocabulary) -> None:
    tokens = tokens_of(vocabulary, 0.2, " Ett", " två", " tre", 0.3)
    (segment,) = segments(window(np.zeros(160_000, np.float32)), decoded(tokens), vocabulary)
    assert all(0.2 <= word.start <= word.end <= 0.3 for word in segment.words)
    assert "".join(word.text for word in segment.words) == segment.text == "Ett två tre"


def test_a_word_lies_on_one_side_of_a_silence_that_was_cut_out(vocabulary: Vocabulary) -> None:
    """The first ends in the breath after the cut, the second begins in that before the third piece."""
    pieces = (Piece(10.0, 11.0, 0.0), Piece(20.0, 21.0, 1.0), Piece(30.0, 31.0, 2.0))
    cut_up = Window(pieces, np.zeros(48_000, np.float32))
    assert cut_up.spoken(0.5, 1.2) == pytest.approx((10.5, 11.0))
    assert cut_up.spoken(1.2, 1.4) == pytest.approx((20.2, 20.4))
    assert cut_up.spoken(1.9, 2.5) == pytest.approx((30.0, 30.5))
    assert cut_up.spoken(2.9, 9.0) == pytest.approx((30.9, 31.0))
    assert cut_up.rest(1.5).spoken(0.1, 0.3) == pytest.approx((20.6, 20.8))
    (segment,) = segments(cut_up, decoded(tokens_of(vocabulary, *[" ja"] * 9), pace=0.3), vocabulary)
    times = [time for word in segment.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(word.end - word.start <= 0.3 + 1e-6 for word in segment.words)


def test_a_text_that_was_cut_has_the_words_that_are_left(vocabulary: Vocabulary) -> None:
    whole = decoded(tokens_of(vocabulary, 0.0, " Hej", " du", " du", " du"))
    short = cut(replace(whole, loop=3, times=whole.times[:4]), vocabulary)  # only what is kept was aligned
    (segment,) = segments(window(np.zeros(160_000, np.float32)), short, vocabulary)
    assert [(word.text, word.start, word.end) for word in segment.words] == [
        ("Hej", 0.1, 0.2),
        (" du", 0.2, pytest.approx(0.3)),
    ]


def test_where_nothing_was_aligned_there_are_no_words(vocabulary: Vocabulary) -> None:
    tokens = tokens_of(vocabulary, 0.0, " Hej", 1.0)
    (segment,) = segments(
        window(np.zeros(160_000, np.float32)), Decoded(tokens, (0.0,) * 3, 0.0, 0.0, {}), vocabulary
    )
    assert segment == Segment(
        0.0, 1.0, "Hej", average_log_probability=0.0, compression_ratio=segment.compression_ratio
    )
