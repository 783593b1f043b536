"""The warm-up: the built-in clip is transcribed for real, cold and warm, and leaves its list and its figures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.engine.models import store
from runner.engine.models.chain import Checkpoint
from runner.errors import EngineFailed, ModelUnavailable, UsageError
from runner.machine import clip
from runner.machine import warm as warming
from runner.machine.model import Wanted, hold
from runner.machine.preread import read_list
from runner.machine.warm import Order, Warmth, read, told
from tests.support.checkout import ROOT
from tests.support.whisper import checkpoint_files

pytestmark = pytest.mark.slow
Warm = Callable[[Order], tuple[Warmth, bool]]


@pytest.fixture(autouse=True)
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment one package: if all of it were put out of memory, every other test would wait for the disk."""
    (packages,) = Path(sys.prefix).glob("lib/python3.*/site-packages")
    monkeypatch.setattr(warming, "program_files", lambda: [packages / "onnxruntime"])


@pytest.fixture
def warm(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Warm:
    """Warm this machine for the tests' model, which is told to nobody but the warm-up."""
    model, cache = checkpoint.model, checkpoint.folder.parents[2]
    monkeypatch.delenv("GPU_TRANSCRIBER_CACHE", raising=False)
    monkeypatch.setenv("UV_OFFLINE", "1")
    return lambda order: warming.warm(order, model.id, model.style, cache)


def test_a_warm_up_hears_the_clip_and_leaves_what_it_learnt(
    warm: Warm, checkpoint: Checkpoint, disk: Path
) -> None:
    (disk / "kernels" / "another-gpu").mkdir(parents=True)
    warmth, done = warm(Order(disk))

    assert done
    assert warmth.accuracy >= 0.9
    assert clip.accuracy(warmth.text, clip.SAID.read_text()) == pytest.approx(warmth.accuracy, abs=0.001)
    assert (warmth.identity.model, warmth.identity.revision) == (
        checkpoint.model.id,
        checkpoint.model.revision,
    )

    listed, model = read_list(disk / "preread.list"), checkpoint.folder.resolve()
    assert Path(listed[0].path).is_relative_to(model)
    assert warmth.preread["bytes"] == sum(part.length for part in listed)
    assert {(0, path.stat().st_size, str(path)) for path in model.iterdir()} <= set(listed)
    assert any(part.path.endswith(".so") for part in listed)

    assert [path.name for path in (disk / "kernels").iterdir()] == [warmth.identity.key]
    assert (disk / "kernels" / warmth.identity.key / "cuda").is_dir()
    assert read(disk) == warmth
    assert warm(Order(disk)) == (warmth, False)
    assert told(warmth, False)[0].startswith(f"Warm already: {checkpoint.model.id} on ")


SETTLED = """
import sys
from pathlib import Path
from runner.__main__ import main
from runner.machine import warm
package = Path(sys.argv.pop())
warm.program_files = lambda: [package]
main()
"""


def test_a_settings_file_holds_for_who_does_the_work_too(checkpoint: Checkpoint, disk: Path) -> None:
    """It names the model, which is not the default one, and the cache, which lies in nobody's home."""
    (packages,) = Path(sys.prefix).glob("lib/python3.*/site-packages")
    home, held = disk / "home", disk / "held"
    held.mkdir()
    (held / "models").symlink_to(checkpoint.folder.parents[1])
    file = home / ".config" / "gpu-transcriber" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'model = "{checkpoint.model.id}"\ncache = "{held}"\n')
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GPU_TRANSC"))}
    done = subprocess.run(
        [sys.executable, "-c", SETTLED, "warm", "--cache", disk / "cache", packages / "onnxruntime"],
        capture_output=True,
        text=True,
        env={**own, "HOME": str(home), "UV_OFFLINE": "1"},  # no demonstration model from elsewhere
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Warmed: {checkpoint.model.id} on ")


def test_a_clip_that_another_model_heard_is_told_and_leaves_nothing(
    checkpoint: Checkpoint, disk: Path
) -> None:
    """A model of which a file is lost makes way for the demonstration model where no hub can be reached."""
    models, held = checkpoint.folder.parents[1], disk / "held"
    lost = store.Record("a/model", "1" * 40, "hub", {"model.safetensors": store.File(1, "0" * 64)})
    store.write_record(held, lost)
    for path in models.glob(f"{checkpoint.model.id.replace('/', '--')}*"):
        (store.models(held) / path.name).symlink_to(path)
    told_apart = (
        rf"^The built-in clip was heard by {checkpoint.model.id} at revision {checkpoint.model.revision}, "
        rf"and not by a/model at revision {lost.revision}: "
    )
    with pytest.raises(EngineFailed, match=told_apart):
        warming.warm(Order(disk / "cache"), "a/model", "standard", held)
    assert read(disk / "cache") is None
    assert not (disk / "cache" / "preread.list").exists()


def test_words_that_were_not_heard_are_told_and_leave_nothing(
    warm: Warm, monkeypatch: pytest.MonkeyPatch, disk: Path
) -> None:
    monkeypatch.setenv("GPU_TRANSCRIBER_LANGUAGE", "fi")
    with pytest.raises(EngineFailed, match=r"^Of the built-in clip's words .* were heard, which is too few"):
        warm(Order(disk))
    assert read(disk) is None
    assert not (disk / "preread.list").exists()


def test_a_machine_that_should_use_a_gpu_and_does_not_is_refused(
    warm: Warm, monkeypatch: pytest.MonkeyPatch, disk: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(EngineFailed, match=r"^The GPU did not do the work, but cpu did: torch sees none\.$"):
        warm(Order(disk, gpu=True))
    assert read(disk) is None


def test_a_transcription_that_fails_is_told_with_its_own_words(disk: Path) -> None:
    given = disk / "given"
    given.mkdir()
    for name, content in checkpoint_files().items():  # the right files, and a tokenizer that cannot be read
        (given / name).write_bytes(content)
    hold(Wanted(str(given), "a/model"), disk)
    with pytest.raises(EngineFailed, match=r"(?s)^The built-in clip could not be transcribed:\n.*error: "):
        warming.warm(Order(disk / "cache"), "a/model", "standard", disk)
    assert read(disk / "cache") is None


def test_a_model_that_is_not_there_is_told_before_anything_is_done(disk: Path) -> None:
    with pytest.raises(ModelUnavailable, match="holds no a/model in style strict"):
        warming.warm(Order(disk), "a/model", "strict", disk)
    assert list(disk.iterdir()) == []


def test_a_user_that_does_not_exist_is_told_in_a_sentence(warm: Warm, disk: Path) -> None:
    with pytest.raises(UsageError, match=r"^There is no user nobody-here on this machine\.$"):
        warm(Order(disk, user="nobody-here"))


@pytest.mark.parametrize("content", ['{"schema": 0}', "{", "[]", '{"schema": 1}'])
def test_a_record_that_cannot_be_read_counts_as_none(content: str, disk: Path) -> None:
    (disk / "warm.json").write_text(content)
    assert read(disk) is None


def test_the_command_is_there_for_who_bakes_an_image(disk: Path) -> None:
    command = [sys.executable, "-m", "runner", "warm", "--cache", str(disk), "--user", "nobody-here"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_without_a_folder_for_the_caches_the_command_says_which_option_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner", "warm"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: --cache FOLDER is missing")
    assert "Traceback" not in done.stderr
