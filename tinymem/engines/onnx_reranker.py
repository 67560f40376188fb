"""A cross-encoder in ONNX: it reads a query and a text together and says how well the one answers the other.

Any of them will do, as sentence-transformers or optimum export it: whoever has one on disk passes its path.
The length is bounded, because attention takes the square of it and memories are short.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.engines.manifest import MANIFEST, read_if_there, read_manifest
from tinymem.engines.onnx import OnnxModel
from tinymem.errors import ModelFileError
from tinymem.types import Vector

MOST_TOKENS = 512
"""Tokens of query and text together, at most."""

GRAPHS = ("model.onnx", "onnx/model.onnx")
TOKENIZER = "tokenizer.json"


class OnnxReranker:
    """Scores pairs of query and text with a cross-encoder (a `Reranker`); loaded when first used.

    Args:
        path: a folder with model.onnx (or onnx/model.onnx) and tokenizer.json, or the path of such a graph. A
            manifest.json of kind "reranker" is read if there is one: `max_tokens`, and perhaps `outputs`.
        threads: CPU threads for one call; None is the number of cores, at most 4.

    Raises:
        ModelFileError: a file is missing or of another kind; damage inside the files shows on first use.
        ConfigError: `threads` is no whole number above 0.

    Example:
        >>> reranker = OnnxReranker("/models/ms-marco-MiniLM-L6-v2")  # doctest: +SKIP
        >>> reranker.rerank("what can she not eat?", ["Is allergic to peanuts"]).shape  # doctest: +SKIP
        (1,)
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        folder, manifest = read_reranker(Path(path).expanduser())
        self._model = OnnxModel(folder, threads=threads, manifest=manifest)

    def rerank(self, query: str, texts: Sequence[str]) -> Vector:
        """Return float32 (len(texts),), 0..1: how well each text answers the query, in their order.

        Together they have at most 512 tokens; what is too long is cut from the text's end, and from the
        beginning of a query that is longer than three quarters of that.

        Raises:
            EmbeddingError: a text is not a str, or the model's numbers are not finite.
            ModelFileError: the model cannot be loaded, or is no cross-encoder.
        """
        tokens = self._model.tokenise([query] * len(texts), texts)
        scores = np.empty(len(tokens), dtype=np.float32)
        for rows, outputs, _ in self._model.run(tokens):
            (logits,) = outputs.values()
            scores[rows] = probabilities(logits, len(rows), self._model.folder)
        return scores


def probabilities(logits: NDArray[Any], count: int, folder: Path) -> NDArray[np.float64]:
    """Return the sigmoid of one logit for each pair, or of the last of two against the first: their softmax.

    Raises:
        ModelFileError: the array has another shape.
    """
    if logits.shape not in ((count,), (count, 1), (count, 2)):
        raise ModelFileError(
            f"the graph in {folder} gives an array of shape {logits.shape} for {count} pairs of texts, not "
            f"one or two numbers for each: pass a cross-encoder, or name its output in {MANIFEST}"
        )
    columns = logits.astype(np.float64).reshape(count, -1)
    margin = columns[:, -1] - (columns[:, 0] if columns.shape[1] == 2 else 0.0)
    chances: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -margin))
    return chances


def read_reranker(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a cross-encoder, given as such or as the path of its graph, and its manifest.

    Raises:
        ModelFileError: there is no graph or tokenizer, or the manifest says that it is something else.
    """
    if path.is_dir() and (path / MANIFEST).exists():
        manifest = read_manifest(path)
        if manifest["kind"] != "reranker":
            raise ModelFileError(f"{path} holds a {manifest['kind']!r} model: pass a cross-encoder's folder")
        return path, {"max_first_tokens": longest_query(manifest["max_tokens"]), **manifest}
    graph = (
        path if path.is_file() else next((path / name for name in GRAPHS if (path / name).is_file()), None)
    )
    if graph is None:
        raise ModelFileError(
            f"{path} is no cross-encoder: pass a folder with model.onnx and {TOKENIZER}, or a graph's path"
        )
    folder = next(
        (each for each in (graph.parent, graph.parent.parent) if (each / TOKENIZER).is_file()), None
    )
    if folder is None:
        raise ModelFileError(f"{graph.parent / TOKENIZER} is missing: export or fetch the model again")
    most = most_tokens(folder)
    manifest = {"kind": "reranker", "max_tokens": most, "max_first_tokens": longest_query(most)}
    return folder, {**manifest, "model": str(graph.relative_to(folder)), "tokenizer": TOKENIZER}


def most_tokens(folder: Path) -> int:
    """Return how many tokens a model reads, as the files beside it say, and never more than MOST_TOKENS."""
    said = (
        read_if_there(folder / "config.json").get("max_position_embeddings"),
        read_if_there(folder / "tokenizer_config.json").get("model_max_length"),
    )
    return int(min([MOST_TOKENS, *(each for each in said if isinstance(each, (int, float)) and each >= 16)]))


def longest_query(most: int) -> int:
    """Return how many tokens of a pair may be the query's."""
    return max(1, 3 * most // 4)
