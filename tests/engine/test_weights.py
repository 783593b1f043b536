from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration

from runner.engine.cache import Cache
from runner.engine.weights import load_network, read_dimensions
from runner.errors import ModelInvalid

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint

CPU = torch.device("cpu")


def test_the_network_hears_and_writes_what_transformers_does(checkpoint: Checkpoint) -> None:
    network = load_network(checkpoint.folder, CPU, torch.float32)
    theirs = WhisperForConditionalGeneration.from_pretrained(checkpoint.folder, dtype=torch.float32).eval()
    random = torch.Generator().manual_seed(4)
    features = torch.randn(2, network.dimensions.mels, 3000, generator=random)
    tokens = torch.randint(0, 50_000, (2, 7), generator=random)
    with torch.inference_mode():
        heard = network.encoder(features)
        logits = network.decoder.write(network.decoder.read(tokens, heard))
        expected = theirs(input_features=features, decoder_input_ids=tokens)
    torch.testing.assert_close(heard, expected.encoder_last_hidden_state, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(logits, expected.logits, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("beams", [1, 3])
def test_one_token_at_a_time_gives_the_logits_of_all_at_once(checkpoint: Checkpoint, beams: int) -> None:
    """Two windows in slots 1 and 2 of three, one step after another, with beams that change places on the way."""
    network = load_network(checkpoint.folder, CPU, torch.float32)
    d, decoder = network.dimensions, network.decoder
    heard = torch.randn(2, d.audio_positions, d.width)
    tokens = torch.tensor([[50258, 50327, 50359, 50364, 400, 500], [50258, 50327, 50359, 50364, 600, 700]])
    with torch.inference_mode():
        whole = decoder.write(decoder.read(tokens, heard))
        cache = Cache(
            d.decoder_layers, d.heads, d.width // d.heads,
            slots=3, beams=beams, positions=40, heard=d.audio_positions, like=decoder.vocabulary.weight, dense=True,
        )  # fmt: skip
        prompt = decoder.write(decoder.read(tokens[:, :3], heard, (cache, slice(1, 3))))
        decoder.read(tokens[:1, :3], heard[:1], (cache, slice(0, 1)))
        written = torch.full((3, beams), 300)
        for place in range(3, 6):
            written[1:, 0] = tokens[:, place]
            entries = cache.reserve(33 if place == 4 else place + 1)  # room grows and shrinks again
            logits = decoder.step(written, cache, 3, entries)
            torch.testing.assert_close(logits[1:, 0], whole[:, place], atol=1e-3, rtol=1e-4)
            written[1:, -1] = tokens[:, place]
            cache.follow(slice(0, 3), torch.zeros(3, beams, dtype=torch.long))  # all go on from the first
    torch.testing.assert_close(prompt, whole[:, :3], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("form", ["shards", "pytorch"])
def test_other_forms_of_the_same_checkpoint_load_alike(
    checkpoint: Checkpoint, tmp_path: Path, form: str
) -> None:
    tensors = load_file(checkpoint.folder / "model.safetensors")
    shutil.copy(checkpoint.folder / "config.json", tmp_path)
    if form == "pytorch":
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    else:
        names = sorted(tensors)
        parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
        for file, part in parts.items():
            save_file({name: tensors[name].contiguous() for name in part}, tmp_path / file)
        index = {name: file for file, part in parts.items() for name in part}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    ours = load_network(tmp_path, CPU, torch.float32).state_dict()
    for name, tensor in load_network(checkpoint.folder, CPU, torch.float32).state_dict().items():
        assert torch.equal(ours[name], tensor), name


def test_weights_that_do_not_fit_their_sizes_are_told_in_a_sentence(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    shutil.copy(checkpoint.folder / "model.safetensors", tmp_path)
    config = json.loads((checkpoint.folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"encoder_layers": 7}))
    with pytest.raises(ModelInvalid, match=r"do not fit its config.json .* fetched again"):
        load_network(tmp_path, CPU, torch.float32)


def test_the_sizes_are_those_of_whisper_base(checkpoint: Checkpoint) -> None:
    dimensions = read_dimensions(checkpoint.folder)
    assert (dimensions.width, dimensions.heads, dimensions.encoder_layers) == (512, 8, 6)
    assert dimensions.cross_cache_numbers * 2 == 18_432_000  # 18.4 MB a window in 16 bits
