from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import jiwer
import numpy as np
import pytest
import torch

from runner.engine.decode import compression_ratio, decode, detect_language
from runner.engine.reference import Reference
from runner.engine.segments import unfinished
from runner.engine.transcriber import Engine
from runner.engine.vad import SpeechDetector, load_session
from runner.engine.windows import Window, Windower
from runner.errors import UsageError
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speak

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
    return engine.hear(windows, defaultdict(float))


@needs("speech")
@pytest.mark.slow
@pytest.mark.parametrize("timestamps", [True, False])
def test_every_token_is_that_of_transformers(
    engine: Engine, checkpoint: Checkpoint, windows: list[Window], heard: torch.Tensor, *, timestamps: bool
) -> None:
    ours = decode(engine.network.decoder, engine.vocabulary, heard, "sv", timestamps=timestamps)
    theirs = Reference(checkpoint.folder).tokens([w.samples for w in windows], timestamps=timestamps)
    assert len(windows) >= 2
    for window, mine, reference in zip(windows, ours, theirs, strict=True):
        assert list(mine.tokens) == reference[: len(mine.tokens)]
        if len(reference) > len(mine.tokens):  # where a segment was left open, transformers goes on by itself
            assert unfinished(window, mine, engine.vocabulary)
    assert sum(len(window.tokens) for window in ours) > 200


@needs("speech")
def test_a_window_reads_the_same_in_any_batch(engine: Engine, heard: torch.Tensor) -> None:
    decoder, vocabulary = engine.network.decoder, engine.vocabulary
    together = decode(decoder, vocabulary, heard, "sv")
    alone = [decode(decoder, vocabulary, heard[i : i + 1], "sv")[0] for i in range(len(heard))]
    assert [window.tokens for window in together] == [window.tokens for window in alone]
    assert [window.average_log_probability for window in together] == pytest.approx(
        [window.average_log_probability for window in alone], abs=1e-4
    )


@needs("speech")
def test_windows_that_end_early_leave_the_batch_without_disturbing_the_rest(engine: Engine) -> None:
    short = speak("Hej.")
    long = np.concatenate([speak(text) for text in SENTENCES[:6]])
    sounds = [short, long, short, short]
    windows = [Window(0.0, len(sound) / 16_000, sound) for sound in sounds]
    heard = engine.hear(windows, defaultdict(float))
    together = decode(engine.network.decoder, engine.vocabulary, heard, "sv")
    alone = decode(engine.network.decoder, engine.vocabulary, heard[1:2], "sv")
    assert together[1].tokens == alone[0].tokens
    assert together[0].tokens == together[2].tokens == together[3].tokens
    assert len(together[0].tokens) < len(together[1].tokens) // 2


@needs("speech")
def test_swedish_is_detected_and_costs_one_step(engine: Engine, heard: torch.Tensor) -> None:
    shares = detect_language(engine.network.decoder, engine.vocabulary, heard)
    assert max(shares, key=shares.__getitem__) == "sv"
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_a_language_that_the_model_has_not_is_named_in_a_sentence(engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"does not know the language 'elvish'; it knows .*sv"):
        engine.vocabulary.prompt("elvish", timestamps=True)


def test_text_that_repeats_itself_compresses_well() -> None:
    assert compression_ratio("ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ja ") > 2.4
    assert compression_ratio("Tåget till Göteborg går klockan halv nio från spår fem.") < 1.5
    assert compression_ratio("") == 1.0


@needs("speech")
@pytest.mark.slow
def test_a_faster_precision_reads_nearly_as_well(
    engine: Engine, checkpoint: Checkpoint, windows: list[Window], heard: torch.Tensor
) -> None:
    """The stated margin: in bfloat16 at most three words more of a hundred are wrong than in float32."""
    faster = Engine.load(checkpoint, device="cpu", precision="bfloat16")
    said = " ".join(SENTENCES[:14])

    def error_rate(engine: Engine, heard: torch.Tensor) -> float:
        written = decode(engine.network.decoder, engine.vocabulary, heard, "sv")
        return float(jiwer.wer(said, " ".join(engine.vocabulary.text(window.tokens) for window in written)))

    exact = error_rate(engine, heard)
    assert exact < 0.4
    assert error_rate(faster, faster.hear(windows, defaultdict(float))) <= exact + 0.03
