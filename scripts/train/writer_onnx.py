"""The writer as two ONNX graphs: the trunk that reads a passage once, and one step of the decoder.

The step takes what earlier steps left behind (keys and values), so that each word costs the same. Its weights
are int8, one scale a column, and stay so: what is multiplied by them is split into two numbers of 8 bits.
Together these are as good as float32 (a log-probability differs by 1e-4) and cost little more than one: a
step takes as long as its weights take to be read. As float32 they take 75 MB instead of 12, and twice the
time. Each row has its own scale: a reply must not depend on what else is in its batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scripts.train.bert_onnx import IR_VERSION, OPSET
from scripts.train.onnx_graph import Graph
from scripts.train.writer_net import HEADS, Writer

WIDTH = 384
SHARE = WIDTH // HEADS


def array(weight: Any) -> NDArray[np.float32]:
    """Return a torch weight as float32."""
    return np.asarray(weight.detach().float().numpy())


def stored(graph: Graph, name: str, matrix: NDArray[Any]) -> tuple[str, str]:
    """Add a matrix (in, out) as int8 and a scale for each column; return the names of both."""
    steps = np.maximum(np.abs(matrix).max(axis=0), 1e-9) / 127
    whole = graph.constant(f"{name}.int8", np.rint(matrix / steps).astype(np.int8))
    return whole, graph.constant(f"{name}.steps", steps.astype(np.float32))


def halves(graph: Graph, x: str) -> tuple[str, str]:
    """Add the two parts of (rows, 1, n), as uint8 (rows, 2, n), and what each of them counts, (rows, 2, 1).

    The first holds the 127ths of a row's largest number, the second what is left, in 254ths of those.
    """
    if f"{x}.uint8" in {node.name for node in graph.nodes}:  # several layers read the same
        return f"{x}.uint8", f"{x}.counts"
    zero = graph.constant("half", np.uint8(128))
    coarse, fine = graph.constant("coarse", 1 / 127), graph.constant("fine", 1 / 127 / 254)
    size = graph.add("Abs", [x], f"{x}.size")
    most = graph.add("ReduceMax", [size, graph.constant("axis_last", [-1])], f"{x}.most", keepdims=1)
    most = graph.add("Max", [most, graph.constant("tiny", 1e-9)], f"{x}.reach")
    unit = graph.add("Div", [x, most], f"{x}.unit")
    first = graph.add("QuantizeLinear", [unit, coarse, zero], f"{x}.first")
    near = graph.add("DequantizeLinear", [first, coarse, zero], f"{x}.near")
    rest = graph.add("Sub", [unit, near], f"{x}.rest")
    second = graph.add("QuantizeLinear", [rest, fine, zero], f"{x}.second")
    counted = graph.constant("counted", np.array([[[1.0], [1 / 254]]]))
    both = graph.add("Concat", [first, second], f"{x}.uint8", axis=1)
    return both, graph.add("Mul", [most, counted], f"{x}.counts")


def product(graph: Graph, x: str, matrix: tuple[str, str], name: str) -> str:
    """Add (rows, 1, in) times a stored matrix: (rows, 1, out)."""
    both, counts = halves(graph, x)
    whole, steps = matrix
    inputs = [both, whole, graph.constant("coarse", 1 / 127), steps, graph.constant("half", np.uint8(128))]
    parts = graph.add("MatMulIntegerToFloat", inputs, f"{name}.parts", domain="com.microsoft")
    parts = graph.add("Mul", [parts, counts], f"{name}.counted")
    return graph.add("ReduceSum", [parts, graph.constant("axis1", [1])], name, keepdims=1)


def linear(graph: Graph, x: str, layer: Any, name: str) -> str:
    """Add a `torch.nn.Linear` whose weight is stored as int8."""
    stored_weight = stored(graph, f"{name}.weight", array(layer.weight).T)
    found = product(graph, x, stored_weight, f"{name}.product")
    return graph.add("Add", [found, graph.constant(f"{name}.bias", array(layer.bias))], name)


def norm(graph: Graph, x: str, layer: Any, name: str) -> str:
    """Add a `torch.nn.LayerNorm`."""
    weights = {"n.weight": array(layer.weight), "n.bias": array(layer.bias)}
    return graph.layer_norm(x, weights, "n", 1e-12, name)


def split(graph: Graph, x: str, name: str, turn: bool = False) -> str:
    """Cut (rows, n, 384) into heads: (rows, heads, n, 32), or turned for keys (rows, heads, 32, n)."""
    parts = graph.add("Reshape", [x, graph.constant("heads", [0, 0, HEADS, SHARE])], f"{name}.4d")
    return graph.add("Transpose", [parts], f"{name}.heads", perm=[0, 2, 3, 1] if turn else [0, 2, 1, 3])


def part(graph: Graph, x: str, number: int, name: str) -> str:
    """Return columns 384 * number onwards of a packed array."""
    ends = [graph.constant(f"at{n}", [n * WIDTH]) for n in (number, number + 1)]
    return graph.add("Slice", [x, *ends, graph.constant("last_axis", [2])], name)


def looked(graph: Graph, query: str, keys: str, values: str, bias: str | None, name: str) -> str:
    """Add attention over heads; `bias` is added to the scores before the softmax."""
    query = graph.add("Mul", [query, graph.constant("share", np.float32(SHARE**-0.5))], f"{name}.scaled")
    scores = graph.add(
        "MatMul", [split(graph, query, f"{name}.q"), split(graph, keys, f"{name}.k", True)], f"{name}.scores"
    )
    if bias:
        scores = graph.add("Add", [scores, bias], f"{name}.masked")
    shares = graph.add("Softmax", [scores], f"{name}.shares", axis=-1)
    mixed = graph.add("MatMul", [shares, split(graph, values, f"{name}.v")], f"{name}.mixed")
    mixed = graph.add("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
    return graph.add("Reshape", [mixed, graph.constant("merged", [0, 0, WIDTH])], f"{name}.whole")


def decoder_layer(graph: Graph, layer: Any, x: str, number: int, bias: str, kept: list[str]) -> str:
    """Add one layer; the keys and values of this step are appended to `kept`."""
    name, own, cross = f"layer{number}", layer.own.attention, layer.cross
    fresh = [linear(graph, x, getattr(own.self, which), f"{name}.{which}") for which in ("key", "value")]
    kept.extend(fresh)
    old = [part(graph, "past", 2 * number + i, f"{name}.past{i}") for i in range(2)]
    keys, values = (graph.add("Concat", [o, f], f"{f}.all", axis=1) for o, f in zip(old, fresh, strict=True))
    mixed = looked(
        graph, linear(graph, x, own.self.query, f"{name}.query"), keys, values, None, f"{name}.own"
    )
    mixed = linear(graph, mixed, own.output.dense, f"{name}.own.mix")
    x = norm(graph, graph.add("Add", [mixed, x], f"{name}.sum1"), own.output.LayerNorm, f"{name}.norm1")
    keys, values = (part(graph, "cross", 2 * number + i, f"{name}.cross{i}") for i in range(2))
    query = linear(graph, x, cross.query, f"{name}.cross.query")
    mixed = linear(
        graph,
        looked(graph, query, keys, values, bias, f"{name}.seen"),
        cross.output.dense,
        f"{name}.cross.mix",
    )
    x = norm(graph, graph.add("Add", [mixed, x], f"{name}.sum2"), cross.output.LayerNorm, f"{name}.norm2")
    wide = graph.add(
        "Gelu", [linear(graph, x, layer.own.intermediate.dense, f"{name}.wide")], f"{name}.active"
    )
    narrow = linear(graph, wide, layer.own.output.dense, f"{name}.narrow")
    return norm(
        graph, graph.add("Add", [narrow, x], f"{name}.sum3"), layer.own.output.LayerNorm, f"{name}.norm3"
    )


def fed_word(graph: Graph, model: Writer) -> str:
    """Add the row of the word that was said last: a house word's, or a copied one's; with its position."""
    house = graph.constant("house", np.int64(len(model.words)))
    table, steps = stored(graph, "words", array(model.words).T)
    at = graph.add("Min", ["fed", graph.constant("last", np.int64(len(model.words) - 1))], "own_at")
    column = graph.add("Gather", [table, at], "own_int8", axis=1)
    column = graph.add("Cast", [column], "own_unscaled", to=TensorProto.FLOAT)
    column = graph.add("Mul", [column, graph.add("Gather", [steps, at], "own_step")], "own_column")
    own = graph.add("Transpose", [column], "own", perm=[1, 2, 0])
    far = graph.add(
        "Max", [graph.add("Sub", ["fed", house], "beyond"), graph.constant("zero", np.int64(0))], "copied_at"
    )
    at = graph.add("Unsqueeze", [far, graph.constant("axis2", [2])], "copied_at3")
    at = graph.add("Expand", [at, graph.constant("wide_row", [1, 1, WIDTH])], "copied_wide")
    copied = graph.add("GatherElements", ["copied", at], "copied_row", axis=1)
    is_own = graph.add("Unsqueeze", [graph.add("Less", ["fed", house], "is_own2"), "axis2"], "is_own")
    x = graph.add("Where", [is_own, own, copied], "word_row")
    length = graph.add("Shape", ["past"], "step", start=1, end=2)
    position = graph.add("Gather", [graph.constant("positions", array(model.positions)), length], "position")
    return norm(graph, graph.add("Add", [x, position], "placed"), model.norm, "first")


def choices(graph: Graph, model: Writer, x: str) -> None:
    """Add the log-probabilities of all that can be said next: (rows, house words + forms x words)."""
    own = product(graph, linear(graph, x, model.out, "out"), ("words.int8", "words.steps"), "own.product")
    own = graph.add("Add", [own, graph.constant("own.bias", array(model.bias))], "own_scores")
    asked = linear(graph, x, model.queries, "asked")
    forms = model.queries.out_features // WIDTH
    asked = graph.add("Reshape", [asked, graph.constant("forms", [0, forms, WIDTH])], "asked_forms")
    turned = graph.add("Transpose", ["keys"], "turned_keys", perm=[0, 2, 1])
    found = graph.add("MatMul", [asked, turned], "found")
    found = graph.add("Mul", [found, graph.constant("sharp", np.float32(WIDTH**-0.5))], "found_scaled")
    found = graph.add(
        "Add",
        [found, graph.add("Unsqueeze", ["word_bias", graph.constant("axis1", [1])], "word_bias3")],
        "found_real",
    )
    found = graph.add("Reshape", [found, graph.constant("flat", [0, -1])], "found_flat")
    own = graph.add("Reshape", [own, "flat"], "own_flat")
    graph.add("LogSoftmax", [graph.add("Concat", [own, found], "all_scores", axis=1)], "said", axis=-1)


def step_graph(model: Writer) -> onnx.ModelProto:
    """Return one step of the decoder.

    Inputs: `fed` int64 (rows, 1); `past` float32 (rows, steps so far, 768 x layers); `cross` (rows, pieces,
    768 x layers); `piece_bias` (rows, pieces) and `word_bias` (rows, words), 0 or -1e4 for padding; `copied`
    and `keys` (rows, words, 384). Outputs: `said` (rows, choices) and `now` (rows, 1, 768 x layers), to be
    added to the past.
    """
    graph = Graph()
    bias = graph.add("Unsqueeze", ["piece_bias", graph.constant("axes12", [1, 2])], "bias4")
    x, kept = fed_word(graph, model), []
    for number, layer in enumerate(model.layers):
        x = decoder_layer(graph, layer, x, number, bias, kept)
    choices(graph, model, x)
    graph.add("Concat", kept, "now", axis=2)
    packed = 2 * WIDTH * len(model.layers)
    shapes = {
        "fed": ["rows", 1],
        "past": ["rows", "steps", packed],
        "cross": ["rows", "pieces", packed],
        "piece_bias": ["rows", "pieces"],
        "word_bias": ["rows", "words"],
        "copied": ["rows", "words", WIDTH],
        "keys": ["rows", "words", WIDTH],
    }
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.INT64 if n == "fed" else TensorProto.FLOAT, s)
        for n, s in shapes.items()
    ]
    outputs = [
        helper.make_tensor_value_info("said", TensorProto.FLOAT, ["rows", "choices"]),
        helper.make_tensor_value_info("now", TensorProto.FLOAT, ["rows", 1, packed]),
    ]
    body = helper.make_graph(graph.nodes, "step", inputs, outputs, list(graph.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(body, opset_imports=opsets, producer_name="tinymem", ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    return made


def packed_cross(model: Writer) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the weight (768 x layers, 384) and bias that make all layers' keys and values of the pieces."""
    parts = [getattr(layer.cross, which) for layer in model.layers for which in ("key", "value")]
    return np.concatenate([array(p.weight) for p in parts]), np.concatenate([array(p.bias) for p in parts])
