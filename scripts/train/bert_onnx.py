"""Build the ONNX graph of a BERT encoder straight from its weight arrays, with heads, and make it int8.

No torch and no tracing: `bert_graph` writes every node itself, so that the graph is small, the same on
every machine and fuses well in onnxruntime. Weights are named as Hugging Face names them, with or without
a leading `bert.`; linear weights are (out, in) as torch keeps them. `quantise` (from int8.py) turns the
float32 graph into one with int8 weights. Nothing here reads or writes files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scripts.train.int8 import quantise
from scripts.train.onnx_graph import Graph, Weights

__all__ = ["Graph", "Head", "HeadKind", "bert_graph", "quantise"]

HeadKind = Literal["embedding", "hidden", "cls_linear", "token_linear", "mean_linear"]

OPSET = 20  # the first with Gelu; onnxruntime has read it since 1.17
IR_VERSION = 10  # onnxruntime 1.19 already reads it
FAR_AWAY = -1e4  # added to the attention score of padding; exp() of it is 0 and it survives float16


@dataclass(frozen=True)
class Head:
    """One output of the graph.

    `embedding`: mean over real tokens, unit length, (batch, hidden). `hidden`: the last hidden state,
    (batch, seq, hidden). `cls_linear`, `mean_linear`: logits of the first token or of the mean, (batch, out).
    `token_linear`: logits of every token, (batch, seq, out). Linear heads need `weight` (out, hidden) and
    `bias` (out,); the others have neither.
    """

    kind: HeadKind
    name: str
    weight: NDArray[Any] | None = None
    bias: NDArray[Any] | None = None


def bert_graph(
    weights: Weights,
    config: Mapping[str, Any],
    heads: Sequence[Head] = (Head("embedding", "sentence_embedding"),),
    *,
    token_types: bool = False,
    max_tokens: int | None = None,
) -> onnx.ModelProto:
    """Return the float32 graph of a BERT encoder with the given heads.

    Inputs are int64 (batch, seq): `input_ids`, `attention_mask` and, with `token_types=True` (texts that
    come in pairs), `token_type_ids`; without it every token is of type 0 and the graph has no such input.
    `config` is Hugging Face's config.json. `max_tokens` cuts the position table.

    Raises:
        ValueError: the config asks for something other than a plain BERT encoder, or a weight is missing.
    """
    check_config(config)
    weights = {name.removeprefix("bert."): np.asarray(array) for name, array in weights.items()}
    graph = Graph()
    try:
        x = embeddings(graph, weights, config, token_types, max_tokens or config["max_position_embeddings"])
        mask = graph.add("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        bias = attention_bias(graph, mask)
        for layer in range(config["num_hidden_layers"]):
            x = encoder_layer(graph, weights, config, x, bias, layer)
    except KeyError as error:
        raise ValueError(f"the weights or the config lack {error}; is this a BERT encoder?") from error
    outputs = [add_head(graph, head, x, mask) for head in heads]
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if token_types else [])
    return finished_model(graph, inputs, outputs)


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse what `bert_graph` would silently get wrong."""
    if config.get("model_type") != "bert":
        raise ValueError(f"model_type is {config.get('model_type')!r}; only 'bert' can be built")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError(f"position_embedding_type {config['position_embedding_type']!r} is not supported")
    if config.get("hidden_act") not in ACTIVATIONS:
        raise ValueError(f"hidden_act {config.get('hidden_act')!r} is none of {', '.join(ACTIVATIONS)}")


ACTIVATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}


def embeddings(
    graph: Graph, weights: Weights, config: Mapping[str, Any], token_types: bool, max_tokens: int
) -> str:
    """Add word, position and type embeddings and their normalisation: (batch, seq, hidden)."""
    word = graph.constant("word", weights["embeddings.word_embeddings.weight"])
    x = graph.add("Gather", [word, "input_ids"], "word_rows")
    positions = weights["embeddings.position_embeddings.weight"][:max_tokens]
    types = weights["embeddings.token_type_embeddings.weight"]
    if token_types:
        chosen = graph.add("Gather", [graph.constant("types", types), "token_type_ids"], "type_rows")
        x = graph.add("Add", [x, chosen], "typed")
    else:
        positions = positions + types[0]
    zero, one = graph.constant("zero", [0]), graph.constant("one", [1])
    length = graph.add("Shape", ["input_ids"], "length", start=1, end=2)
    rows = graph.add(
        "Slice", [graph.constant("positions", positions), zero, length, zero, one], "position_rows"
    )
    x = graph.add("Add", [x, rows], "embedded")
    return graph.layer_norm(x, weights, "embeddings.LayerNorm", config["layer_norm_eps"], "embeddings")


def attention_bias(graph: Graph, mask: str) -> str:
    """Add what keeps every token from looking at padding: 0 or FAR_AWAY, (batch, 1, 1, seq)."""
    padding = graph.add("Sub", [graph.constant("unit", 1.0), mask], "padding")
    bias = graph.add("Mul", [padding, graph.constant("far_away", FAR_AWAY)], "padding_bias")
    return graph.add("Unsqueeze", [bias, graph.constant("axes_1_2", [1, 2])], "attention_bias")


def encoder_layer(
    graph: Graph, weights: Weights, config: Mapping[str, Any], x: str, bias: str, layer: int
) -> str:
    """Add one transformer layer, normalised after each sum as BERT does."""
    source, name = f"encoder.layer.{layer}", f"layer{layer}"
    epsilon = config["layer_norm_eps"]

    def linear(x: str, part: str, name: str) -> str:
        return graph.linear(x, weights[f"{source}.{part}.weight"], weights[f"{source}.{part}.bias"], name)

    mixed = attention(graph, weights, config["num_attention_heads"], x, bias, layer)
    mixed = linear(mixed, "attention.output.dense", f"{name}.mix")
    x = graph.add("Add", [mixed, x], f"{name}.sum1")
    x = graph.layer_norm(x, weights, f"{source}.attention.output.LayerNorm", epsilon, f"{name}.norm1")
    op, attributes = ACTIVATIONS[config["hidden_act"]]
    wide = graph.add(op, [linear(x, "intermediate.dense", f"{name}.wide")], f"{name}.active", **attributes)
    x = graph.add("Add", [linear(wide, "output.dense", f"{name}.narrow"), x], f"{name}.sum2")
    return graph.layer_norm(x, weights, f"{source}.output.LayerNorm", epsilon, f"{name}.norm2")


def attention(graph: Graph, weights: Weights, heads: int, x: str, bias: str, layer: int) -> str:
    """Add multi-head self-attention without its output projection: (batch, seq, hidden).

    Query, key and value are one matrix product, so that int8 quantises their input once; the query's
    1/sqrt(width) is multiplied into its weights.
    """
    source, name = f"encoder.layer.{layer}.attention.self", f"layer{layer}.attention"
    width = weights[f"{source}.query.weight"].shape[0] // heads
    scales = {"query": 1 / np.sqrt(width), "key": 1.0, "value": 1.0}
    weight = np.concatenate([weights[f"{source}.{part}.weight"] * scale for part, scale in scales.items()])
    bias_row = np.concatenate([weights[f"{source}.{part}.bias"] * scale for part, scale in scales.items()])
    packed = graph.linear(x, weight, bias_row, f"{name}.qkv")
    parts = [f"{name}.{part}" for part in scales]
    graph.nodes.append(
        helper.make_node("Split", [packed], parts, name=f"{name}.split", axis=-1, num_outputs=3)
    )
    split = graph.constant("split_heads", [0, 0, heads, width])
    orders = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    query, key, value = (
        graph.add(
            "Transpose", [graph.add("Reshape", [part, split], f"{part}.4d")], f"{part}.turned", perm=order
        )
        for part, order in zip(parts, orders, strict=True)
    )
    scores = graph.add("Add", [graph.add("MatMul", [query, key], f"{name}.scores"), bias], f"{name}.masked")
    shares = graph.add("Softmax", [scores], f"{name}.shares", axis=-1)
    mixed = graph.add("MatMul", [shares, value], f"{name}.mixed")
    mixed = graph.add("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
    return graph.add(
        "Reshape", [mixed, graph.constant("merge_heads", [0, 0, heads * width])], f"{name}.merged"
    )


def add_head(graph: Graph, head: Head, x: str, mask: str) -> onnx.ValueInfoProto:
    """Add one head on the last hidden state and return what the graph declares as its output."""
    if head.kind == "hidden":
        graph.add("Identity", [x], head.name)
        return helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["batch", "seq", None])
    if head.kind == "embedding":
        mean = masked_mean(graph, x, mask, head.name)
        length = graph.add("ReduceL2", [mean, graph.constant("one", [1])], f"{head.name}.length", keepdims=1)
        graph.add("Div", [mean, length], head.name)
        return helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["batch", None])
    if head.weight is None or head.bias is None:
        raise ValueError(f"head {head.name!r} is {head.kind} and needs a weight and a bias")
    if head.kind == "token_linear":
        graph.linear(x, head.weight, head.bias, head.name)
        return helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["batch", "seq", len(head.bias)])
    if head.kind == "mean_linear":
        row = masked_mean(graph, x, mask, head.name)
    else:
        first = graph.constant("first", np.array(0))
        row = graph.add("Gather", [x, first], f"{head.name}.cls", axis=1)
    graph.linear(row, head.weight, head.bias, head.name)
    return helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["batch", len(head.bias)])


def masked_mean(graph: Graph, x: str, mask: str, name: str) -> str:
    """Add the mean over real tokens: (batch, hidden)."""
    one = graph.constant("one", [1])
    column = graph.add("Unsqueeze", [mask, graph.constant("axis_last", [-1])], f"{name}.column")
    real = graph.add("Mul", [x, column], f"{name}.real")
    total = graph.add("ReduceSum", [real, one], f"{name}.total", keepdims=0)
    count = graph.add("ReduceSum", [mask, one], f"{name}.count", keepdims=1)
    return graph.add("Div", [total, count], f"{name}.mean")


def finished_model(
    graph: Graph, inputs: Sequence[str], outputs: Sequence[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Return the checked model."""
    declared = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"]) for name in inputs]
    body = helper.make_graph(graph.nodes, "bert", declared, list(outputs), list(graph.constants.values()))
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opsets, producer_name="tinymem", ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model
