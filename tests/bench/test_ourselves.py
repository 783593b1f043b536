"""What is measured of ours alone, on a few seconds of speech."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.engine.products import can_quantise
from tests.bench.corpus import Item
from tests.bench.options import parse
from tests.bench.precisions import agreements
from tests.bench.test_quality import bench
from tests.support.speech import SENTENCES, speech_file

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


def test_a_precision_is_held_against_float32_window_by_window(checkpoint: Checkpoint, tmp_path: Path) -> None:
    speech = speech_file(12, sentences=SENTENCES[:4], path=tmp_path / "a.wav")
    item = Item(speech.path, speech.text, "clean", speech.duration)
    faster = "int8" if can_quantise() else "bfloat16"
    exact, other = agreements(checkpoint, [item], [faster], "cpu", 2)
    assert (exact.precision, exact.windows, exact.different, exact.words_different) == ("float32", 1, 0, 0.0)
    assert (other.precision, other.windows) == (faster, 1)
    assert other.different == (other.words_different > 0)
    assert 0 < exact.word_error_rate < 0.6
    assert abs(other.word_error_rate - exact.word_error_rate) < 0.2


def test_growth_hears_each_length_in_a_process_of_its_own(checkpoint: Checkpoint) -> None:
    run = bench("--growth=0.1,0.2", f"--model={checkpoint.folder}", "--threads=2")
    assert run.returncode == 0, run.stderr
    rows = [line.split() for line in run.stdout.splitlines()[2:4]]
    assert [len(row) for row in rows] == [5, 5]
    assert all(100 < float(row[4]) < 8000 for row in rows)
    assert "shared with others" in run.stdout


@pytest.mark.parametrize(
    "words", [["--precisions=int4"], ["--precisions="], ["--growth=10,long"], ["--growth=0"]]
)
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert "bench: error" in capsys.readouterr().err
