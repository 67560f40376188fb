"""Cross-encoders given by path, run by onnxruntime: what they say, their files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from scripts.train.bert_onnx import Head, bert_graph
from tests.bert_builder import (
    CONFIG,
    WEIGHTS,
    reference_hidden,
    source,
    spotter,
    tiny_tokenizer,
    write_json,
)
from tests.reranker_builder import TOKEN, graph, sigmoid, tea_counter
from tinymem import ConfigError, EmbeddingError, ModelFileError
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx_reranker import MOST_TOKENS, OnnxReranker

CLS, SEP = 2, 3
CHANCE = np.random.default_rng(7)
WEIGHT, BIAS = CHANCE.normal(0, 0.5, (2, 32)).astype(np.float32), np.array([0.2, -0.1], np.float32)


def bert(folder: Path, *, columns: int = 1, token_types: bool = True) -> Path:
    """Write a random BERT cross-encoder as an exporter would: a graph, a tokenizer and a config."""
    folder.mkdir()
    head = Head("cls_linear", "logits", WEIGHT[:columns], BIAS[:columns])
    onnx.save(bert_graph(WEIGHTS, CONFIG, [head], token_types=token_types), folder / "model.onnx")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    write_json(folder / "config.json", CONFIG)
    return folder


def logits_of(query: str, text: str) -> NDArray[np.float64]:
    """Return both logits of the random BERT, in plain numpy."""
    first, second = ([TOKEN[word] for word in words.split()] for words in (query, text))
    ids = [CLS, *first, SEP, *second, SEP]
    hidden = reference_hidden(WEIGHTS, ids, [0] * (len(first) + 2) + [1] * (len(second) + 1))
    return hidden[0] @ WEIGHT.T.astype(np.float64) + BIAS


TEXTS = ["i like tea", "ana likes cake in lisbon", "you", "she and i live in porto and not in lisbon"]


@pytest.mark.parametrize("columns", [1, 2])
def test_scores_are_those_of_the_graph_whatever_is_in_the_batch(tmp_path: Path, columns: int) -> None:
    reranker = OnnxReranker(bert(tmp_path / "model", columns=columns))
    scores = reranker.rerank("you like tea", TEXTS)
    assert (scores.shape, scores.dtype) == ((4,), np.float32)
    logits = [logits_of("you like tea", text) for text in TEXTS]
    margins = [one[0] if columns == 1 else one[1] - one[0] for one in logits]  # a softmax of two is a sigmoid
    np.testing.assert_allclose(scores, [sigmoid(margin) for margin in margins], atol=1e-4)
    for text, score in zip(TEXTS, scores, strict=True):
        np.testing.assert_allclose(reranker.rerank("you like tea", [text]), [score], atol=1e-5)


def test_a_graph_without_token_types_is_fed_without(tmp_path: Path) -> None:
    scores = OnnxReranker(bert(tmp_path / "model", token_types=False)).rerank("tea", TEXTS)
    assert np.ptp(scores) > 0


def test_a_folder_a_graphs_path_and_an_exporters_folder_are_the_same(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    expected = OnnxReranker(folder).rerank("tea", TEXTS)
    np.testing.assert_array_equal(OnnxReranker(folder / "model.onnx").rerank("tea", TEXTS), expected)
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    for path in (folder, str(folder), folder / "onnx" / "model.onnx"):
        np.testing.assert_array_equal(OnnxReranker(path).rerank("tea", TEXTS), expected)


def test_a_manifest_is_read_and_may_name_the_output(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    expected = OnnxReranker(folder).rerank("tea", TEXTS)
    write_json(folder / "manifest.json", {"kind": "reranker", "max_tokens": 24, "outputs": ["logits"]})
    (folder / "config.json").unlink()
    np.testing.assert_array_equal(OnnxReranker(folder).rerank("tea", TEXTS), expected)


def test_no_texts_load_nothing(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"never read")
    assert OnnxReranker(folder).rerank("tea", []).shape == (0,)


def test_of_a_long_text_the_end_is_cut_and_the_query_stays(tmp_path: Path) -> None:
    reranker = OnnxReranker(bert(tmp_path / "model"))  # reads 24 tokens
    query, start = "you like tea", "cake in lisbon " * 6
    whole, longer, other = (
        reranker.rerank(query, [text])[0] for text in (start, start + "not porto" * 9, "ana")
    )
    assert whole == pytest.approx(longer, abs=1e-6) != other
    assert reranker.rerank("i live", [start])[0] != whole
    long_query = "tea " * 200
    assert np.isfinite(reranker.rerank(long_query, ["cake", "lisbon"])).all()
    assert np.ptp(reranker.rerank(long_query, ["cake", "lisbon"])) > 0  # a quarter is left for the text


def test_texts_may_be_anything_that_is_text(tmp_path: Path) -> None:
    reranker = OnnxReranker(bert(tmp_path / "model"))
    odd = ["", "\ud800", "[SEP] [CLS]", "漢字", "x" * 100_000, "\x00"]
    assert np.isfinite(reranker.rerank("[SEP] tea \ud800", odd)).all()
    with pytest.raises(EmbeddingError, match="text 1 is int"):
        reranker.rerank("tea", ["a", 5])  # type: ignore[list-item]


# -- what the graph may give


@pytest.mark.parametrize("keep", [0, 1])
def test_one_number_for_each_pair_in_a_row_or_a_column(tmp_path: Path, keep: int) -> None:
    reranker = OnnxReranker(tea_counter(tmp_path / "model", keep=keep))
    scores = reranker.rerank("cake", ["tea tea tea", "cake", "tea"])
    np.testing.assert_allclose(scores, [sigmoid(1), sigmoid(-2), sigmoid(-1)], rtol=1e-6)


def test_what_is_no_number_for_each_pair_is_refused(tmp_path: Path) -> None:
    def nothing() -> list[Any]:
        return [helper.make_node("Identity", ["ids"], ["scores"])]

    three = graph(tmp_path / "wide", nothing, ["n", "s"])
    with pytest.raises(ModelFileError, match=r"an array of shape \(1, 5\) for 1 pairs.*pass a cross-encoder"):
        OnnxReranker(three).rerank("tea", ["cake"])
    embedder = source(tmp_path / "embedder")
    with pytest.raises(ModelFileError, match="pass a cross-encoder"):
        OnnxReranker(embedder).rerank("tea", ["cake"])


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    def endless() -> list[Any]:
        return [
            helper.make_node("Div", ["ids", "zero"], ["infinite"]),
            helper.make_node("ReduceMax", ["infinite", "axes"], ["scores"], keepdims=0),
        ]

    folder = graph(tmp_path / "model", endless, ["n"], zero=np.float32(0), axes=np.array([1], np.int64))
    with pytest.raises(EmbeddingError, match="not finite"):
        OnnxReranker(folder).rerank("tea", ["cake"])


def test_a_graph_that_takes_something_else_is_refused(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    model = onnx.load(folder / "model.onnx")
    model.graph.input[0].name = "pixels"
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "input_ids":
                node.input[place] = "pixels"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(ModelFileError, match=r"takes pixels.*export it as a text encoder"):
        OnnxReranker(folder).rerank("tea", ["cake"])


# -- what is missing


def test_what_is_missing_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is no cross-encoder: pass a folder with model\.onnx"):
        OnnxReranker(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match="is no cross-encoder"):
        OnnxReranker(tmp_path)
    folder = bert(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    for path in (folder, folder / "model.onnx"):
        with pytest.raises(ModelFileError, match=r"tokenizer\.json is missing"):
            OnnxReranker(path)
    with pytest.raises(ModelFileError, match="holds a 'spotter' model: pass a cross-encoder's folder"):
        OnnxReranker(spotter(tmp_path / "spotter"))
    with pytest.raises(ModelFileError, match="holds a 'embedder' model"):
        OnnxReranker(model_folder("minilm"))
    with pytest.raises(ConfigError, match="threads"):
        OnnxReranker(bert(tmp_path / "other"), threads=0)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_damage_is_found_on_first_use(tmp_path: Path, name: str) -> None:
    folder = bert(tmp_path / "model")
    (folder / name).write_text("damaged", encoding="utf-8")
    reranker = OnnxReranker(folder)
    with pytest.raises(ModelFileError, match=name):
        reranker.rerank("tea", ["cake"])


@pytest.mark.parametrize(
    ("config", "tokenizer", "most"),
    [
        ({}, {}, MOST_TOKENS),
        ({"max_position_embeddings": 24}, {}, 24),
        ({"max_position_embeddings": 514}, {"model_max_length": 512}, 512),
        ({"max_position_embeddings": 8192}, {"model_max_length": 1e30}, MOST_TOKENS),
        ({"max_position_embeddings": None}, {"model_max_length": 128}, 128),
    ],
)
def test_how_many_tokens_are_read_is_found_beside_the_graph(
    tmp_path: Path, config: dict[str, Any], tokenizer: dict[str, Any], most: int
) -> None:
    folder = bert(tmp_path / "model")
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer_config.json", tokenizer)
    assert OnnxReranker(folder)._model.manifest["max_tokens"] == most
