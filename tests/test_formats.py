"""Transcripts as files: read back by a library that others keep, held to the limits of subtitles."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pysubs2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import UsageError
from runner.formats import FORMATS, parse_formats, render
from runner.subtitles import LINE, LONGEST, READING, SHORTEST, cues
from runner.transcript import Fallback, Model, Segment, Transcript, Word

MODEL = Model("KBLab/kb-whisper-small", "abc", "hub")


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments, "sv", max((s.end for s in segments), default=1.0), MODEL)


HELLO = transcript(
    Segment(0.5, 2.0, " Hej på dig."),
    Segment(2.2, 3.0, " Hur mår du?"),
    Segment(8.0, 3661.5, " Tack, bra."),
)
CALL = transcript(
    Segment(0.0, 1.0, "Hallå?", channel=1),
    Segment(0.8, 2.5, "Ja, det är jag.", channel=2),
    Segment(2.6, 4.0, "Vem då?", channel=1),
)

words = st.text(
    st.characters(categories=("Ll", "Lu", "Nd"), include_characters=".,!?-åäö"), min_size=1, max_size=60
)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Segments one after another in each channel, some with word times, some impossibly fast or long."""
    made, ends = [], {None: 0.0, 1: 0.0, 2: 0.0}
    channels = draw(st.sampled_from([(None,), (1, 2)]))
    for _ in range(draw(st.integers(0, 8))):
        channel = draw(st.sampled_from(channels))
        spoken = draw(st.lists(words, min_size=1, max_size=30))
        start = ends[channel] + draw(st.sampled_from([0.0, 0.1, 0.7, 5.0]))
        end = start + draw(st.floats(0.0, 40.0))
        each = (end - start) / len(spoken)
        timed = tuple(
            Word(start + each * n, start + each * (n + 1), f" {word}", 1.0) for n, word in enumerate(spoken)
        )
        text = " ".join(spoken)
        made.append(Segment(start, end, text, channel=channel, words=timed if draw(st.booleans()) else ()))
        ends[channel] = end
    return transcript(*sorted(made, key=lambda s: s.start))


def squeezed(text: str) -> str:
    return "".join(text.split())


@settings(deadline=None, derandomize=True)
@given(transcripts())
@example(transcript(*(Segment(0.0, 0.0, "Nej, det tror jag inte alls, sade han.") for _ in range(9))))
def test_subtitles_keep_every_word_within_the_limits(spoken: Transcript) -> None:
    ending = round(1000 * spoken.duration)
    for channel in {segment.channel for segment in spoken.segments}:
        others = [segment for segment in spoken.segments if segment.channel != channel]
        shown = [cue for cue in cues(spoken.segments, duration=spoken.duration) if cue.channel == channel]
        said = "".join(segment.text for segment in spoken.segments if segment.channel == channel)
        assert squeezed("".join("".join(cue.lines) for cue in shown)) == squeezed(said)
        for cue in shown:
            assert 1 <= len(cue.lines) <= 2
            assert all(0 < len(line) <= LINE for line in cue.lines)
            assert cue.end - cue.start >= 1000 * SHORTEST - 1 or cue.start < cue.end == ending
        for cue, following in pairwise(shown):
            assert cue.end <= following.start
            characters = sum(map(len, cue.lines)) + len(cue.lines) - 1
            readable = cue.end - cue.start >= min(1000 * characters / READING, 1000 * LONGEST) - 1
            other_speaks = any(
                1000 * other.start <= cue.end + 1 and 1000 * other.end >= cue.start - 1 for other in others
            )
            assert readable or cue.end in (following.start, ending) or other_speaks, (
                "a cue is too fast only where the next one or the recording's end leaves no time"
            )


@settings(deadline=None, derandomize=True)
@given(transcripts())
def test_labels_of_channels_fit_the_lines_too(spoken: Transcript) -> None:
    for cue in cues(spoken.segments, label="Channel {}:"):
        assert len(cue.lines) <= 2
        assert all(len(line) <= LINE for line in cue.lines)
        assert (cue.channel is None) != cue.lines[0].startswith(f"Channel {cue.channel}:")


@settings(deadline=None, derandomize=True)
@given(transcripts(), st.sampled_from(["srt", "vtt"]))
def test_subtitles_are_read_back_by_another_library(spoken: Transcript, name: str) -> None:
    read = pysubs2.SSAFile.from_string(render(spoken, name), format_=name)
    label = "Channel {}:" if name == "srt" else ""
    shown = cues(spoken.segments, label=label, duration=spoken.duration)
    assert [(line.start, line.end, line.plaintext) for line in read] == [
        (cue.start, cue.end, "\n".join(cue.lines)) for cue in shown
    ]


def test_a_cue_breaks_at_the_end_of_a_sentence() -> None:
    text = (
        "Regeringen lade fram ett nytt förslag i går kväll. Oppositionen svarade genast att det inte räcker."
    )
    shown = cues([Segment(0.0, 8.0, text)])
    assert [" ".join(cue.lines) for cue in shown] == [text[:50], text[51:]]


def test_a_line_breaks_after_a_comma_and_not_after_a_word_that_leans() -> None:
    (cue,) = cues([Segment(0.0, 5.0, "När solen gick ner över sjön, satt vi kvar på bryggan")])
    assert cue.lines == ("När solen gick ner över sjön,", "satt vi kvar på bryggan")
    (cue,) = cues([Segment(0.0, 5.0, "Hon berättade länge och ingående om den gamla gården")])
    assert not cue.lines[0].endswith((" och", " om", " den"))


def test_word_times_decide_when_a_cue_begins() -> None:
    spoken = ["Det", "var", "allt.", "Nu", "börjar", "vi", "om", "från", "början."]
    starts = [0.0, 0.2, 0.4, 5.0, 5.2, 5.4, 5.6, 5.8, 6.0]
    timed = tuple(Word(start, start + 0.2, word, 0.9) for word, start in zip(spoken, starts, strict=True))
    shown = cues([Segment(0.0, 6.2, " ".join(spoken), words=timed)])
    assert [cue.start for cue in shown] == [0, 5000]


def test_a_short_cue_stands_long_enough_to_be_read() -> None:
    first, second = cues([Segment(0.0, 0.2, "Nej, det tror jag inte alls."), Segment(9.0, 9.1, "Jo.")])
    assert first.end == round(1000 * 28 / READING)
    assert second.end - second.start == 1000 * SHORTEST


def test_no_cue_is_stretched_past_the_end_of_the_recording() -> None:
    text = "Det här är en mening som tar nästan tre sekunder."
    spoken = Transcript((Segment(0.0, 1.64, text),), "sv", 1.908, MODEL)
    assert "00:00:00,000 --> 00:00:01,908\n" in render(spoken, "srt")
    assert "00:00:00.000 --> 00:00:01.908\n" in render(spoken, "vtt")
    (cue,) = cues([Segment(60.0, 61.64, text)], duration=1.908)
    assert (cue.start, cue.end) == (60_000, 61_640), "with --start the recording's end is not known"
    (cue,) = cues([Segment(1.5, 1.9, "Jo.")], duration=1.908)
    assert (cue.start, cue.end) == (1500, 1908)


def test_a_cue_is_stretched_no_further_than_to_the_next_one_of_any_channel() -> None:
    text = "Det här är en mening som tar nästan tre sekunder."
    first = Segment(0.0, 1.0, text, channel=1)
    shown = cues([first, Segment(1.5, 6.0, "Ja, det är det.", channel=2)])
    assert [(cue.start, cue.end) for cue in shown] == [(0, 1500), (1500, 6000)]
    shown = cues([first, Segment(0.6, 6.0, "Ja, det är det.", channel=2)])
    assert [(cue.start, cue.end) for cue in shown] == [(0, 1000), (600, 6000)], "segments that overlap stay"


def test_a_word_longer_than_a_line_is_broken() -> None:
    (cue,) = cues([Segment(0.0, 5.0, "x" * 60)])
    assert cue.lines == ("x" * 42, "x" * 18)


def test_a_long_recording_is_divided_without_looking_at_all_of_it_for_each_cue() -> None:
    """Two hours without one pause: the work grows with the length, and not with its square."""
    segments = [Segment(10.0 * n, 10.0 * n + 10, "det var en gång " * 6) for n in range(720)]
    assert len(cues(segments)) > 1000


def test_vtt_escapes_what_would_be_markup() -> None:
    text = render(transcript(Segment(0, 2, "R&B <3 --> slut")), "vtt")
    assert "R&amp;B &lt;3 --&gt; slut" in text
    assert text.count("-->") == 1


def test_text_is_paragraphs_that_begin_after_a_pause() -> None:
    assert render(HELLO, "txt") == "Hej på dig. Hur mår du?\n\nTack, bra.\n"


def test_a_long_monologue_gets_paragraphs_at_ends_of_sentences() -> None:
    segments = [Segment(3.0 * n, 3.0 * n + 3, f"Mening nummer {n} är ganska lång.") for n in range(50)]
    paragraphs = render(transcript(*segments), "txt").split("\n\n")
    assert len(paragraphs) > 1
    assert all(paragraph.strip().endswith(".") and len(paragraph) < 700 for paragraph in paragraphs)


def test_text_with_times() -> None:
    assert render(HELLO, "txt", timestamps=True).splitlines() == [
        "[00:00:00.500 → 00:00:02.000] Hej på dig.",
        "[00:00:02.200 → 00:00:03.000] Hur mår du?",
        "[00:00:08.000 → 01:01:01.500] Tack, bra.",
    ]


def test_channels_are_labelled_in_every_format() -> None:
    assert render(CALL, "txt") == "Channel 1: Hallå?\n\nChannel 2: Ja, det är jag.\n\nChannel 1: Vem då?\n"
    assert "] Channel 2: Ja," in render(CALL, "txt", timestamps=True)
    assert "\nChannel 2: Ja, det är jag.\n" in render(CALL, "srt")
    assert "\n<v Channel 2>Ja, det är jag.\n" in render(CALL, "vtt")
    assert render(CALL, "tsv").splitlines()[:2] == ["start\tend\ttext\tchannel", "0\t1000\tHallå?\t1"]
    assert [segment["channel"] for segment in json.loads(render(CALL, "json"))["segments"]] == [1, 2, 1]


def test_tsv_is_as_openai_whisper_writes_it() -> None:
    text = render(transcript(Segment(0.5, 2.0004, " Hej\tpå\ndig. ")), "tsv")
    assert text == "start\tend\ttext\n500\t2000\tHej på dig.\n"


def test_json_holds_the_whole_transcript() -> None:
    whole = Transcript(
        (Segment(0, 1, "Hej", words=(Word(0, 1, "Hej", 0.5),), average_log_probability=float("-inf")),),
        "sv",
        1.0,
        MODEL,
        timings={"load": 0.1 + 0.2},
        fallbacks=(Fallback("device", "cuda", "cpu", "none here"),),
    )
    read = json.loads(render(whole, "json"), parse_constant=pytest.fail)
    assert read["text"] == "Hej"
    assert read["segments"][0]["words"] == [{"start": 0, "end": 1, "text": "Hej", "confidence": 0.5}]
    assert read["segments"][0]["average_log_probability"] is None
    assert read["timings"] == {"load": 0.3}
    assert read["fallbacks"][0]["used"] == "cpu"


@pytest.mark.parametrize(
    ("name", "text"), [("txt", ""), ("srt", ""), ("vtt", "WEBVTT\n"), ("tsv", "start\tend\ttext\n")]
)
def test_silence_gives_an_empty_but_valid_file(name: str, text: str) -> None:
    assert render(transcript(), name) == text
    assert render(transcript(Segment(0, 1, "  ")), name) == text
    assert json.loads(render(transcript(), "json"))["text"] == ""


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_with_one_line_break_and_is_stable(name: str) -> None:
    text = render(HELLO, name)
    assert re.search(r"[^\n]\n\Z", text)
    assert text == render(HELLO, name)


def test_formats_are_read_from_a_list() -> None:
    assert parse_formats(" TXT,srt,txt ") == ("txt", "srt")
    for text in ("", ",", "txt,doc"):
        with pytest.raises(UsageError, match="txt, json, srt, vtt, tsv"):
            parse_formats(text)
    with pytest.raises(UsageError, match="docx"):
        render(HELLO, "docx")
