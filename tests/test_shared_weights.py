"""Models that share weights: the same numbers in two thirds of the bytes, and what is missing is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from scripts.train.shared_weights import ORDER, share
from tinymem import ModelFileError
from tinymem.engines.catalog import file_sha256, models_folder, verify
from tinymem.engines.onnx import OnnxModel
from tinymem.engines.onnx_session import load_graph
from tinymem.engines.onnx_weights import LARGE

ROOT = Path(__file__).resolve().parent.parent
MOST = 70e6  # bytes
SHARING = ORDER[1:]

Change = Callable[[Path], object]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, byte for byte."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled models, each with all of its weights inside."""
    models = tmp_path_factory.mktemp("apart") / "models"
    shutil.copytree(models_folder(), models)
    share(models, apart=True)
    return models


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The spotter, and the embedder that it shares weights with."""
    for name in ("minilm", "memory/spotter"):
        shutil.copytree(models_folder() / name, tmp_path / name)
    return tmp_path / "memory" / "spotter"


# -- the models that ship


def test_they_are_small_together() -> None:
    assert sum(map(len, contents(models_folder()).values())) < MOST


def test_they_are_shared_already_and_sharing_again_changes_nothing(tmp_path: Path) -> None:
    models = Path(shutil.copytree(models_folder(), tmp_path / "models"))
    command = [sys.executable, "-m", "scripts.train.shared_weights", "--models", str(models)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1, "files were written"
    assert contents(models) == contents(models_folder())


def test_taken_apart_and_shared_again_they_are_the_same_to_the_last_byte(apart: Path, tmp_path: Path) -> None:
    models = Path(shutil.copytree(apart, tmp_path / "models"))
    changed = {str(path.relative_to(models)) for path in share(models)}
    files = ("model.onnx", "tokenizer.json", "manifest.json")
    assert changed == {f"{name}/{each}" for name in SHARING for each in files}
    assert contents(models) == contents(models_folder())


def test_the_embedder_shares_with_others_and_none_with_it(apart: Path) -> None:
    assert contents(apart / "minilm") == contents(models_folder() / "minilm")


@pytest.mark.parametrize("name", ORDER)
def test_apart_a_model_needs_no_other_and_computes_the_same_to_the_last_bit(apart: Path, name: str) -> None:
    verify(apart / name)
    assert not any(each.startswith("..") for each in OnnxModel(apart / name).manifest["files"])
    tokens = np.arange(1000, 1060).reshape(3, 20)
    feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": tokens % 2}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = apart / name / "model.onnx"
    plain = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    session = OnnxModel(models_folder() / name, threads=1).session
    wanted = {each: feed[each] for each in session.inputs}
    for found, expected in zip(session.runner.run(None, wanted), plain.run(None, wanted), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ORDER)
def test_apart_and_shared_models_read_texts_alike(apart: Path, name: str) -> None:
    texts = ["I live in Łódź with Zoë", "", "my sister is a nurse " * 40]
    one, other = (
        OnnxModel(models / name, threads=1).encode(texts, texts) for models in (apart, models_folder())
    )
    for found, expected in zip(one, other, strict=True):
        assert found.offsets == expected.offsets
        assert found.outputs.keys() == expected.outputs.keys()
        for key, values in found.outputs.items():
            np.testing.assert_array_equal(values, expected.outputs[key])


@pytest.mark.parametrize("name", SHARING)
def test_links_to_files_elsewhere_are_followed(tmp_path: Path, name: str) -> None:
    """Some installers link every file to a store of theirs; onnxruntime follows no link out of a folder."""
    for each in ORDER:
        (tmp_path / "models" / each).mkdir(parents=True)
        store = tmp_path / f"store of {each.replace('/', ' ')}"
        shutil.copytree(models_folder() / each, store)
        for path in store.iterdir():
            (tmp_path / "models" / each / path.name).symlink_to(path)
    one, other = (OnnxModel(models / name) for models in (tmp_path / "models", models_folder()))
    (found,), (expected,) = (model.encode(["tea"], ["I like tea"]) for model in (one, other))
    for key, values in expected.outputs.items():
        np.testing.assert_array_equal(found.outputs[key], values)


# -- what is broken


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def set_manifest(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in {**manifest, **changes}.items() if value is not ...}
    (folder / "manifest.json").write_text(json.dumps(kept), encoding="utf-8")


def shared_file(folder: Path, name: str = "model.onnx") -> Path:
    return folder.parents[1] / "minilm" / name


TOKENIZER_SHA256 = file_sha256(models_folder() / "minilm" / "tokenizer.json")
BESIDE = "must stay beside each other"
BROKEN: dict[str, tuple[Change, str]] = {
    "no folder": (lambda own: shutil.rmtree(shared_file(own).parent), BESIDE),
    "no graph": (lambda own: shared_file(own).unlink(), rf"minilm/model\.onnx is missing.*{BESIDE}"),
    "no tokenizer": (lambda own: shared_file(own, "tokenizer.json").unlink(), rf"tokenizer\.json.*{BESIDE}"),
    "one wrong bit": (lambda own: flip_a_byte(shared_file(own)), r"minilm/model\.onnx is not the file"),
    "another graph": (
        lambda own: shutil.copyfile(own / "model.onnx", shared_file(own)),
        r"minilm/model\.onnx is not the file that was published.*install the model again",
    ),
    "half a graph": (
        lambda own: shared_file(own).write_bytes(b"half"),
        r"minilm/model\.onnx is not the file",
    ),
    "another tokenizer": (
        lambda own: flip_a_byte(shared_file(own, "tokenizer.json")),
        r"minilm/tokenizer\.json is not the file",
    ),
    "another one listed": (
        lambda own: set_manifest(own, files={"../../memory/judge/model.onnx": "0"}),
        BESIDE,
    ),
    "none listed": (
        lambda own: set_manifest(own, files={"../../minilm/tokenizer.json": TOKENIZER_SHA256}),
        r"weights lie in minilm/model\.onnx, which the manifest does not list",
    ),
    "no files listed": (lambda own: set_manifest(own, files=...), "lists no files"),
    "a folder that is no text": (
        lambda own: set_manifest(own, weights_folder=2),
        "weights_folder that is no text",
    ),
    "no folder named": (
        lambda own: set_manifest(own, weights_folder=...),
        r"spotter/model\.onnx cannot be loaded",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_model_without_what_it_shares_is_an_error_that_names_it(copy: Path, case: str) -> None:
    change, said = BROKEN[case]
    change(copy)
    with pytest.raises(ModelFileError, match=said) as caught:
        OnnxModel(copy).encode(["x"], ["y"])
    assert str(copy) in str(caught.value)


def test_what_was_shared_when_the_model_was_loaded_is_compared_when_it_is_loaded_again(copy: Path) -> None:
    assert OnnxModel(copy).encode(["x"], ["y"])
    flip_a_byte(shared_file(copy))
    with pytest.raises(ModelFileError, match="is not the file that was published"):
        OnnxModel(copy).encode(["x"], ["y"])


@pytest.mark.parametrize("name", ["minilm/model.onnx", "memory/judge/model.onnx"])
def test_nothing_is_shared_out_of_a_file_that_is_not_the_one(apart: Path, tmp_path: Path, name: str) -> None:
    models = Path(shutil.copytree(apart, tmp_path / "models"))
    flip_a_byte(models / name)
    before = contents(models)
    with pytest.raises(ModelFileError, match="is not the file that was published"):
        share(models)
    assert contents(models) == before


# -- weights of any kind, in any place


def sharing_graph(folder: Path, table: np.ndarray, place: str) -> Path:
    """Write a graph that looks up rows of a table, which lies at byte 3 of another file."""
    tensor = numpy_helper.from_array(table, "b")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "3"), ("length", str(table.nbytes))):
        tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["b", "at"], ["rows"])],
        "look up",
        [helper.make_tensor_value_info("at", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("rows", tensor.data_type, None)],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    for name in ("own", "others"):
        (folder / name).mkdir()
    (folder / "own" / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "others" / "weights").write_bytes(b"abc" + table.tobytes() + b"d")
    return folder / "own" / "model.onnx"


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32, np.int64])
def test_any_numbers_can_be_shared_from_any_byte_on(tmp_path: Path, dtype: type) -> None:
    table: np.ndarray = np.random.default_rng(0).integers(0, 100, (LARGE // 64, 64)).astype(dtype)
    path = sharing_graph(tmp_path, table, "others/weights")
    runner = load_graph(path, 1, {"others/weights": tmp_path / "others" / "weights"})
    (rows,) = runner.run(None, {"at": np.array([3, 0, 99])})
    np.testing.assert_array_equal(rows, table[[3, 0, 99]])


@pytest.mark.parametrize("place", ["others/weights", "others/../others/weights", "/etc/hostname"])
def test_no_weights_are_taken_from_a_file_whose_digest_is_not_listed(tmp_path: Path, place: str) -> None:
    path = sharing_graph(tmp_path, np.zeros((LARGE, 1), np.float32), place)
    with pytest.raises(ModelFileError, match=rf"weights lie in {place}, which the manifest does not list"):
        load_graph(path, 1, {"others/other": tmp_path / "others" / "weights"})
