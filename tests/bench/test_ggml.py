"""Names and words of whisper.cpp's file; that it is heard with is tested in test_bench.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.ggml import rename, vocabulary

if TYPE_CHECKING:
    from runner.engine.models.chain import Checkpoint


def test_tensors_have_the_names_of_openais_checkpoints() -> None:
    assert rename("model.encoder.layers.3.self_attn.k_proj.weight") == "encoder.blocks.3.attn.key.weight"
    assert (
        rename("model.decoder.layers.0.encoder_attn_layer_norm.bias") == "decoder.blocks.0.cross_attn_ln.bias"
    )
    assert rename("model.decoder.layers.0.final_layer_norm.bias") == "decoder.blocks.0.mlp_ln.bias"
    assert rename("model.decoder.layer_norm.weight") == "decoder.ln.weight"
    assert rename("model.encoder.embed_positions.weight") == "encoder.positional_embedding"
    assert rename("model.encoder.conv1.bias") == "encoder.conv1.bias"


def test_words_are_bytes_and_end_before_the_special_tokens(checkpoint: Checkpoint) -> None:
    words = vocabulary(checkpoint.folder)
    assert len(words) == 50257
    assert words[0] == b"!"
    assert b" och" in words
    assert all(bytes([byte]) in words for byte in range(256))
