"""Cross-encoders of a few nodes, as folders of a graph and a tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.bert_builder import WORDS, tiny_tokenizer

TOKEN = {word: 5 + place for place, word in enumerate(WORDS)}


def sigmoid(number: float) -> float:
    return float(1 / (1 + np.exp(-number)))


def graph(folder: Path, body: Callable[[], list[Any]], shape: list[Any], **constants: Any) -> Path:
    """Write a graph of a few nodes, from `input_ids` (int64) and `ids` (as float) to `scores`."""
    folder.mkdir()
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "s"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["n", "s"])
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)
    kept = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    nodes = [helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT), *body()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [ids, mask], [out], kept), opset_imports=[helper.make_opsetid("", 18)]
    )
    model.ir_version = 10
    onnx.save(model, folder / "model.onnx")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def tea_counter(folder: Path, *, keep: int = 0) -> Path:
    """Write a graph that counts the word "tea": logits (n,), or (n, 1) with `keep`."""
    return graph(
        folder,
        lambda: [
            helper.make_node("Equal", ["input_ids", "tea"], ["is_tea"]),
            helper.make_node("Cast", ["is_tea"], ["counted"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["counted", "axes"], ["sums"], keepdims=keep),
            helper.make_node("Sub", ["sums", "two"], ["scores"]),
        ],
        ["n", 1] if keep else ["n"],
        tea=np.int64(TOKEN["tea"]),
        axes=np.array([1], np.int64),
        two=np.float32(2),
    )
