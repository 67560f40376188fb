"""Loading and running a graph: whatever is broken is an error of ours that names it; home stays clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from scripts.train.bert_onnx import Head, bert_graph
from tests import bert_builder as tiny
from tests.bert_builder import WEIGHTS, source
from tinymem import EmbeddingError, ModelFileError, OnnxEmbedder
from tinymem.engines.catalog import model_folder
from tinymem.engines.int8_check import product_graph

ROOT = Path(__file__).resolve().parent.parent


def changed(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        shutil.copytree(model_folder("minilm"), folder)
        change(folder)
        return folder

    return make


def set_manifest(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest = {key: value for key, value in {**manifest, **changes}.items() if value is not ...}
    tiny.write_json(folder / "manifest.json", manifest)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


BROKEN = {
    "no folder": (lambda folder: folder / "nowhere", "does not exist"),
    "an empty folder": (lambda folder: folder.mkdir() or folder, "no model folder"),
    "no graph": (changed(lambda folder: (folder / "model.onnx").unlink()), "model.onnx is missing"),
    "no tokenizer": (
        changed(lambda folder: (folder / "tokenizer.json").unlink()),
        "tokenizer.json is missing",
    ),
    "half a graph": (changed(lambda folder: cut_in_half(folder / "model.onnx")), "sha256"),
    "one wrong bit": (changed(lambda folder: flip_a_byte(folder / "model.onnx")), "sha256"),
    "another tokenizer": (changed(lambda folder: tiny.write_json(folder / "tokenizer.json", {})), "sha256"),
    "no JSON": (changed(lambda folder: (folder / "manifest.json").write_text("{")), "is not JSON"),
    "no UTF-8": (changed(lambda folder: (folder / "manifest.json").write_bytes(b"\xff")), "is not JSON"),
    "lacks keys": (
        changed(lambda folder: set_manifest(folder, pooling=..., name=...)),
        "lacks name, pooling",
    ),
    "no length": (changed(lambda folder: set_manifest(folder, max_tokens=...)), "lacks max_tokens"),
    "a strange pooling": (changed(lambda folder: set_manifest(folder, pooling="sum")), "'sum'"),
    "a strange length": (changed(lambda folder: set_manifest(folder, max_tokens=0)), "max_tokens is 0"),
    "another dimension": (changed(lambda folder: set_manifest(folder, dimension=768)), "384 .* not 768"),
    "an unknown output": (changed(lambda folder: set_manifest(folder, outputs=["logits"])), "'logits'"),
    "another kind": (changed(lambda folder: set_manifest(folder, kind="judge")), "'judge'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_folder_is_an_error_that_names_the_culprit(tmp_path: Path, case: str) -> None:
    make, said = BROKEN[case]
    folder = make(tmp_path / "model")
    with pytest.raises(ModelFileError, match=said) as caught:
        OnnxEmbedder(folder).embed(["x"])
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"garbage", product_graph()], ids=["empty", "garbage", "another graph"]
)
def test_a_file_that_is_no_text_encoder_is_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    folder = source(tmp_path / "model")
    (folder / "onnx" / "model.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match="model"):
        OnnxEmbedder(folder).embed(["x"])


def test_a_tokenizer_that_cannot_be_read_is_an_error_with_its_cause(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"tokenizer\.json cannot be read") as caught:
        OnnxEmbedder(folder).embed(["x"])
    assert caught.value.__cause__ is not None


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    broken = {**WEIGHTS, "embeddings.LayerNorm.bias": np.full(32, np.nan, dtype=np.float32)}
    graph = bert_graph(broken, tiny.CONFIG, [Head("hidden", "last_hidden_state")], token_types=True)
    onnx.save(graph, folder / "onnx" / "model.onnx")
    with pytest.raises(EmbeddingError, match="not finite"):
        OnnxEmbedder(folder).embed(["tea"])


def test_a_vector_of_no_length_is_an_error(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    last = {
        f"encoder.layer.1.output.LayerNorm.{part}": np.zeros(32, np.float32) for part in ("weight", "bias")
    }
    graph = bert_graph(
        {**WEIGHTS, **last}, tiny.CONFIG, [Head("hidden", "last_hidden_state")], token_types=True
    )
    onnx.save(graph, folder / "onnx" / "model.onnx")
    with pytest.raises(EmbeddingError, match="length 0"):
        OnnxEmbedder(folder).embed(["tea"])


def test_a_graph_that_fails_is_an_error_with_its_cause(tmp_path: Path) -> None:
    folder = source(tmp_path / "model", max_seq_length=100)  # the graph has 24 positions
    with pytest.raises(EmbeddingError, match="failed on a batch") as caught:
        OnnxEmbedder(folder).embed(["tea " * 60])
    assert caught.value.__cause__ is not None


def test_nothing_is_written_to_the_home_folder_and_nothing_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program = (
        "from tinymem.engines.catalog import model_folder\n"
        "from tinymem.engines.onnx import OnnxEmbedder\n"
        "print(OnnxEmbedder(model_folder('minilm')).embed(['hello']).shape)\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "(1, 384)\n"
    assert done.stderr == ""
    assert list(home.rglob("*")) == []


def test_importing_the_engine_loads_no_runtime() -> None:
    program = (
        "import sys, tinymem.engines.onnx; print(sorted({'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
