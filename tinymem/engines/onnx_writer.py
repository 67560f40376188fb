"""The writer model in ONNX: a trunk that reads passages once, and a step that says the next word.

A folder holds the trunk like any encoder (`manifest.json`, `model.onnx`, `tokenizer.json`), the step
(`step.onnx`) and the house words (`words.json`). This module moves numbers; what they say is
`tinymem.understand.writer`'s to know.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.engines.catalog import compare_files
from tinymem.engines.manifest import read_json
from tinymem.engines.onnx import OnnxModel
from tinymem.engines.onnx_session import load_graph, mapped_errors
from tinymem.engines.tokens import Tokens, readable
from tinymem.errors import EmbeddingError, ModelFileError

Numbers = NDArray[Any]

FAR_AWAY = -1e4
STEP, WORDS = "step.onnx", "words.json"


@dataclass(frozen=True)
class Read:
    """One passage as the trunk read it: what the step looks at, for its pieces and for its words.

    `cross` float32 (pieces, width of all layers); `copied` and `keys` float32 (words, 384).
    """

    cross: Numbers
    copied: Numbers
    keys: Numbers


class OnnxWriter(OnnxModel):
    """Fulfils `understand.writer.WritingModel`; loaded when first used, any thread may call it.

    Args:
        folder: holds a model of kind `writer`.
        threads: CPU threads for one call; None is the number of cores, at most 4.

    Raises:
        ModelFileError: the folder lacks something; damage inside the files shows on first use.
    """

    def __init__(self, folder: str | os.PathLike[str], *, threads: int | None = None) -> None:
        super().__init__(folder, threads=threads)
        for name in (STEP, WORDS):
            if not (self.folder / name).is_file():
                raise ModelFileError(
                    f"{self.folder / name} is missing: export the model again, or fetch it again"
                )
        self._step_lock = threading.Lock()
        self._step: Any = None

    @cached_property
    def house(self) -> list[str]:
        """The words that the model can say without copying them."""
        words: list[str] = read_json(self.folder / WORDS, list)
        if len(words) < 2 or not all(isinstance(word, str) for word in words):
            raise ModelFileError(f"{self.folder / WORDS} is no list of words: export or fetch the model anew")
        return words

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids of a text's word pieces, and the characters that each stands for."""
        cutter = self.session.cutter
        with mapped_errors(EmbeddingError, f"the tokenizer of {self.folder.name} failed"):
            encoding = cutter.plain(readable(text))
        return encoding.ids, encoding.offsets

    def read(self, sources: Sequence[tuple[list[int], list[int], list[int]]]) -> list[Read]:
        """Return what the trunk makes of (ids, kinds, places of the words' first pieces), in order."""
        tokens = [Tokens(ids, kinds, [None] * len(ids)) for ids, kinds, _ in sources]
        found: dict[int, Read] = {}
        for rows, outputs, _ in self.run(tokens):
            for place, row in enumerate(rows):
                length, words = len(tokens[row].ids), sources[row][2]
                found[row] = Read(
                    outputs["cross"][place, :length],
                    outputs["copied"][place, words],
                    outputs["keys"][place, words],
                )
        return [found[row] for row in range(len(tokens))]

    def begin(self, reads: Sequence[Read]) -> dict[str, Numbers]:
        """Return the state of several passages before the first word, padded to one shape."""
        pieces, words = max(len(r.cross) for r in reads), max(1, *(len(r.keys) for r in reads))
        wide, width = reads[0].cross.shape[1], reads[0].keys.shape[1]
        state = {
            "past": np.zeros((len(reads), 0, wide), np.float32),
            "cross": np.zeros((len(reads), pieces, wide), np.float32),
            "piece_bias": np.full((len(reads), pieces), FAR_AWAY, np.float32),
            "word_bias": np.full((len(reads), words), FAR_AWAY, np.float32),
            "copied": np.zeros((len(reads), words, width), np.float32),
            "keys": np.zeros((len(reads), words, width), np.float32),
        }
        for row, read in enumerate(reads):
            seen, sayable = len(read.cross), len(read.keys)
            state["cross"][row, :seen], state["piece_bias"][row, :seen] = read.cross, 0.0
            state["copied"][row, :sayable], state["keys"][row, :sayable] = read.copied, read.keys
            state["word_bias"][row, :sayable] = 0.0
        return state

    def step(self, fed: NDArray[np.int64], state: dict[str, Numbers]) -> tuple[Numbers, dict[str, Numbers]]:
        """Return log-probabilities of the next word, and the new state.

        They are float32 (rows, house words + forms x words).

        Raises:
            EmbeddingError: the graph failed, or its numbers are not finite.
            ModelFileError: the step or the house words are damaged.
        """
        with mapped_errors(EmbeddingError, f"{self.folder.name} failed at a step"):
            said, now = self._runner().run(["said", "now"], {**state, "fed": fed[:, None]})
        if not np.isfinite(said).all():
            raise EmbeddingError(
                f"{self.folder.name} computed numbers that are not finite: its file is damaged"
            )
        return said, {**state, "past": np.concatenate([state["past"], now], axis=1)}

    def _runner(self) -> Any:
        if self._step is None:
            with self._step_lock:
                if self._step is None:
                    listed = self.manifest.get("files", {})
                    compare_files(self.folder, {n: listed[n] for n in (STEP, WORDS) if n in listed})
                    self._step = load_graph(self.folder / STEP, self._threads)
        return self._step
