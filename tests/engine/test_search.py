"""The search beside one that anybody can check: whole texts in Python lists, sorted by what they add up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from zlib import crc32

import pytest
import torch
from torch import Tensor

from runner.engine.rules import NEVER, Allowed, highest
from runner.engine.search import Chance, Found, Search

CPU = torch.device("cpu")
WORDS, STAMPS = 16, 15
END, FIRST_STAMP = WORDS, WORDS + 3  # between the end and the stamps lie tokens that steer
TOKENS = (*range(WORDS), END, *range(FIRST_STAMP, FIRST_STAMP + STAMPS))
POSITIONS = 12

Text = tuple[int, ...]
Table = Callable[[Text], dict[int, float]]  # a text → the log-probability of each token that may follow


@dataclass(frozen=True)
class Finished:
    """A text that came to its end, and the sum of its log-probabilities with that of the end."""

    text: Text
    total: float

    @property
    def mean(self) -> float:
        """What texts are compared by: as in openai/whisper the end's probability counts and its place does not."""
        return self.total / max(1, len(self.text))


@dataclass(frozen=True)
class Result:
    """What was found in a slot, after how many steps, and how many texts had ended by then."""

    found: Found
    steps: int
    ended: int


def chances(seed: int, *, spread: float = 1.5, end: float = 0.0) -> Table:
    """Log-probabilities of chance for every text, the same for the same seed."""

    @cache
    def after(text: Text) -> dict[int, float]:
        random = torch.Generator().manual_seed(crc32(repr((seed, text)).encode()))
        scores = torch.randn(len(TOKENS), generator=random, dtype=torch.float64) * spread
        scores[TOKENS.index(END)] += end
        return dict(zip(TOKENS, scores.log_softmax(0).tolist(), strict=True))

    return after


def written_down(table: dict[Text, dict[int, float]]) -> Table:
    """Shares of tokens after the texts that were written down; after any other the end is certain."""

    def after(text: Text) -> dict[int, float]:
        shares = table.get(text, {END: 1.0})
        return {token: math.log(shares[token]) if token in shares else NEVER for token in TOKENS}

    return after


def plain_search(table: Table, beams: int, steps: int) -> tuple[list[Finished], list[Finished], int]:
    """Beam search as the books tell it: the texts that ended, those that go on, and the steps that it took."""
    live, done = [Finished((), 0.0)], list[Finished]()
    for step in range(1, steps + 1):
        candidates = sorted(
            (
                Finished((*one.text, token), one.total + score)
                for one in live
                for token, score in table(one.text).items()
                if score > NEVER
            ),
            key=lambda one: -one.total,
        )
        live = []
        for one in candidates:
            if len(live) == beams:
                break
            if one.text[-1] != END:
                live.append(one)
            elif len(done) < beams:
                done.append(Finished(one.text[:-1], one.total))
        if len(done) == beams or step == steps:
            break
    return done, live, step


def every_text(table: Table, so_far: Text = (), total: float = 0.0) -> Iterator[Finished]:
    """All texts that can come to an end."""
    for token, score in table(so_far).items():
        if token == END and score > NEVER:
            yield Finished(so_far, total + score)
        elif score > NEVER:
            yield from every_text(table, (*so_far, token), total + score)


def offered(tables: Sequence[Table], texts: Sequence[Sequence[Text]], beams: int) -> tuple[Tensor, Allowed]:
    """What the rules would hand the search for these texts, (R, N) of them: scores that are not yet normal."""
    logits = torch.full((len(texts), beams, FIRST_STAMP + STAMPS), NEVER)
    for row, (table, slot) in enumerate(zip(tables, texts, strict=True)):
        for beam, text in enumerate(slot):
            for token, score in table(text).items():
                logits[row, beam, token] = score + 7.0  # a decoder's scores add up to anything
    words, ids = highest(logits[..., :WORDS], beams)
    every = logits[..., :WORDS].logsumexp(2)
    return logits, Allowed(words, ids, every, logits[..., END], logits[..., FIRST_STAMP:])


def search(
    tables: Sequence[Table],
    beams: int,
    steps: int = 10,
    *,
    temperatures: Sequence[float] = (),
    seeds: Sequence[int] = (),
) -> list[Result]:
    """What our search finds in a slot for every table, each until it has enough or the steps are over."""
    every = slice(0, len(tables))
    ours = Search(len(tables), beams, POSITIONS, END, FIRST_STAMP, CPU)
    warmth = list(temperatures) or [0.0] * len(tables)
    ours.begin(every, torch.tensor([one > 0 for one in warmth]))
    texts: list[list[Text]] = [[()] * beams for _ in tables]
    results: dict[int, Result] = {}
    for step in range(1, steps + 1):
        logits, allowed = offered(tables, texts, beams)
        dice = [seed * 1000 + step for seed in seeds or [0] * len(tables)]
        drawn = [Chance(*one) for one in zip(warmth, dice, strict=True)]
        parents, tokens = ours.advance(logits, allowed, every, drawn)
        texts = [
            [(*slot[parent], token) for parent, token in zip(mine, new, strict=True)]
            for slot, mine, new in zip(texts, parents.tolist(), tokens.tolist(), strict=True)
        ]
        for slot, ended in enumerate(ours.ended.tolist()):
            if slot not in results and (ended >= beams or step == steps):
                results[slot] = Result(ours.result(slot), step, ended)
    return [results[slot] for slot in range(len(tables))]


@pytest.mark.parametrize("beams", [1, 2, 3, 5])
def test_it_finds_what_the_plain_search_finds_and_ends_when_that_does(beams: int) -> None:
    """In two dozen slots at a time, each with chances of its own, some quick to end and some slow."""
    tables = [chances(seed, end=seed % 4 - 0.5) for seed in range(24)]
    ended = 0
    for table, ours in zip(tables, search(tables, beams), strict=True):
        done, live, steps = plain_search(table, beams, 10)
        best = max(done, key=lambda one: one.mean) if done else max(live, key=lambda one: one.total)
        ended += len(done) == beams
        assert ours.steps == steps
        assert min(ours.ended, beams) == len(done)
        assert tuple(ours.found.tokens) == best.text
        assert ours.found.total == pytest.approx(best.total, abs=1e-4)
        expected = [table(best.text[:place])[token] for place, token in enumerate(best.text)]
        assert ours.found.log_probabilities == pytest.approx(expected, abs=1e-4)
    assert 6 < ended < 24  # both kinds came up


def test_with_beams_for_every_text_it_finds_the_likeliest_that_there_is() -> None:
    """Two words to choose from and at most three of them: so few texts that all can be followed."""
    shares = {
        text: {0: 0.35 + 0.1 * len(text), 1: 0.3, END: 0.35 - 0.1 * len(text)}
        for length in range(3)
        for text in product((0, 1), repeat=length)
    }
    table = written_down(shares)
    found = search([table], 15)[0].found
    best = max(every_text(table), key=lambda one: one.mean)
    assert tuple(found.tokens) == best.text == (0, 0, 0)
    assert found.total == pytest.approx(best.total, abs=1e-5)


def test_two_beams_see_past_a_first_word_that_leads_nowhere() -> None:
    table = written_down({(): {0: 0.6, 1: 0.4}, (0,): {2: 0.3, 3: 0.3, 4: 0.4}, (1,): {2: 1.0}})
    greedy, beams = (search([table], count)[0].found for count in (1, 2))
    assert greedy.tokens == [0, 4]
    assert beams.tokens == [1, 2]
    assert beams.total > greedy.total


def test_one_beam_is_greedy() -> None:
    """At every step the likeliest token, until that is the end."""
    tables = [chances(seed, end=0.5) for seed in range(30)]
    for table, ours in zip(tables, search(tables, 1), strict=True):
        text: Text = ()
        while len(text) < 10 and (token := max(table(text), key=table(text).__getitem__)) != END:
            text = (*text, token)
        assert tuple(ours.found.tokens) == text


def test_a_worse_text_does_not_take_the_place_of_one_that_ended_before_it() -> None:
    table = written_down({(): {0: 0.9, 1: 0.1}, (0,): {END: 0.9, 2: 0.1}, (0, 2): {END: 0.5, 3: 0.5}})
    result = search([table], 3)[0]
    assert result.ended >= 3
    assert result.found.tokens == [0]
    assert result.found.total == pytest.approx(math.log(0.81), abs=1e-5)


def test_a_better_text_does_although_it_is_longer() -> None:
    table = written_down({(): {0: 0.9, 1: 0.1}, (0,): {END: 0.4, 2: 0.6}, (1,): {3: 1.0}})
    found = search([table], 2)[0].found
    assert found.tokens == [0, 2]
    assert found.total == pytest.approx(math.log(0.54), abs=1e-5)


def test_a_text_that_never_ended_is_the_likeliest_as_it_stands() -> None:
    def endless(text: Text) -> dict[int, float]:
        return {token: {0: math.log(0.7), 1: math.log(0.3)}.get(token, NEVER) for token in TOKENS}

    result = search([endless], 2, 5)[0]
    assert result.ended == 0
    assert result.found.tokens == [0] * 5
    assert result.found.total == pytest.approx(5 * math.log(0.7), abs=1e-5)


def test_what_stands_in_the_other_slots_changes_nothing() -> None:
    tables = [chances(seed, end=seed % 3 - 0.5) for seed in range(12)]
    together = search(tables, 3)
    alone = [search([table], 3)[0] for table in tables]
    assert [one.found.tokens for one in together] == [one.found.tokens for one in alone]


def test_a_slot_that_moves_goes_on_with_its_text() -> None:
    logits, allowed = offered([chances(3, end=-9.0)], [[()] * 2], 2)
    ours = Search(3, 2, POSITIONS, END, FIRST_STAMP, CPU)
    ours.begin(slice(2, 3), torch.tensor([False]))
    ours.advance(logits, allowed, slice(2, 3))
    before = ours.result(2)
    assert len(before.tokens) == 1
    ours.move(2, 0)
    ours.begin(slice(2, 3), torch.tensor([False]))
    assert ours.result(2).tokens == []
    assert ours.result(0) == before


def test_samples_depend_on_their_seed_alone() -> None:
    """Not on the slot, nor on what is drawn or searched beside them."""
    table = chances(1, end=0.5)
    others = [chances(seed) for seed in (2, 3)]
    (alone,) = search([table], 3, temperatures=[0.8], seeds=[5])
    for place in range(3):
        tables = [*others[:place], table, *others[place:]]
        temperatures, seeds = [0.6, 0.0], [7, 8]
        temperatures.insert(place, 0.8)
        seeds.insert(place, 5)
        assert search(tables, 3, temperatures=temperatures, seeds=seeds)[place] == alone
    texts = [search([table], 3, temperatures=[0.8], seeds=[seed])[0].found.tokens for seed in range(12)]
    assert len({tuple(text) for text in texts}) > 4


def test_samples_come_as_often_as_they_are_likely() -> None:
    """First tokens of 600 draws at temperature 1, and the log-probability that is told for each."""
    shares = {0: 0.5, 1: 0.25, 3: 0.15, FIRST_STAMP + 1: 0.1}
    table = written_down({(): shares})
    drawn = [one.found for one in search([table] * 600, 1, 2, temperatures=[1.0] * 600, seeds=range(600))]
    for token, share in shares.items():
        mine = [found for found in drawn if found.tokens == [token]]
        assert len(mine) / 600 == pytest.approx(share, abs=0.06)
        assert [found.total for found in mine] == pytest.approx([math.log(share)] * len(mine), abs=1e-4)
    assert {found.tokens[0] for found in drawn} == set(shares)


def test_cold_samples_are_the_greedy_text() -> None:
    tables = [chances(seed, end=0.5) for seed in range(10)]
    cold = search(tables, 1, temperatures=[1e-4] * 10, seeds=range(10))
    assert [one.found.tokens for one in cold] == [one.found.tokens for one in search(tables, 1)]


def test_of_several_samples_the_surest_that_ended_is_kept_whole() -> None:
    """Each is drawn alone, so every text that is found is one whose probabilities the table has."""
    table = chances(4, end=2.0)
    means = []
    for beams in (1, 4):
        found = search([table] * 40, beams, temperatures=[1.0] * 40, seeds=range(40))
        assert {one.ended for one in found if one.steps < 10} == {beams}
        for one in found:
            text = tuple(one.found.tokens)
            whole = (*text, END) if one.ended else text
            total = sum(table(whole[:place])[token] for place, token in enumerate(whole))
            assert one.found.total == pytest.approx(total, abs=1e-4)
        means.append(sum(one.found.total / (len(one.found.tokens) + 1) for one in found) / 40)
    assert means[1] > means[0] + 0.2
