"""Graphs whose large weights stay in their files: mapped when they are needed, instead of copied.

Given a path, onnxruntime reads all of a file into memory. Half of MiniLM's is the table of word pieces, of
which a program ever needs a few hundred rows; the other half is packed anew, and its first copy is only in
the way. So onnxruntime is given the graph alone, and told where in the file each weight begins (ONNX's
"external data"): 13 MB less for each bundled model, and the numbers are the same.

In the same way a graph may take weights from another model's file. It must never take any from a file whose
digest its manifest does not list: what is in there has been compared, and could not be read by naming it.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinymem.engines.onnx_bytes import Field, field, fields

LARGE = 1 << 16  # bytes; what is smaller is sooner copied than mapped
BYTES = (2, 3)  # uint8 and int8: any place in a file will do for them, other numbers need a multiple
MODEL_GRAPH, GRAPH_INITIALIZER = 7, 5  # numbers of fields in onnx.proto
TENSOR_TYPE, TENSOR_RAW, TENSOR_EXTERNAL, TENSOR_LOCATION = 2, 9, 13, 14
OUTSIDE = 1


def graph_without_weights(path: Path, shared: Mapping[str, Path] | None = None) -> bytes | None:
    """Return a model whose large int8 weights stay in their files: it must be loaded in `common_folder`.

    `path` and the `shared` files (by the names that the graph has for them) must be free of links. None where
    the file can as well be loaded as it is.

    Raises:
        OSError, ValueError, LookupError: the file cannot be read, is no ONNX model, or takes weights from a
            file that is not shared with it.
    """
    shared = shared or {}
    folder = common_folder(path, shared)
    own = path.relative_to(folder).as_posix()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model:
        changed = {}
        for tensor in tensors(model):
            raw = large_numbers(model, tensor)
            if raw and tensor_type(model, tensor) in BYTES:
                changed[tensor.start] = outside_tensor(model, tensor, raw, own, raw.content)
            elif shared and (place := place_of(model, tensor)):
                changed[tensor.start] = shared_tensor(model, tensor, place, shared, folder)
        return with_tensors(model, changed) if changed else None


def common_folder(path: Path, shared: Mapping[str, Path]) -> Path:
    """Return the folder of a file, or the one that it and those which it shares weights with lie below."""
    return Path(os.path.commonpath([each.parent for each in (path, *shared.values())]))


def tensors(model: Any) -> Iterator[Field]:
    """Yield the weights of a model."""
    for graph in fields(model, 0, len(model)):
        if graph.number == MODEL_GRAPH:
            inner = fields(model, graph.content, graph.end)
            yield from (part for part in inner if part.number == GRAPH_INITIALIZER)


def with_tensors(model: Any, changed: Mapping[int, bytes]) -> bytes:
    """Return a model with other tensors in place of those that begin at the given bytes."""
    return b"".join(
        field(MODEL_GRAPH, b"".join(graph_parts(model, part, changed)))
        if part.number == MODEL_GRAPH
        else model[part.start : part.end]
        for part in fields(model, 0, len(model))
    )


def graph_parts(model: Any, graph: Field, changed: Mapping[int, bytes]) -> Iterator[bytes]:
    """Yield the fields of a graph, with other tensors in place of those that begin at the given bytes."""
    for part in fields(model, graph.content, graph.end):
        if part.start in changed:
            yield field(GRAPH_INITIALIZER, changed[part.start])
        else:
            yield model[part.start : part.end]


def tensor_type(model: Any, tensor: Field) -> int | None:
    """Return the number that ONNX has for what a tensor's numbers are."""
    found = (part.value for part in fields(model, tensor.content, tensor.end) if part.number == TENSOR_TYPE)
    return next(found, None)


def large_numbers(model: Any, tensor: Field) -> Field | None:
    """Return a tensor's numbers if they are inside it, and large."""
    if tensor.end - tensor.content < LARGE:
        return None
    parts = fields(model, tensor.content, tensor.end)
    return next(
        (part for part in parts if part.number == TENSOR_RAW and part.end - part.content >= LARGE), None
    )


def place_of(model: Any, tensor: Field) -> dict[str, str]:
    """Return where the numbers of a tensor lie, by ONNX's names for that; {} where they are inside it."""
    place = {}
    if tensor.end - tensor.content < LARGE:
        for part in fields(model, tensor.content, tensor.end):
            if part.number == TENSOR_EXTERNAL:
                key, value = fields(model, part.content, part.end)
                place[model[key.content : key.end].decode()] = model[value.content : value.end].decode()
    return place


def outside_tensor(model: Any, tensor: Field, raw: Field, location: str, offset: int) -> bytes:
    """Return a tensor that says where its numbers are, instead of holding them."""
    place = {"location": location, "offset": str(offset), "length": str(raw.end - raw.content)}
    return placed_tensor(model, tensor, place)


def shared_tensor(
    model: Any, tensor: Field, place: Mapping[str, str], shared: Mapping[str, Path], folder: Path
) -> bytes:
    """Return a tensor of a shared file as it can be loaded in a folder."""
    file = shared.get(place["location"])
    if file is None:
        raise ValueError(f"weights lie in {place['location']}, which the manifest does not list")
    if tensor_type(model, tensor) not in BYTES:
        return inside_tensor(model, tensor, place, file)
    return placed_tensor(model, tensor, {**place, "location": file.relative_to(folder).as_posix()})


def placed_tensor(model: Any, tensor: Field, place: Mapping[str, str]) -> bytes:
    """Return a tensor that says by ONNX's names where its numbers are."""
    entries = [field(TENSOR_EXTERNAL, field(1, key) + field(2, value)) for key, value in place.items()]
    return b"".join((bare_tensor(model, tensor), *entries, field(TENSOR_LOCATION, OUTSIDE)))


def inside_tensor(model: Any, tensor: Field, place: Mapping[str, str], file: Path) -> bytes:
    """Return a tensor that holds the numbers that are at a place in a file."""
    with file.open("rb") as opened:
        opened.seek(int(place["offset"]))
        numbers = opened.read(int(place["length"]))
    return bare_tensor(model, tensor) + field(TENSOR_RAW, numbers)


def bare_tensor(model: Any, tensor: Field) -> bytes:
    """Return a tensor without its numbers, and without where they are."""
    parts = fields(model, tensor.content, tensor.end)
    gone = (TENSOR_RAW, TENSOR_EXTERNAL, TENSOR_LOCATION)
    return b"".join(model[part.start : part.end] for part in parts if part.number not in gone)
