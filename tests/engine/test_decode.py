from __future__ import annotations

from typing import TYPE_CHECKING

import jiwer
import numpy as np
import pytest
import torch

from runner.engine.decode import detect_language
from runner.engine.reference import Reference
from runner.engine.segments import unfinished
from runner.engine.transcriber import Engine
from runner.engine.vad import SpeechDetector, load_session
from runner.engine.windows import Window, Windower
from runner.errors import UsageError
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak
from tests.support.windows import hear, write

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    pause = np.zeros(8_000, np.float32)
    sound = np.concatenate([part for text in SENTENCES[:14] for part in (speak(text), pause)])
    windower = Windower(SpeechDetector(load_session()))
    return [*windower.push(sound), *windower.finish()]


@pytest.fixture(scope="module")
def heard(engine: Engine, windows: list[Window]) -> torch.Tensor:
    return hear(engine, [window.samples for window in windows])


@needs("speech")
@pytest.mark.slow
@pytest.mark.parametrize("timestamps", [True, False])
def test_every_token_is_that_of_transformers(
    engine: Engine, checkpoint: Checkpoint, windows: list[Window], heard: torch.Tensor, *, timestamps: bool
) -> None:
    ours = write(engine, heard, timestamps=timestamps)
    theirs = Reference(checkpoint.folder).tokens([w.samples for w in windows], timestamps=timestamps)
    assert len(windows) >= 2
    for window, mine, reference in zip(windows, ours, theirs, strict=True):
        assert list(mine.tokens) == reference[: len(mine.tokens)]
        if len(reference) > len(mine.tokens):  # where a segment was left open, transformers goes on by itself
            assert unfinished(window, mine, engine.vocabulary)
    assert sum(len(window.tokens) for window in ours) > 200


@needs("speech")
@pytest.mark.parametrize(("beams", "temperature"), [(1, 0.0), (3, 0.0), (2, 0.6)])
def test_a_window_reads_the_same_in_any_batch_and_any_order(
    engine: Engine, heard: torch.Tensor, beams: int, temperature: float
) -> None:
    together = write(engine, heard, beams=beams, temperature=temperature)
    backwards = range(len(heard) - 1, -1, -1)
    for slots in (1, 2):
        others = write(
            engine, heard, beams=beams, temperature=temperature, slots=slots, order=list(backwards)
        )
        assert [window.tokens for window in together] == [window.tokens for window in others]
        assert [window.average_log_probability for window in together] == pytest.approx(
            [window.average_log_probability for window in others], abs=1e-3
        )


@needs("speech")
def test_windows_that_end_early_leave_their_slots_without_disturbing_the_rest(engine: Engine) -> None:
    short = speak("Hej.")
    long = np.concatenate([speak(text) for text in SENTENCES[:6]])
    heard = hear(engine, [short, long, short, short])
    together, alone = write(engine, heard), write(engine, heard[1:2])
    assert together[1].tokens == alone[0].tokens
    assert together[0].tokens == together[2].tokens == together[3].tokens
    assert len(together[0].tokens) < len(together[1].tokens) // 2


@needs("speech")
def test_the_probabilities_are_those_of_the_text_read_in_one_go(engine: Engine, heard: torch.Tensor) -> None:
    """With the rules of stamps off, a token's probability is the model's own but for what is never said."""
    found = write(engine, heard[:1], timestamps=False, beams=2)[0]
    vocabulary, decoder = engine.vocabulary, engine.network.decoder
    prompt = vocabulary.prompt("sv", timestamps=False)
    with torch.inference_mode():
        logits = decoder.write(decoder.read(torch.tensor([[*prompt, *found.tokens]]), heard[:1]))[0]
    logits = logits[len(prompt) - 1 :].clone()
    never = [token for token in vocabulary.suppressed if token >= 0]
    logits[:, [*never, *range(vocabulary.end + 1, logits.shape[1])]] = float("-inf")
    logits[0, list(vocabulary.suppressed_first)] = float("-inf")
    shares = logits.log_softmax(-1)
    expected = shares[range(len(found.tokens)), list(found.tokens)]
    assert list(found.log_probabilities) == pytest.approx(expected.tolist(), abs=2e-3)
    total = float(expected.sum() + shares[-1, vocabulary.end])
    assert found.average_log_probability == pytest.approx(total / (len(found.tokens) + 1), abs=1e-3)


@needs("speech")
def test_more_beams_find_likelier_texts(engine: Engine, heard: torch.Tensor) -> None:
    greedy, beams = write(engine, heard), write(engine, heard, beams=5)
    likelier = [
        b.average_log_probability - g.average_log_probability for g, b in zip(greedy, beams, strict=True)
    ]
    assert min(likelier) > -0.02
    assert sum(likelier) >= 0
    assert any(g.tokens != b.tokens for g, b in zip(greedy, beams, strict=True))


@needs("speech")
def test_swedish_is_detected_and_costs_one_step(engine: Engine, heard: torch.Tensor) -> None:
    shares = detect_language(engine.network.decoder, engine.vocabulary, heard)
    assert max(shares, key=shares.__getitem__) == "sv"
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_a_language_that_the_model_has_not_is_named_in_a_sentence(engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"does not know the language 'elvish'; it knows .*sv"):
        engine.vocabulary.prompt("elvish", timestamps=True)


@needs("speech")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "margin"), [("bfloat16", 0.03), pytest.param("int8", 0.06, marks=needs("int8"))]
)
def test_a_faster_precision_reads_nearly_as_well(
    engine: Engine,
    checkpoint: Checkpoint,
    windows: list[Window],
    heard: torch.Tensor,
    precision: str,
    margin: float,
) -> None:
    """At most so many words more of a hundred are wrong than in float32: two standard errors of the 123 said here.

    bf16 writes 3 words of a hundred otherwise, int8 12, as many better as worse; which ones depends on the processor.
    """
    faster = Engine.load(checkpoint, device="cpu", precision=precision)
    said = " ".join(SENTENCES[:14])

    def error_rate(engine: Engine, heard: torch.Tensor) -> float:
        written = write(engine, heard)
        return float(jiwer.wer(said, " ".join(engine.vocabulary.text(window.tokens) for window in written)))

    exact = error_rate(engine, heard)
    assert exact < 0.4
    assert error_rate(faster, hear(faster, [window.samples for window in windows])) <= exact + margin
