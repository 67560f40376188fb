"""Graphs whose large int8 weights stay in their file: mapped when they are needed, instead of copied.

Given a path, onnxruntime reads all of a file into memory. Half of MiniLM's is the table of word pieces, of
which a program ever needs a few hundred rows; the other half is packed anew, and its first copy is only in
the way. So onnxruntime is given the graph alone, and told where in the file each weight begins (ONNX's
"external data"): 13 MB less for each bundled model, and the numbers are the same.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from tinymem.engines.onnx_bytes import Field, field, fields

LARGE = 1 << 16  # bytes; what is smaller is sooner copied than mapped
BYTES = (2, 3)  # uint8 and int8: any place in a file will do for them, other numbers need a multiple
MODEL_GRAPH, GRAPH_INITIALIZER = 7, 5  # numbers of fields in onnx.proto
TENSOR_TYPE, TENSOR_RAW, TENSOR_EXTERNAL, TENSOR_LOCATION = 2, 9, 13, 14
OUTSIDE = 1


def graph_without_weights(path: Path) -> bytes | None:
    """Return a model whose large int8 weights stay in the file at `path`, beside which it must be loaded.

    None where the file has none.

    Raises:
        OSError, ValueError, LookupError: the file cannot be read, or is no ONNX model.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model:
        parts = list(fields(model, 0, len(model)))
        outside = {
            part.start: tensor
            for graph in parts
            if graph.number == MODEL_GRAPH
            for part in fields(model, graph.content, graph.end)
            if part.number == GRAPH_INITIALIZER and (tensor := outside_tensor(model, part, path.name))
        }
        if not outside:
            return None
        return b"".join(
            field(MODEL_GRAPH, b"".join(graph_parts(model, part, outside)))
            if part.number == MODEL_GRAPH
            else model[part.start : part.end]
            for part in parts
        )


def graph_parts(model: mmap.mmap, graph: Field, outside: Mapping[int, bytes]) -> Iterator[bytes]:
    """Yield the fields of a graph, with other tensors in place of those that begin at the given bytes."""
    for part in fields(model, graph.content, graph.end):
        if part.start in outside:
            yield field(GRAPH_INITIALIZER, outside[part.start])
        else:
            yield model[part.start : part.end]


def outside_tensor(model: mmap.mmap, tensor: Field, file_name: str) -> bytes | None:
    """Return a tensor that says where in the file its numbers are; None where they had better be in it."""
    if tensor.end - tensor.content < LARGE:
        return None
    parts = {part.number: part for part in fields(model, tensor.content, tensor.end)}
    raw = parts.get(TENSOR_RAW)
    if raw is None or raw.end - raw.content < LARGE or parts[TENSOR_TYPE].value not in BYTES:
        return None
    place = {"location": file_name, "offset": str(raw.content), "length": str(raw.end - raw.content)}
    entries = [field(TENSOR_EXTERNAL, field(1, key) + field(2, value)) for key, value in place.items()]
    about = model[tensor.content : raw.start] + model[raw.end : tensor.end]
    return about + b"".join(entries) + field(TENSOR_LOCATION, OUTSIDE)
