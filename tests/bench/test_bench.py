"""Two contestants over a little speech, whole; and what ends early leaves nothing behind."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from tests.bench import report
from tests.bench.chart import svg
from tests.bench.contestants import choose
from tests.bench.corpus import Item
from tests.bench.groups import Group
from tests.bench.process import ROOT, Process
from tests.bench.run import run
from tests.bench.summary import summary
from tests.bench.terms import Terms
from tests.bench.words import errors
from tests.support.needs import needs
from tests.support.speech import SENTENCES, speech_file

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


@pytest.fixture(scope="module")
def terms(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Terms:
    from tests.bench import weights

    home = tmp_path_factory.mktemp("weights")
    return Terms(
        checkpoint=checkpoint.folder,
        model=checkpoint.model.id,
        revision=checkpoint.model.revision,
        ctranslate2=weights.ctranslate2(checkpoint, home),
        ggml=weights.ggml(checkpoint, home),
        threads=2,
    )


def item(first: int, kind: str) -> Item:
    speech = speech_file(5.0, sentences=SENTENCES[first : first + 2])
    return Item(speech.path, speech.text, kind, speech.duration)


def test_two_contestants_hear_the_same_speech_and_are_compared(terms: Terms) -> None:
    groups = [
        Group((item(0, "clean"), item(2, "hall")), everybody=True),
        Group((item(4, "clean"), item(6, "noise")), everybody=False),
    ]
    said = list[str]()
    results = run(choose("ours,fw-1-b8,sequential"), groups, terms, notice=said.append)
    order = [(turn.group, turn.contestant) for turn in results.turns]
    assert order == [(0, "ours"), (0, "fw-1-b8"), (0, "sequential"), (1, "fw-1-b8"), (1, "ours")]

    measured = json.loads(json.dumps(summary(results, terms)))
    for row in measured["contestants"]:
        assert row["wer"]["all"] < 0.4, row
        assert 0 < row["first_text_seconds"] <= row["seconds"]
        assert row["load_seconds"] > 0
        assert row["peak_bytes"] > 100e6
    (against, slow) = measured["comparisons"]
    assert (against["other"], against["speed"]["pairs"], against["wer"]["files"]) == ("fw-1-b8", 2, 4)
    assert (slow["other"], slow["speed"]["pairs"]) == ("sequential", 1)
    shares = {row["name"]: row["share"] for row in measured["stages"]}
    assert shares["encoder"] > 0
    assert shares["decoder"] > 0

    shown = io.StringIO()
    report.show(measured, Console(file=shown, width=160))
    assert "minutes only: it is slow" in shown.getvalue()
    assert "shared with others" in shown.getvalue()
    assert len(ET.fromstring(svg(measured)).findall("{*}rect")) == 4


@pytest.mark.parametrize("name", ["whispercpp", "transformers"])
def test_the_others_hear_a_sentence_from_the_same_weights(name: str, terms: Terms) -> None:
    speech = speech_file(3.0, sentences=SENTENCES[3:4])
    with Process(choose(name)[0], terms) as process:
        about = process.ask(do="load")["about"]
        (text,) = process.hear([speech.path])["texts"]
    assert errors(speech.text, text).character_rate < 0.3, text
    assert name != "whispercpp" or "AVX" in about["built"] or "NEON" in about["built"]


def test_a_contestant_that_cannot_load_says_why(terms: Terms, tmp_path: Path) -> None:
    from runner.errors import EngineFailed

    broken = Terms(checkpoint=tmp_path, model="none", revision="none", ctranslate2=tmp_path)
    with (
        Process(choose("fw-1-b8")[0], broken) as process,
        pytest.raises(EngineFailed, match="fw-1-b8 broke down"),
    ):
        process.ask(do="load")


@needs("linux")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_early_end_leaves_no_process(
    number: signal.Signals, code: int, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    speech = speech_file(3.0, sentences=SENTENCES[:1], path=tmp_path / "one.wav")
    speech.path.with_suffix(".txt").write_text(speech.text)
    bench = subprocess.Popen(
        [sys.executable, "-m", "tests.bench", f"--quality={tmp_path}", f"--model={checkpoint.folder}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        (child,) = until(lambda: children(bench.pid))
        bench.send_signal(number)
        _, said = bench.communicate(timeout=60)
    finally:
        bench.kill()
    assert bench.returncode == code, said
    assert "Traceback" not in said
    until(lambda: [int(not Path(f"/proc/{child}").exists())])


def children(parent: int) -> list[int]:
    """Processes that `parent` started and that are contestants by now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == parent and b"tests.bench.child" in words:
            found.append(int(stat.parent.name))
    return found


def until(look: Callable[[], list[int]], seconds: float = 60.0) -> list[int]:
    """Look again and again until something is seen."""
    end = time.monotonic() + seconds
    while not any(seen := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
    return seen
