"""Where subtitles break and how long they stand: segments → words with times → cues a person can read.

The limits are those that broadcasters share (BBC Subtitle Guidelines, Netflix Timed Text Style Guide):
two lines of 42 characters, 17 characters a second, at least 0.8 s and at most 7 s on the screen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from runner.transcript import Segment

LINE = 42  # characters a line
READING = 17.0  # characters a second
SHORTEST = 0.8  # seconds a cue
LONGEST = 7.0
PAUSE = 2.0  # seconds of silence that always end a cue

# Words that lean on the next one: a line or a cue that ends in one reads badly.
LEANING = frozenset("och eller men att som om en ett den det de i på av för med till från är har inte "
                    "and or but that a an the in on of for with to from is".split())  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: times in milliseconds, one or two lines."""

    start: int
    end: int
    lines: tuple[str, ...]
    channel: int | None


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, or a piece of one longer than a line; times in seconds."""

    text: str
    start: float
    end: float
    ends_segment: bool


def cues(segments: Sequence[Segment], *, label: str = "", duration: float = float("inf")) -> list[Cue]:
    """Divide the segments into cues by start time; those of one channel never overlap.

    `label` is put before the words of each cue that has a channel ("Channel {}:"), within the limits of a line.
    No cue is stretched past `duration`, or past the last segment's end where that is later.
    """
    ending = max([duration, *(segment.end for segment in segments)])
    divided: dict[int | None, list[Sequence[_Token]]] = {}
    prefixes: dict[int | None, tuple[str, ...]] = {}
    for channel in sorted({segment.channel for segment in segments}, key=lambda channel: channel or 0):
        of_channel = sorted((s for s in segments if s.channel == channel), key=lambda s: (s.start, s.end))
        tokens = [token for segment in of_channel for token in _tokens(segment)]
        prefixes[channel] = () if channel is None or not label else (label.format(channel),)
        divided[channel] = list(_divided(tokens, prefixes[channel], ending))
    made: list[Cue] = []
    for channel, divisions in divided.items():
        others = _Others([tokens for other in divided if other != channel for tokens in divided[other]])
        made += _timed(divisions, prefixes[channel], channel, others, ending)
    return sorted(made, key=lambda cue: (cue.start, cue.end, cue.channel or 0))


class _Others:
    """What is spoken in the other channels, by the time it ends."""

    def __init__(self, divisions: Sequence[Sequence[_Token]]) -> None:
        spoken = sorted((tokens[-1].end, tokens[0].start) for tokens in divisions)
        self._ends = [end for end, _ in spoken]
        starts = accumulate((start for _, start in reversed(spoken)), min, initial=float("inf"))
        self._first_starts = list(starts)[::-1]

    def first_start(self, time: float) -> float:
        """The earliest start of all that has not ended before this time; infinity where nothing is left."""
        return self._first_starts[bisect_left(self._ends, time)]


def _tokens(segment: Segment) -> Iterator[_Token]:
    pieces = [word[at : at + LINE] for word in segment.text.split() for at in range(0, len(word), LINE)]
    times = _character_times(segment, sum(map(len, pieces)))
    at = 0
    for number, piece in enumerate(pieces, start=1):
        last = at + len(piece) - 1
        yield _Token(piece, times[at][0], times[last][1], ends_segment=number == len(pieces))
        at = last + 1


def _character_times(segment: Segment, count: int) -> list[tuple[float, float]]:
    """Start and end of each visible character: the words' times where they spell the text, else shared evenly."""
    words = [(len("".join(word.text.split())), word.start, word.end) for word in segment.words]
    if sum(length for length, _, _ in words) != count:
        words = [(count, segment.start, segment.end)]
    return [
        (start + (end - start) * k / length, start + (end - start) * (k + 1) / length)
        for length, start, end in words
        for k in range(length)
    ]


def _divided(tokens: Sequence[_Token], prefix: tuple[str, ...], ending: float) -> Iterator[Sequence[_Token]]:
    """The division into cues of least cost, each stretch between long pauses by itself."""
    begin = 0
    for end in range(1, len(tokens) + 1):
        if end == len(tokens) or tokens[end].start - tokens[end - 1].end >= PAUSE:
            yield from _least_cost(tokens[begin:end], prefix, ending)
            begin = end


def _least_cost(
    tokens: Sequence[_Token], prefix: tuple[str, ...], ending: float
) -> Iterator[Sequence[_Token]]:
    """Dynamic programme over the last break: best[j] is the least cost of the first j tokens."""
    offsets = list(accumulate((len(token.text) + 1 for token in tokens), initial=0))
    best = [0.0] + [float("inf")] * len(tokens)
    came_from = [0] * (len(tokens) + 1)
    for j in range(1, len(tokens) + 1):
        break_cost = _break_cost(tokens[j - 1], tokens[j] if j < len(tokens) else None)
        until = tokens[j].start if j < len(tokens) else min(tokens[-1].end + SHORTEST, ending)
        for i in range(j - 1, -1, -1):
            alone = i == j - 1
            if not alone and (
                tokens[j - 1].end - tokens[i].start > LONGEST or not _fits(offsets, i, j, prefix)
            ):
                break
            missing = _reading_time(offsets[j] - offsets[i] - 1) - (until - tokens[i].start)
            cost = best[i] + 1.0 + break_cost + 2.0 * max(0.0, missing)
            if cost < best[j]:
                best[j], came_from[j] = cost, i
    divisions = []
    j = len(tokens)
    while j > 0:
        divisions.append(tokens[came_from[j] : j])
        j = came_from[j]
    yield from reversed(divisions)


def _break_cost(token: _Token, following: _Token | None) -> float:
    """How badly a cue ends after this token: nothing at the end of a sentence, most after a leaning word."""
    if following is None or token.text.endswith((".", "?", "!", "…")):
        return 0.0
    if token.ends_segment or following.start - token.end >= 0.5 or token.text.endswith((",", ";", ":", "–")):
        return 0.5
    return 2.5 if token.text.lower() in LEANING else 1.5


def _fits(offsets: Sequence[int], i: int, j: int, prefix: tuple[str, ...]) -> bool:
    """Whether tokens i..j, after the prefix, can be set in two lines."""
    before = sum(len(part) + 1 for part in prefix)
    first_line = (
        bisect_right(offsets, offsets[i] + LINE + 1 - before) - 1
    )  # tokens up to here fill the first line
    return first_line >= j or offsets[j] - offsets[max(first_line, i)] - 1 <= LINE


def _set(words: tuple[str, ...]) -> tuple[str, ...]:
    """One line where it holds all; else the break that reads best: after punctuation, near the middle."""
    if len(" ".join(words)) <= LINE:
        return (" ".join(words),)

    def badness(k: int) -> float:
        first, second = " ".join(words[:k]), " ".join(words[k:])
        if len(first) > LINE or len(second) > LINE:
            return float("inf")
        after = words[k - 1]
        reads = (
            -8
            if after.endswith((".", "?", "!", "…", ",", ";", ":"))
            else 8
            if after.lower() in LEANING
            else 0
        )
        return abs(len(first) - len(second)) + reads

    k = min(range(1, len(words)), key=badness)
    return " ".join(words[:k]), " ".join(words[k:])


def _timed(
    divisions: Sequence[Sequence[_Token]],
    prefix: tuple[str, ...],
    channel: int | None,
    others: _Others,
    ending: float,
) -> Iterator[Cue]:
    """Give each cue the time to be read that the next one, of any channel, and the recording's end leave it.

    The shortest time goes before the start of the next cue, and the recording's end before the shortest time,
    except for cues so crowded that they begin only there.
    """
    previous_end = 0.0
    for number, tokens in enumerate(divisions):
        lines = _set(prefix + tuple(token.text for token in tokens))
        start = max(tokens[0].start, previous_end)
        following = divisions[number + 1][0].start if number + 1 < len(divisions) else float("inf")
        until = min(following, others.first_start(max(tokens[-1].end, start)), ending)
        wanted = start + _reading_time(sum(map(len, lines)) + len(lines) - 1)
        end = min(max(tokens[-1].end, min(wanted, until)), start + LONGEST)
        left = ending - start
        previous_end = max(end, start + (min(SHORTEST, left) if left > 0.002 else SHORTEST))
        yield Cue(round(1000 * start), round(1000 * previous_end), lines, channel)


def _reading_time(characters: int) -> float:
    return max(SHORTEST, characters / READING)
