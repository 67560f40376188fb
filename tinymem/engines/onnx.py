"""Encoders in ONNX: texts in, arrays out, on this machine's CPU and nowhere else.

`OnnxModel` runs any folder that holds a graph, its tokenizer and a manifest; `OnnxEmbedder` makes unit
vectors of it. The graph is loaded on first use, once, whichever thread comes first; after that threads
run side by side. Beyond rounding, a text's result must never depend on what else is in its batch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinymem.engines.catalog import file_sha256
from tinymem.engines.manifest import read_manifest
from tinymem.engines.onnx_session import Array, Session, default_threads, load_session, mapped_errors
from tinymem.engines.tokens import Offsets, Tokens, batches, readable
from tinymem.errors import ConfigError, EmbeddingError, ModelFileError, ValidationError
from tinymem.types import Vector


@dataclass(frozen=True)
class Encoded:
    """What a model says about one text or pair.

    `outputs`: arrays by name, without the batch axis and without padding. `offsets`: for each token the
    characters of the second text (of the only one, where there is one) that it stands for, else None.
    """

    outputs: Mapping[str, Array]
    offsets: Offsets


class OnnxModel:
    """A graph and its tokenizer in a folder, loaded when first used; any thread may call it.

    Args:
        folder: holds manifest.json, or what sentence-transformers writes; see `tinymem.engines.manifest`.
        threads: CPU threads for one call; None is the number of cores, at most 4.
        manifest: what is known of the folder; None reads it there.

    Raises:
        ModelFileError: the folder lacks something; damage inside the files shows on first use.
        ConfigError: `threads` is no whole number above 0.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        threads: int | None = None,
        manifest: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.manifest: Mapping[str, Any] = read_manifest(self.folder) if manifest is None else manifest
        self._threads = default_threads() if threads is None else above_zero("threads", threads)
        self._lock = threading.Lock()
        self._session: Session | None = None

    def encode(self, firsts: Sequence[str], seconds: Sequence[str] | None = None) -> list[Encoded]:
        """Return what the model says about each text, or about each pair (first, second), in order.

        A single text that is too long loses its end. In a pair the first text keeps its last
        `max_first_tokens` tokens, and the second loses its end.

        Raises:
            EmbeddingError: something is not a str, or the model's numbers are not finite.
            ModelFileError: the model cannot be loaded.
        """
        tokens = self.tokenise(firsts, seconds)
        found: dict[int, Encoded] = {}
        for rows, outputs, _ in self.run(tokens):
            for place, row in enumerate(rows):
                length = len(tokens[row].ids)
                cut = {
                    name: array[place, :length] if name in self.session.per_token else array[place]
                    for name, array in outputs.items()
                }
                found[row] = Encoded(cut, tokens[row].offsets)
        return [found[row] for row in range(len(tokens))]

    def tokenise(self, firsts: Sequence[str], seconds: Sequence[str] | None = None) -> list[Tokens]:
        """Return the tokens of each text or pair, cut to what the model can read."""
        if seconds is not None and len(firsts) != len(seconds):
            raise EmbeddingError(
                f"{len(firsts)} first texts cannot be paired with {len(seconds)} second texts"
            )
        ones = checked_texts(firsts)
        others = None if seconds is None else checked_texts(seconds)
        if not ones:
            return []
        cutter = self.session.cutter
        with mapped_errors(EmbeddingError, f"the tokenizer of {self.folder.name} failed"):
            if others is None:
                return [cutter.one(text) for text in ones]
            return [cutter.pair(first, second) for first, second in zip(ones, others, strict=True)]

    def run(
        self, tokens: Sequence[Tokens], batch_size: int = 32
    ) -> Iterator[tuple[list[int], dict[str, Array], NDArray[np.int64]]]:
        """Yield (rows, outputs, mask) for batches of similar length.

        `rows` index into `tokens`; outputs are by name with the batch axis first; the mask is int64
        (rows, longest), 1 for tokens and 0 for padding.
        """
        for rows in batches([len(one.ids) for one in tokens], batch_size):
            yield rows, *self.session.run([tokens[row] for row in rows])

    @property
    def session(self) -> Session:
        """The loaded model; whoever asks first loads it."""
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = load_session(self.folder, self.manifest, self._threads)
        return self._session


class OnnxEmbedder:
    """Unit vectors from an encoder in a folder: the bundled MiniLM, or any of your own (an `Embedder`).

    Args:
        folder: a folder that scripts/export_minilm.py wrote, or a sentence-transformers folder with
            onnx/model.onnx; pooling, prefixes, length and dimension are read from it.
        threads: CPU threads for one call; None is the number of cores, at most 4.
        batch_size: texts computed together, at most.

    Raises:
        ModelFileError: the folder is missing, incomplete, or holds no embedder.
        ConfigError: `threads` or `batch_size` is no whole number above 0.

    Example:
        >>> from tinymem.engines.catalog import model_folder
        >>> OnnxEmbedder(model_folder("minilm")).embed(["I like tea.", "Tea is what I like."]).shape
        (2, 384)
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, threads: int | None = None, batch_size: int = 32
    ) -> None:
        self._model = OnnxModel(folder, threads=threads)
        self._batch_size = above_zero("batch_size", batch_size)
        self._manifest = self._model.manifest
        if self._manifest["kind"] != "embedder":
            raise ModelFileError(
                f"{self._model.folder} holds a {self._manifest['kind']!r} model: pass an embedder's folder"
            )
        self._sha256: str | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        """What fixes the vector space, as JSON can hold it."""
        if self._sha256 is None:
            model = self._manifest["model"]
            listed = self._manifest.get("files", {}).get(model)
            self._sha256 = listed or file_sha256(self._model.folder / model)
        kept = {
            key: self._manifest[key] for key in ("name", "dimension", "pooling", "prefixes", "max_tokens")
        }
        return {**kept, "sha256": self._sha256, "normalised": True}

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        """Return float32 (len(texts), dimension), rows L2-normalised, in the order of the texts.

        Texts longer than the model can read lose their end. No texts give an array of shape (0, dimension).

        Raises:
            EmbeddingError: a text is not a str, or the model gives no usable vector.
            ModelFileError: the model cannot be loaded.
            ValidationError: `kind` is neither "document" nor "query".
        """
        if kind not in ("document", "query"):
            raise ValidationError(f"kind must be 'document' or 'query', not {kind!r}")
        prefix, dimension = self._manifest["prefixes"].get(kind, ""), self._manifest["dimension"]
        lower = self._manifest.get("lower_case", False)
        whole = [prefix + text for text in checked_texts(texts)]
        tokens = self._model.tokenise([text.lower() for text in whole] if lower else whole)
        vectors = np.empty((len(tokens), dimension), dtype=np.float32)
        for rows, outputs, mask in self._model.run(tokens, self._batch_size):
            (values,) = outputs.values()
            rows_found = pooled(values, mask, self._manifest["pooling"])
            if rows_found.shape[1] != dimension:
                raise ModelFileError(
                    f"{self._model.folder} makes {rows_found.shape[1]} numbers of a text, not {dimension}"
                )
            vectors[rows] = rows_found
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not lengths.all():
            raise EmbeddingError(f"{self._model.folder.name} made a vector of length 0: its file is unfit")
        vectors /= lengths
        return vectors


def pooled(values: Array, mask: NDArray[np.int64], pooling: str) -> Array:
    """Return (rows, dimension) of an output: as it is, if the graph has pooled, else over its real tokens."""
    if values.ndim == 2:
        return values
    if pooling == "cls":
        return values[:, 0]
    real = mask[:, :, None].astype(values.dtype)
    if pooling == "max":
        greatest: Array = np.where(real > 0, values, -np.inf).max(axis=1)
        return greatest
    mean: Array = (values * real).sum(axis=1) / real.sum(axis=1)
    return mean


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list that any tokenizer takes.

    Raises:
        EmbeddingError: `texts` is a lone str, or something in it is not a str.
    """
    if isinstance(texts, str):
        raise EmbeddingError("texts must be a list of texts, not one text: write [text]")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise EmbeddingError(f"text {place} is {type(text).__name__}, not str: {text!r:.80}")
    return [readable(text) for text in texts]


def above_zero(name: str, value: int) -> int:
    """Return the value if it is a whole number above 0."""
    if type(value) is not int or value < 1:
        raise ConfigError(f"{name} must be a whole number above 0, not {value!r}")
    return value
