"""The exporter: its graph against BERT written out in numpy, its int8 against its float32, its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.export_minilm import export, load_weights
from scripts.train.bert_onnx import Head, bert_graph, quantise
from scripts.varied_sentences import varied_sentences
from tests import bert_builder as tiny
from tinymem import OnnxEmbedder
from tinymem.engines.catalog import verify
from tinymem.engines.onnx_session import load_graph

ROOT = Path(__file__).resolve().parent.parent
ROWS = [[2, 5, 8, 9, 3], [2, 6, 8, 3], [2, 7, 12, 13, 15, 16, 17, 18, 3]]


def padded(rows: list[list[int]]) -> np.ndarray:
    width = max(map(len, rows))
    return np.array([row + [0] * (width - len(row)) for row in rows])


def run(
    graph, folder: Path, rows: list[list[int]], kinds: list[list[int]] | None = None
) -> dict[str, np.ndarray]:
    path = folder / "graph.onnx"
    path.write_bytes(graph.SerializeToString())
    session = load_graph(path, threads=1)
    ids = padded(rows)
    feed = {"input_ids": ids, "attention_mask": padded([[1] * len(row) for row in rows])}
    if kinds is not None:
        feed["token_type_ids"] = padded(kinds)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def test_every_head_computes_what_bert_and_its_definition_say(tmp_path: Path) -> None:
    weights, chance = tiny.random_weights(), np.random.default_rng(1)
    matrix, bias = chance.normal(size=(3, 32)), chance.normal(size=3)
    heads = [Head("embedding", "vector"), Head("hidden", "hidden")]
    heads += [Head(kind, kind, matrix, bias) for kind in ("cls_linear", "token_linear", "mean_linear")]
    kinds = [[0, 0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1, 1]]
    found = run(bert_graph(weights, tiny.CONFIG, heads, token_types=True), tmp_path, ROWS, kinds)
    for place, ids in enumerate(ROWS):
        hidden = tiny.reference_hidden(weights, ids, kinds[place])
        mean = hidden.mean(axis=0)
        expected = {
            "vector": mean / np.linalg.norm(mean),
            "hidden": hidden,
            "cls_linear": hidden[0] @ matrix.T + bias,
            "token_linear": hidden @ matrix.T + bias,
            "mean_linear": mean @ matrix.T + bias,
        }
        for name, wanted in expected.items():
            one = found[name][place]
            np.testing.assert_allclose(one[: len(ids)] if one.ndim == 2 else one, wanted, atol=2e-5)


def test_without_token_types_every_token_is_of_the_first_text(tmp_path: Path) -> None:
    weights = {f"bert.{name}": array for name, array in tiny.random_weights().items()}
    found = run(bert_graph(weights, tiny.CONFIG, [Head("hidden", "hidden")]), tmp_path, ROWS)
    wanted = tiny.reference_hidden(tiny.random_weights(), ROWS[0])
    np.testing.assert_allclose(found["hidden"][0, : len(ROWS[0])], wanted, atol=2e-5)


@pytest.mark.parametrize("paired", [False, True])
def test_int8_is_near_float32_and_does_not_depend_on_the_batch(tmp_path: Path, paired: bool) -> None:
    weights = tiny.random_weights()
    weights["encoder.layer.0.output.dense.weight"][:, 7] *= 60  # one channel out of all proportion
    full = bert_graph(weights, tiny.CONFIG, token_types=paired, max_tokens=tiny.LONGEST)
    small = quantise(full, cls=2, sep=3)
    kinds = [[0] * len(row) for row in ROWS] if paired else None
    wanted, found = (run(graph, tmp_path, ROWS, kinds)["sentence_embedding"] for graph in (full, small))
    assert (wanted * found).sum(axis=1).min() > 0.99
    assert any(constant.name.endswith(".apart") for constant in small.graph.initializer)
    alone = run(small, tmp_path, ROWS[1:2], kinds and kinds[1:2])["sentence_embedding"][0]
    np.testing.assert_allclose(alone, found[1], atol=1e-5)


def test_layers_can_be_kept_in_float32() -> None:
    head = Head("cls_linear", "logits", np.ones((2, 32)), np.zeros(2))
    graph = bert_graph(tiny.random_weights(), tiny.CONFIG, [head])
    kept = {
        node.op_type: node
        for node in quantise(graph, keep=["logits"], cls=2, sep=3).graph.node
        if "logits" in node.output
    }
    assert list(kept) == ["Add"]
    changed = [node.op_type for node in quantise(graph, cls=2, sep=3).graph.node if "logits" in node.output]
    assert changed == ["MatMulIntegerToFloat"]


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"model_type": "roberta"}, "'roberta'"),
        ({"position_embedding_type": "relative_key"}, "'relative_key'"),
        ({"hidden_act": "swish"}, "'swish'"),
        ({"num_hidden_layers": 3}, "encoder.layer.2"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(change: dict[str, object], culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        bert_graph(tiny.random_weights(), {**tiny.CONFIG, **change})


def test_a_linear_head_needs_its_weights() -> None:
    with pytest.raises(ValueError, match="'logits'"):
        bert_graph(tiny.random_weights(), tiny.CONFIG, [Head("cls_linear", "logits")])


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_an_exported_folder_gives_the_vectors_of_its_source(tmp_path: Path, pooling: str) -> None:
    weights = tiny.random_weights()
    source = tiny.write_source(tmp_path / "source", weights, pooling)
    (source / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (source / "LICENSE").write_text("Do as you please.", encoding="utf-8")
    export(source, tmp_path / "out", "tiny", None, "nobody", least=0.9, torch=False)
    verify(tmp_path / "out")
    embedder = OnnxEmbedder(tmp_path / "out")
    assert embedder.identity["name"] == "tiny"
    assert embedder.identity["pooling"] == pooling
    hidden = tiny.reference_hidden(weights, [2, 5, 8, 10, 3])
    wanted = {"mean": hidden.mean(axis=0), "cls": hidden[0], "max": hidden.max(axis=0)}[pooling]
    (found,) = embedder.embed(["I like tea"])
    assert found @ (wanted / np.linalg.norm(wanted)) > 0.97
    assert (tmp_path / "out" / "LICENSE").read_text(encoding="utf-8") == "Do as you please."
    assert "| licence | mit |" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_an_export_that_is_too_far_off_writes_nothing(tmp_path: Path) -> None:
    source = tiny.write_source(tmp_path / "source", tiny.random_weights())
    with pytest.raises(SystemExit, match="not written: the least cosine is"):
        export(source, tmp_path / "out", None, None, "nobody", least=1.1, torch=False)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_an_export_never_replaces_what_is_no_model(tmp_path: Path) -> None:
    source = tiny.write_source(tmp_path / "source", tiny.random_weights())
    precious = tmp_path / "home" / "letter.txt"
    precious.parent.mkdir()
    precious.write_text("Dear Ana", encoding="utf-8")
    with pytest.raises(SystemExit, match="no model"):
        export(source, precious.parent, None, None, "nobody", least=0.9, torch=False)
    assert precious.read_text(encoding="utf-8") == "Dear Ana"


def test_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    weights = tiny.random_weights()
    tiny.write_safetensors(tmp_path / "x.safetensors", weights)
    found = load_weights(tmp_path / "x.safetensors")
    assert found.keys() == weights.keys()
    assert all((found[name] == weights[name]).all() for name in weights)


def test_the_command_explains_itself() -> None:
    command = [sys.executable, "-m", "scripts.export_minilm", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--source" in done.stdout


def test_the_sentences_are_varied_and_always_the_same() -> None:
    texts = varied_sentences(500)
    assert len(set(texts)) == 500
    assert texts == varied_sentences(500)
    assert min(map(len, texts)) <= 3
    assert max(map(len, texts)) > 600
    assert any("上" in text for text in texts)


def test_the_shipped_model_says_where_it_comes_from_and_is_near_its_original() -> None:
    folder = ROOT / "models" / "minilm"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["source"]["weights_sha256"].startswith("53aa5117")  # what was published in 2021
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert manifest["source"]["weights_sha256"] in card
    assert "cosine at least 0.99" in card
