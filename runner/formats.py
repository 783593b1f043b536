"""A transcript as a file: txt, json, srt, vtt or tsv. All that is written or printed of one comes from here.

Where channels were kept apart, each paragraph of txt and each cue of srt begins with "Channel 1:", vtt has
voice tags (<v Channel 1>) and tsv a fourth column; cues of two channels may overlap where people do.
What programs read, json and tsv, holds the words as they are, without marks.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator

from runner.errors import UsageError
from runner.marks import mark_unsure
from runner.subtitles import Cue, cues
from runner.transcript import Segment, Transcript

FORMATS = ("txt", "json", "srt", "vtt", "tsv")
SUBTITLES = ("srt", "vtt")
MARKED = ("txt", *SUBTITLES)  # what people read
CHANNEL = "Channel {}:"
PARAGRAPH_PAUSE = 2.0  # seconds of silence that begin a new paragraph
PARAGRAPH_LENGTH = 600  # characters after which the next end of a sentence ends the paragraph


def parse_formats(text: str) -> tuple[str, ...]:
    """Read "txt,srt" to names of formats, each once; raises UsageError."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        said = ", ".join(unknown) or "nothing"
        raise UsageError(f"--formats names {said}: choose from {', '.join(FORMATS)}, with commas between")
    return names


def render(
    transcript: Transcript, name: str, *, timestamps: bool = False, unsure_below: float | None = None
) -> str:
    """Return the transcript in the format of this name; `timestamps` puts times before each segment of txt.

    Words of a confidence below `unsure_below` are marked in txt, srt and vtt: [so?].
    """
    if unsure_below is not None and name in MARKED:
        segments = (mark_unsure(segment, unsure_below) for segment in transcript.segments)
        transcript = dataclasses.replace(transcript, segments=tuple(segments))
    if name == "txt":
        return _lines(_timed_lines(transcript) if timestamps else _paragraphs(transcript))
    if name == "json":
        return _json(transcript)
    if name == "srt":
        return _srt(cues(transcript.segments, label=CHANNEL, duration=transcript.duration))
    if name == "vtt":
        return _vtt(cues(transcript.segments, duration=transcript.duration))
    if name == "tsv":
        return _tsv(transcript)
    raise UsageError(f"there is no format {name!r}: choose from {', '.join(FORMATS)}")


def _lines(lines: Iterator[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _paragraphs(transcript: Transcript) -> Iterator[str]:
    """Paragraphs with an empty line between them: a pause, another channel or sheer length begins a new one."""
    text, previous = "", None
    for segment in _spoken(transcript):
        words = " ".join(segment.text.split())
        if previous is not None and _new_paragraph(text, previous, segment):
            yield from (text, "")
            text = ""
        label = f"{CHANNEL.format(segment.channel)} " if segment.channel and not text else ""
        text = f"{text} {words}" if text else label + words
        previous = segment
    if text:
        yield text


def _new_paragraph(text: str, previous: Segment, segment: Segment) -> bool:
    long_enough = len(text) >= PARAGRAPH_LENGTH and text.endswith((".", "?", "!", "…"))
    return (
        long_enough or segment.channel != previous.channel or segment.start - previous.end >= PARAGRAPH_PAUSE
    )


def _timed_lines(transcript: Transcript) -> Iterator[str]:
    for segment in _spoken(transcript):
        label = f"{CHANNEL.format(segment.channel)} " if segment.channel else ""
        times = f"{_clock(round(1000 * segment.start))} → {_clock(round(1000 * segment.end))}"
        yield f"[{times}] {label}{' '.join(segment.text.split())}"


def _spoken(transcript: Transcript) -> list[Segment]:
    return sorted((s for s in transcript.segments if s.text.strip()), key=lambda s: (s.start, s.channel or 0))


def _json(transcript: Transcript) -> str:
    """Every field of the transcript, the whole text first."""
    whole = {"text": transcript.text, **dataclasses.asdict(transcript)}
    return json.dumps(plain(whole), ensure_ascii=False, indent=2) + "\n"


def plain(value: object) -> object:
    """The value as JSON can hold it: floats to the millionth, null for infinities and what is no number."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _srt(shown: list[Cue]) -> str:
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        + "".join(f"{line}\n" for line in cue.lines)
        for number, cue in enumerate(shown, start=1)
    )


def _vtt(shown: list[Cue]) -> str:
    def voice(cue: Cue) -> str:
        return "" if cue.channel is None else f"<v Channel {cue.channel}>"

    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start)} --> {_clock(cue.end)}\n{voice(cue)}"
        + "".join(f"{_escaped(line)}\n" for line in cue.lines)
        for cue in shown
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tsv(transcript: Transcript) -> str:
    """Start and end in milliseconds and the text, as openai-whisper writes them."""
    split = any(segment.channel for segment in transcript.segments)
    rows = ["start\tend\ttext" + ("\tchannel" if split else "")]
    for s in _spoken(transcript):
        row = f"{round(1000 * s.start)}\t{round(1000 * s.end)}\t{' '.join(s.text.split())}"
        rows.append(f"{row}\t{s.channel}" if split else row)
    return "".join(row + "\n" for row in rows)


def _clock(milliseconds: int, point: str = ".") -> str:
    rest, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(rest, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{point}{thousandths:03d}"
