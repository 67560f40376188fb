"""The only place that loads onnxruntime and tokenizers, and where what they raise becomes ours.

Must never import onnxruntime before ORT_DISABLE_TELEMETRY is set: on import it would write a device id
and a database below the home folder, and look up a host some seconds later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from tinymem.engines.catalog import compare_files, known_sha256
from tinymem.engines.cores import usable_cores
from tinymem.engines.int8_check import int8_products_are_exact
from tinymem.engines.manifest import shared_files
from tinymem.engines.onnx_weights import common_folder, graph_without_weights
from tinymem.engines.tokens import TextCutter, Tokens, Vocabulary, padded
from tinymem.errors import EmbeddingError, EngineError, ModelFileError
from tinymem.freed import give_back_freed

MOST_THREADS = 4
"""More threads than this mostly wait for each other on matrices of this size."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
USUAL_OUTPUTS = ("sentence_embedding", "last_hidden_state", "token_embeddings")

_VOCABULARIES: WeakValueDictionary[str, Vocabulary] = WeakValueDictionary()

BESIDE = "session.model_external_initializers_file_folder_path"

Array = NDArray[Any]


def default_threads() -> int:
    """Return how many threads one call uses: the cores this process may use, at most MOST_THREADS."""
    return min(MOST_THREADS, usable_cores())


@contextmanager
def mapped_errors(ours: type[EngineError], message: str) -> Iterator[None]:
    """Turn whatever the block raises into one of our errors; errors of ours pass."""
    try:
        yield
    except (EngineError, MemoryError):
        raise
    except Exception as problem:  # both libraries raise bare Exceptions
        reason = str(problem).strip().partition("\n")[0]
        raise ours(f"{message} ({reason})") from problem


def import_runtime() -> Any:
    """Return the onnxruntime module, imported without its telemetry."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


@dataclass(frozen=True)
class Session:
    """A loaded graph with its tokenizer: what it takes, what it gives, and what of that is per token."""

    name: str
    runner: Any
    cutter: TextCutter
    inputs: Mapping[str, type[Any]]
    outputs: Sequence[str]
    per_token: frozenset[str]

    def run(self, rows: Sequence[Tokens]) -> tuple[dict[str, Array], NDArray[np.int64]]:
        """Return the outputs by name, batch axis first, and the mask, int64 (rows, longest).

        Raises:
            EmbeddingError: the graph failed, or its numbers are not finite.
        """
        feed = padded(rows, self.cutter.padding)
        mask = feed["attention_mask"]
        wanted = {name: feed[name].astype(dtype, copy=False) for name, dtype in self.inputs.items()}
        with mapped_errors(EmbeddingError, f"{self.name} failed on a batch of {mask.shape} tokens"):
            arrays = self.runner.run(list(self.outputs), wanted)
        if not all(np.isfinite(array).all() for array in arrays):
            raise EmbeddingError(
                f"{self.name} computed numbers that are not finite: its file is damaged, or unfit for this"
            )
        return dict(zip(self.outputs, arrays, strict=True)), mask


def load_session(folder: Path, manifest: Mapping[str, Any], threads: int) -> Session:
    """Load a model folder's graph and tokenizer; the digests its manifest lists are compared meanwhile.

    Raises:
        ModelFileError: a file is damaged, of another kind, or not the one the manifest means.
    """
    listed = manifest.get("files", {})
    needed = [manifest["model"], manifest["tokenizer"], *shared_files(manifest, folder)]
    used = {name: listed[name] for name in needed if name in listed}
    with ThreadPoolExecutor(2) as pool:  # hashing, parsing and loading all let go of the GIL
        compared = pool.submit(compare_files, folder, used, known_sha256)
        parsed = pool.submit(shared_vocabulary, folder / manifest["tokenizer"])
        try:
            runner = load_graph(folder / manifest["model"], threads, shared_weights(folder, manifest))
            vocabulary = parsed.result()
        finally:
            compared.result()  # a wrong digest explains a failed load best
    inputs, outputs, per_token = signature(runner, manifest, folder)
    most = manifest["max_tokens"]
    cutter = TextCutter(vocabulary, most, manifest.get("max_first_tokens", most // 2))
    return Session(folder.name, runner, cutter, inputs, outputs, per_token)


def shared_weights(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files of other models that a model takes weights from, by its graph's names for them."""
    above = manifest.get("weights_folder")
    names = shared_files(manifest, folder)
    return {name.removeprefix(f"{above}/"): (folder / name).resolve() for name in names}


def load_graph(path: Path, threads: int, shared: Mapping[str, Path] | None = None) -> Any:
    """Return an onnxruntime session on the CPU."""
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # only what is fatal: every error is raised as well
    # Waiting threads that spin halve the speed as soon as anything else wants the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not int8_products_are_exact():
        options.add_session_config_entry("session.x64quantprecision", "1")
    with mapped_errors(
        ModelFileError, f"{path} cannot be loaded: it is damaged, or no model for onnxruntime"
    ):
        graph = graph_without_weights(path.resolve(), shared)
        if graph:
            options.add_session_config_entry(BESIDE, str(common_folder(path.resolve(), shared or {})))
        session = runtime.InferenceSession(graph or str(path), options, providers=["CPUExecutionProvider"])
    give_back_freed()
    return session


def shared_vocabulary(path: Path) -> Vocabulary:
    """Return the tokenizer in a file, one object for all files that hold the same: it takes 6 MB."""
    digest = known_sha256(path)
    vocabulary = _VOCABULARIES.get(digest)
    if vocabulary is None:
        vocabulary = _VOCABULARIES[digest] = Vocabulary(load_tokenizer(path))
    return vocabulary


def load_tokenizer(path: Path) -> Any:
    """Return a tokenizer as its file sets it up."""
    from tokenizers import Tokenizer

    with mapped_errors(ModelFileError, f"{path} cannot be read as a tokenizer: export or fetch it again"):
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))


def signature(
    runner: Any, manifest: Mapping[str, Any], folder: Path
) -> tuple[dict[str, type[Any]], list[str], frozenset[str]]:
    """Return the graph's inputs with their types, the outputs that are wanted, and those given per token."""
    inputs = {one.name: INTEGERS.get(one.type) for one in runner.get_inputs()}
    strange = [name for name, dtype in inputs.items() if name not in INPUTS or dtype is None]
    if strange or "input_ids" not in inputs:
        raise ModelFileError(
            f"the graph in {folder} takes {', '.join(inputs)}; only integers called {', '.join(INPUTS)} "
            "can be given: export it as a text encoder"
        )
    given = {one.name: one.shape for one in runner.get_outputs()}
    usual = [name for name in USUAL_OUTPUTS if name in given] or list(given)
    outputs = list(manifest.get("outputs") or usual[:1])
    missing = [name for name in outputs if name not in given]
    if missing:
        raise ModelFileError(
            f"the graph in {folder} gives {', '.join(given)}, not {missing[0]!r}: export it again"
        )
    axis = next(one.shape[1] for one in runner.get_inputs() if one.name == "input_ids")
    per_token = frozenset(name for name in outputs if len(given[name]) == 3 or axis in given[name][1:2])
    return {name: dtype for name, dtype in inputs.items() if dtype}, outputs, per_token
