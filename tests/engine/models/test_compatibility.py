"""Checkpoints that the engine cannot load: each kind of damage done for real, and the sentence that names it."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from runner.engine.models.compatibility import check_file, check_folder, check_language, languages
from runner.errors import ModelInvalid, UsageError
from tests.support.whisper import LANGUAGES, WEIGHTS, checkpoint_files, tensors, tokens

INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint that fits."""
    place = tmp_path / "model"
    place.mkdir()
    for name, body in checkpoint_files(kilobytes=1).items():
        (place / name).write_bytes(body)
    return place


def told(folder: Path) -> str:
    """The one sentence that is said of a folder."""
    with pytest.raises(ModelInvalid) as raised:
        check_folder(folder, "mine")
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert "mine" in sentence or str(folder) in sentence
    return sentence


def change(path: Path, **values: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    content = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def replace_tensors(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    weights = tensors()
    edit(weights)
    save_file(weights, folder / WEIGHTS)


def shard(folder: Path) -> list[str]:
    """Divide the weights as transformers does where they are many."""
    weights = tensors()
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    mapped = {tensor: names[number % 2] for number, tensor in enumerate(weights)}
    for name in names:
        save_file({key: weights[key] for key, part in mapped.items() if part == name}, folder / name)
    (folder / INDEX).write_text(json.dumps({"weight_map": mapped}))
    (folder / WEIGHTS).unlink()
    return names


def test_a_whole_checkpoint_is_fine(folder: Path) -> None:
    check_folder(folder, "mine")


def test_one_in_two_parts_is_fine(folder: Path) -> None:
    shard(folder)
    check_folder(folder, "mine")


def test_a_bare_models_names_are_fine(folder: Path) -> None:
    save_file({name.removeprefix("model."): value for name, value in tensors().items()}, folder / WEIGHTS)
    check_folder(folder, "mine")


def test_a_missing_part_is_named(folder: Path) -> None:
    lost = shard(folder)[1]
    (folder / lost).unlink()
    assert told(folder) == f"mine lacks {lost} of its 2 parts: copy the rest of them"


def test_a_missing_tensor_is_named(folder: Path) -> None:
    replace_tensors(folder, lambda weights: weights.pop("model.decoder.layers.1.encoder_attn.q_proj.bias"))
    sentence = told(folder)
    assert "lacks 1 of the 74 tensors" in sentence
    assert "decoder.layers.1.encoder_attn.q_proj.bias" in sentence


def test_an_encoder_alone_is_no_model(folder: Path) -> None:
    save_file({name: value for name, value in tensors().items() if ".decoder." not in name}, folder / WEIGHTS)
    assert "decoder.embed_positions.weight for one" in told(folder)


def test_a_tensor_of_another_size_is_named_with_both_sizes(folder: Path) -> None:
    wrong = np.zeros((8, 128, 3), np.float16)  # large-v3's mel bins
    replace_tensors(folder, lambda weights: weights.update({"model.encoder.conv1.weight": wrong}))
    assert "encoder.conv1.weight is 8 × 128 × 3 and should be 8 × 80 × 3" in told(folder)


def test_a_config_of_another_model_is_seen_by_the_shapes(folder: Path) -> None:
    change(folder / "config.json", d_model=16)
    assert "do not fit its config.json" in told(folder)


def test_a_config_without_sizes_says_which(folder: Path) -> None:
    change(folder / "config.json", d_model=None, encoder_layers="six")
    assert "says nothing useful of d_model, encoder_layers" in told(folder)


def test_quantised_weights_are_refused(folder: Path) -> None:
    change(folder / "config.json", quantization_config={"load_in_8bit": True})
    assert "is quantised" in told(folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [("generation_config.json", {"is_multilingual": False}), ("config.json", {"vocab_size": 51_864})],
)
def test_an_english_only_checkpoint_is_refused(folder: Path, name: str, values: dict[str, Any]) -> None:
    change(folder / name, **values)
    assert "is an English-only Whisper" in told(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder: Path) -> None:
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    change(folder / "config.json", vocab_size=size - 1)
    assert f"has {size} tokens and its config.json a vocab_size of {size - 1}" in told(folder)


def test_a_tokenizer_of_another_size_of_whisper_is_refused(folder: Path) -> None:
    """As that of large-v2 beside large-v3, which has one language more and so every later token moved by one."""
    fewer = tokens(LANGUAGES[:-1])
    added = [{"id": number, "content": name} for name, number in fewer.items()]
    change(folder / "tokenizer.json", added_tokens=added)
    assert "numbers <|" in told(folder)


def test_a_tokenizer_that_is_not_whispers_is_refused(folder: Path) -> None:
    change(folder / "tokenizer.json", added_tokens=[{"id": 0, "content": "<s>"}])
    assert "lacks <|endoftext|>, so it is not Whisper's" in told(folder)


def test_a_tokenizer_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("<html>")
    assert "tokenizer.json of mine cannot be read" in told(folder)


def test_a_lora_adapter_is_to_be_merged_first(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert "is a LoRA adapter and no whole model: merge it" in told(folder)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("model.bin", "CTranslate2's"),
        ("ggml-model-q5_0.bin", "whisper.cpp's"),
        ("model.gguf", "whisper.cpp's"),
        ("large-v3.pt", "OpenAI's own"),
        ("encoder_model.onnx", "ONNX's"),
    ],
)
def test_weights_of_another_program_are_named_with_what_is_needed(
    folder: Path, name: str, whose: str
) -> None:
    (folder / WEIGHTS).rename(folder / name)
    sentence = told(folder)
    assert f"it holds {whose} {name}" in sentence
    assert "it needs model.safetensors or pytorch_model.bin in transformers' layout" in sentence


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("ggml-model.bin", b"x", "a file and not a folder (it holds whisper.cpp's ggml-model.bin): it needs"),
        ("renamed", b"lmgg0000", "a file and not a folder (it is whisper.cpp's): it needs"),
        ("model.bin", b"x", "(it holds CTranslate2's model.bin): it needs"),
        ("small.pt", b"PK", "(it holds OpenAI's own small.pt): it needs"),
        (WEIGHTS, b"x", "a file and not a folder: name the folder that holds a model's files"),
    ],
)
def test_a_file_in_place_of_a_folder_is_told_with_what_it_is(
    tmp_path: Path, name: str, body: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(ModelInvalid) as raised:
        check_file(tmp_path / name, name)
    assert says in str(raised.value)


def test_truncated_weights_are_seen_without_reading_them(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate((folder / WEIGHTS).stat().st_size - 1)
    assert "is cut short or damaged" in told(folder)


def test_a_head_that_promises_too_much_is_refused(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    assert "is cut short or damaged" in told(folder)


def test_weights_in_pytorchs_own_form_are_left_to_the_loader(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    check_folder(folder, "mine")


def test_the_languages_are_those_of_the_tokenizer(folder: Path) -> None:
    assert languages(folder, "mine") == set(LANGUAGES)


def test_older_checkpoints_say_theirs_in_other_files(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "merges.txt").write_text("")
    plain, added = (
        {"a": 0, "<|endoftext|>": 3},
        {name: number for name, number in tokens().items() if number > 3},
    )
    (folder / "vocab.json").write_text(json.dumps(plain))
    (folder / "added_tokens.json").write_text(json.dumps(added))
    check_folder(folder, "mine")
    assert languages(folder, "mine") == set(LANGUAGES)


@pytest.mark.parametrize("language", ["auto", *LANGUAGES])
def test_a_language_that_the_model_has_is_fine(folder: Path, language: str) -> None:
    check_language(folder, "mine", language)


def test_a_language_that_it_has_not_is_told_with_those_that_it_has(folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        check_language(folder, "mine", "fo")
    assert str(raised.value) == "mine does not know the language 'fo'; it knows da, en, fi, is, nn, no, sv"


@pytest.mark.parametrize(("tried", "meant"), [("nb", "no"), ("dk", "da"), ("se", "sv")])
def test_another_code_for_a_language_is_answered_with_whispers(folder: Path, tried: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}"):
        check_language(folder, "mine", tried)


def test_a_folder_is_compared_and_nothing_in_it_changes(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    check_folder(folder, "mine")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in copy.iterdir()
    }
