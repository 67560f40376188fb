"""Large int8 weights stay in their file: the numbers are the same, and the memory is not taken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinymem.engines.catalog import model_folder, models_folder
from tinymem.engines.manifest import read_manifest
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.engines.onnx_session import load_graph, shared_weights
from tinymem.engines.onnx_weights import LARGE, graph_without_weights
from tinymem.errors import ModelFileError

BUNDLED = ("minilm", "memory/spotter", "memory/judge", "memory/writer")


def product(path: Path, table: np.ndarray, name: str = "b") -> Path:
    """Write a graph that looks up rows of a table."""
    graph = helper.make_graph(
        [helper.make_node("Gather", [name, "at"], ["rows"])],
        "look up",
        [helper.make_tensor_value_info("at", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("rows", helper.np_dtype_to_tensor_dtype(table.dtype), None)],
        [numpy_helper.from_array(table, name)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def table_of(dtype: type, rows: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 100, (rows, 64)).astype(dtype)


def looked_up(path: Path) -> np.ndarray:
    (rows,) = load_graph(path, 1).run(None, {"at": np.array([3, 0, 99])})
    return np.asarray(rows)


@pytest.mark.parametrize("name", BUNDLED)
def test_of_the_bundled_models_little_is_left_and_onnx_finds_the_rest(name: str) -> None:
    folder = model_folder(name)
    path, shared = folder / "model.onnx", shared_weights(folder, read_manifest(folder))
    left = graph_without_weights(path, shared)
    assert left is not None
    assert len(left) < 1_300_000
    whole, found = onnx.load(path, load_external_data=False), onnx.load_from_string(left)
    for model in (whole, found):
        onnx.load_external_data_for_model(model, str(models_folder() if shared else folder))
        for tensor in model.graph.initializer:
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
    assert found == whole


def test_vectors_are_the_same_to_the_last_bit() -> None:
    path = model_folder("minilm") / "model.onnx"
    tokens = np.arange(1000, 1024)[None]
    feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    copied = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(load_graph(path, 1).run(None, feed)[0], copied.run(None, feed)[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_a_large_table_of_bytes_is_left_in_the_file(tmp_path: Path, dtype: type) -> None:
    table = table_of(dtype, LARGE // 64)
    path = product(tmp_path / "model.onnx", table)
    left = graph_without_weights(path)
    assert left is not None
    assert len(left) < 1000
    np.testing.assert_array_equal(looked_up(path), table[[3, 0, 99]])


@pytest.mark.parametrize(
    "table", [table_of(np.int8, LARGE // 64 - 1), table_of(np.float32, LARGE), table_of(np.int64, LARGE)]
)
def test_what_is_small_or_no_bytes_is_loaded_as_ever(tmp_path: Path, table: np.ndarray) -> None:
    path = product(tmp_path / "model.onnx", table)
    assert graph_without_weights(path) is None
    np.testing.assert_array_equal(looked_up(path), table[[3, 0, 99]])


def test_weights_that_lie_beside_the_file_are_found_as_ever(tmp_path: Path) -> None:
    small, large = table_of(np.float32, LARGE), table_of(np.int8, LARGE)
    path = product(tmp_path / "model.onnx", large)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Gather", ["c", "at"], ["others"]))
    model.graph.output.append(helper.make_tensor_value_info("others", TensorProto.FLOAT, None))
    model.graph.initializer.append(numpy_helper.from_array(small, "c"))
    onnx.external_data_helper.set_external_data(model.graph.initializer[1], "beside.bin")
    onnx.save(model, path)
    assert (tmp_path / "beside.bin").stat().st_size == small.nbytes
    rows, others = load_graph(path, 1).run(None, {"at": np.array([5])})
    np.testing.assert_array_equal(rows, large[[5]])
    np.testing.assert_array_equal(others, small[[5]])


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "model").mkdir()
    table = table_of(np.int8, LARGE)
    product(tmp_path / "blobs" / "4f2a", table)
    (tmp_path / "model" / "model.onnx").symlink_to(Path("..") / "blobs" / "4f2a")
    np.testing.assert_array_equal(looked_up(tmp_path / "model" / "model.onnx"), table[[3, 0, 99]])


def test_from_any_working_folder_by_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model_folder("minilm"), tmp_path / "mein Modell é")
    monkeypatch.chdir(tmp_path)
    assert OnnxEmbedder("mein Modell é").embed(["tea"]).shape == (1, 384)


@pytest.mark.parametrize("cut", [1, 2, 3, 10])
def test_a_file_that_ends_too_early_is_an_error_of_ours(tmp_path: Path, cut: int) -> None:
    path = product(tmp_path / "model.onnx", table_of(np.int8, LARGE))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // cut - 1])
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        looked_up(path)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no way to know how much memory is taken")
def test_a_bundled_model_takes_less_memory_than_its_file_is_long() -> None:
    program = (
        "from pathlib import Path\n"
        "from tinymem.engines.catalog import model_folder\n"
        "from tinymem.engines.manifest import read_manifest\n"
        "from tinymem.engines.onnx_session import load_graph, shared_weights\n"
        "def anonymous():\n"
        "    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('Anonymous'))\n"
        "def loaded(folder):\n"
        "    return load_graph(folder / 'model.onnx', 1, shared_weights(folder, read_manifest(folder)))\n"
        "kept = loaded(model_folder('minilm'))\n"
        "before = anonymous()\n"
        "kept = [kept, loaded(model_folder('memory') / 'spotter')]\n"
        "print((anonymous() - before) / 1000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 18  # MB; its weights have 23.6
