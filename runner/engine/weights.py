"""A checkpoint folder in transformers' layout → the network, on its device and in its precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from runner.engine.network import Dimensions, Whisper, fuse
from runner.engine.products import Packed, Quantised, can_pack
from runner.errors import ModelInvalid


def read_dimensions(folder: Path) -> Dimensions:
    """The sizes in config.json."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Dimensions(
        mels=config["num_mel_bins"],
        width=config["d_model"],
        heads=config["encoder_attention_heads"],
        feed_forward=config["encoder_ffn_dim"],
        encoder_layers=config["encoder_layers"],
        decoder_layers=config["decoder_layers"],
        vocabulary=config["vocab_size"],
        audio_positions=config["max_source_positions"],
        text_positions=config["max_target_positions"],
    )


def load_network(
    folder: Path, device: torch.device, precision: torch.dtype, *, quantised: bool = False
) -> Whisper:
    """Build the network without initialising it twice and give it the checkpoint's weights.

    Raises ModelInvalid when the weights do not fit the sizes in config.json.
    """
    dimensions = read_dimensions(folder)
    network = Whisper(dimensions)
    try:
        state = rename(read_tensors(folder), dimensions)
        state = {name: tensor.to(device, precision) for name, tensor in state.items()}
        network.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError) as fault:
        raise ModelInvalid(
            f"the weights in {folder} do not fit its config.json ({str(fault).splitlines()[0]}); "
            "remove the folder to have it fetched again, or name another model",
            model=str(folder),
        ) from fault
    network.eval().requires_grad_(False)
    if device.type == "cpu" and (quantised or can_pack(precision)):
        network.lay_out(Quantised if quantised else Packed)
    return network


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint, from one safetensors file, its shards, or PyTorch's own format."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return {name: tensor for file in files for name, tensor in load_file(folder / file).items()}
    if (folder / "model.safetensors").exists():
        return load_file(folder / "model.safetensors")
    return dict(torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True))


def rename(tensors: Mapping[str, Tensor], dimensions: Dimensions) -> dict[str, Tensor]:
    """Transformers' names → ours, with the projections of each attention stacked into one product."""
    source = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    state = {
        "encoder.conv1.weight": source["encoder.conv1.weight"],
        "encoder.conv1.bias": source["encoder.conv1.bias"],
        "encoder.conv2.weight": source["encoder.conv2.weight"],
        "encoder.conv2.bias": source["encoder.conv2.bias"],
        "encoder.positions": source["encoder.embed_positions.weight"],
        "encoder.norm.weight": source["encoder.layer_norm.weight"],
        "encoder.norm.bias": source["encoder.layer_norm.bias"],
        "decoder.vocabulary.weight": source["decoder.embed_tokens.weight"],
        "decoder.positions": source["decoder.embed_positions.weight"],
        "decoder.norm.weight": source["decoder.layer_norm.weight"],
        "decoder.norm.bias": source["decoder.layer_norm.bias"],
    }
    plain = {"attention_norm": "self_attn_layer_norm", "attention.out": "self_attn.out_proj"}
    plain |= {"mlp_norm": "final_layer_norm", "mlp_in": "fc1", "mlp_out": "fc2"}
    stacked = {"attention.qkv": [f"self_attn.{name}_proj" for name in "qkv"]}
    cross = {"cross_norm": "encoder_attn_layer_norm", "cross.q": "encoder_attn.q_proj"}
    cross |= {"cross.out": "encoder_attn.out_proj"}
    cross_stacked = {"cross.kv": [f"encoder_attn.{name}_proj" for name in "kv"]}
    layers = [(f"encoder.layers.{n}", plain, stacked) for n in range(dimensions.encoder_layers)]
    layers += [
        (f"decoder.layers.{n}", plain | cross, stacked | cross_stacked)
        for n in range(dimensions.decoder_layers)
    ]
    for layer, names, stacks in layers:
        for kind in ("weight", "bias"):
            for ours, theirs in names.items():
                state[f"{layer}.{ours}.{kind}"] = source[f"{layer}.{theirs}.{kind}"]
            for ours, parts in stacks.items():
                state[f"{layer}.{ours}.{kind}"] = fuse(
                    [source.get(f"{layer}.{part}.{kind}") for part in parts]
                )
    scale = (
        dimensions.width // dimensions.heads
    ) ** -0.5  # of queries; 1/8 in every Whisper, so nothing is lost
    for name, tensor in state.items():
        if ".attention.qkv." in name:
            state[name] = torch.cat([tensor[: dimensions.width] * scale, tensor[dimensions.width :]])
        elif ".cross.q." in name:
            state[name] = tensor * scale
    return state
