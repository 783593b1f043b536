"""CTranslate2's format, on a network of one layer and two dimensions, written by the test as the format says."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import pytest

from runner.engine.models.conversion import Array, ConversionError, read_variables, tensors

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def written(variables: Mapping[str, Array], aliases: Mapping[str, str], name: str = "WhisperSpec") -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    data = struct.pack("<I", 6) + text(name) + struct.pack("<II", 3, len(variables))
    for key, array in variables.items():
        data += text(key) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        data += struct.pack("<BI", TYPES[array.dtype.name], array.nbytes) + array.tobytes()
    data += struct.pack("<I", len(aliases))
    for alias, key in aliases.items():
        data += text(alias) + text(key)
    return data


def numbers(*shape: int) -> Array:
    return np.arange(1, np.prod(shape) + 1, dtype=np.float16).reshape(shape)


def test_what_is_written_is_read() -> None:
    variables = {"a": numbers(2, 3), "b/c": np.array(8, dtype=np.int16), "d": np.ones(2, dtype=np.float32)}

    read = read_variables(written(variables, {"e": "a"}))

    assert list(read) == ["a", "b/c", "d", "e"]
    for name, array in (variables | {"e": variables["a"]}).items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "damaged at byte 0"),
        (b"PK\3\4" * 10, "damaged"),
        (written({"a": numbers(2)}, {}, name="TransformerSpec"), "TransformerSpec"),
        (written({"a": numbers(2)}, {})[:-8], "damaged"),
        (written({"a": numbers(2)}, {}) + b"more", "4 bytes are left over"),
        (written({"a": numbers(2)}, {"b": "nothing"}), "damaged"),
    ],
)
def test_other_bytes_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        read_variables(data)


def test_stacked_projections_are_taken_apart_in_order() -> None:
    bias = np.array([1, 2, 0, 0, 5, 6], dtype=np.float16)
    named = tensors(
        {
            "encoder/layer_0/self_attention/linear_0/weight": numbers(6, 2),
            "encoder/layer_0/self_attention/linear_0/bias": bias,
            "decoder/layer_3/attention/linear_1/weight": numbers(4, 2),
        }
    )

    encoder, decoder = "model.encoder.layers.0.self_attn", "model.decoder.layers.3.encoder_attn"
    assert {name: array.ravel().tolist() for name, array in named.items()} == {
        f"{decoder}.k_proj.weight": [1, 2, 3, 4],
        f"{decoder}.v_proj.weight": [5, 6, 7, 8],
        f"{encoder}.k_proj.weight": [5, 6, 7, 8],
        f"{encoder}.q_proj.bias": [1, 2],
        f"{encoder}.q_proj.weight": [1, 2, 3, 4],
        f"{encoder}.v_proj.bias": [5, 6],
        f"{encoder}.v_proj.weight": [9, 10, 11, 12],
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("encoder/layer_0/self_attention/linear_0/bias", "a bias for keys"),
        ("decoder/layer_0/experts/linear_0/weight", "which Whisper has not"),
        ("decoder/rotary/weight", "which Whisper has not"),
    ],
)
def test_what_whisper_has_not_is_refused_and_not_dropped(name: str, says: str) -> None:
    with pytest.raises(ConversionError, match=says):
        tensors({name: numbers(6)})
