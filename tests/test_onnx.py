"""The embedder: what its vectors mean, every odd text, what is no text, many threads at once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bert_builder import source, spotter
from tinymem import ConfigError, EmbeddingError, OnnxEmbedder, ValidationError
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxModel


@pytest.fixture(scope="module")
def minilm() -> OnnxEmbedder:
    return OnnxEmbedder(model_folder("minilm"))


def test_minilm_knows_what_is_alike(minilm: OnnxEmbedder) -> None:
    stored = minilm.embed(
        ["Ana is allergic to peanuts.", "Ana lives in Lisbon.", "The meeting is on Monday."]
    )
    found = minilm.embed(["which food can't she eat?", "what city is home to her?"], kind="query")
    assert (found @ stored.T).argmax(axis=1).tolist() == [0, 1]


def test_vectors_are_float32_of_unit_length_in_the_order_of_the_texts(minilm: OnnxEmbedder) -> None:
    texts = [f"{'very ' * (n % 40)}good number {n}" for n in range(75)]
    vectors = minilm.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((75, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for place in (0, 37, 39, 74):
        (alone,) = minilm.embed([texts[place]])
        assert alone @ vectors[place] > 0.9999  # the same whatever else is in the batch


def test_no_texts_give_no_vectors_and_load_nothing(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    (folder / "onnx" / "model.onnx").write_bytes(b"never read")
    assert OnnxEmbedder(folder).embed([]).shape == (0, 32)


def test_the_identity_fixes_the_vector_space(minilm: OnnxEmbedder) -> None:
    identity = minilm.identity
    manifest = json.loads((model_folder("minilm") / "manifest.json").read_text(encoding="utf-8"))
    assert identity["name"] == "all-MiniLM-L6-v2"
    assert identity["sha256"] == manifest["files"]["model.onnx"]
    assert (identity["dimension"], identity["pooling"], identity["max_tokens"]) == (384, "mean", 256)
    assert identity["prefixes"] == {"document": "", "query": ""}
    assert identity["normalised"] is True
    assert json.loads(json.dumps(identity)) == identity


ODD_TEXTS = [
    "",
    " \t\n",
    "\x00\x01\x7f",
    "\ud800",
    "a\udfffb \ud83d\ude00",
    "🎉" * 300,
    "x" * 100_000,
    "word " * 100_000,
    " " * 50_000 + "end",
    "[CLS] [SEP] [PAD] [MASK]",
    "\u202e\ufeff\u0301",
    "漢字かな交じり文",
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: ascii(text[:12]))
def test_any_text_has_a_vector(minilm: OnnxEmbedder, text: str) -> None:
    (vector,) = minilm.embed([text])
    assert abs(np.linalg.norm(vector) - 1) < 1e-5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_texts_have_finite_vectors(texts: list[str]) -> None:
    vectors = SHARED.embed(texts)
    assert vectors.shape == (len(texts), 384)
    assert np.isfinite(vectors).all()


SHARED = OnnxEmbedder(model_folder("minilm"), threads=1)


def test_a_text_that_is_too_long_loses_its_end(minilm: OnnxEmbedder) -> None:
    start = "tea and cake " * 90  # 270 tokens
    one, other, shorter = minilm.embed([start + "in Lisbon", start + "or else", "tea and cake " * 80])
    assert one @ other > 0.99999
    assert one @ shorter < 0.99999


def test_what_lies_beyond_a_long_gap_is_still_read(minilm: OnnxEmbedder) -> None:
    gap, plain = minilm.embed([" " * 50_000 + "I like tea.", "I like tea."])
    assert gap @ plain > 0.99999


def test_special_tokens_in_a_text_are_only_characters(tmp_path: Path) -> None:
    model = OnnxModel(spotter(tmp_path / "spotter"))
    (tokens,) = model.tokenise(["i"], ["like [SEP] tea"])
    assert tokens.ids.count(3) == 2


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("one text", r"write \[text\]"),
        (["fine", None], "text 1 is NoneType"),
        ([b"bytes"], "text 0 is bytes"),
        ([3], "text 0 is int"),
    ],
)
def test_what_is_no_text_is_refused(minilm: OnnxEmbedder, texts: Any, said: str) -> None:
    with pytest.raises(EmbeddingError, match=said):
        minilm.embed(texts)


def test_an_unknown_kind_is_refused(minilm: OnnxEmbedder) -> None:
    with pytest.raises(ValidationError, match="'passage'"):
        minilm.embed(["x"], kind="passage")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
@pytest.mark.parametrize("name", ["threads", "batch_size"])
def test_threads_and_batch_size_are_whole_numbers_above_0(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        OnnxEmbedder(model_folder("minilm"), **{name: wrong})


def test_threads_that_come_at_once_load_once_and_get_the_same(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(source(tmp_path / "model"))
    together = threading.Barrier(8)
    sessions = []

    def embed(turn: int) -> np.ndarray:
        together.wait()
        vectors = [embedder.embed(["I like tea", "tea " * (turn % 5), "my name is ana"]) for _ in range(20)]
        sessions.append(embedder._model.session)
        return np.stack(vectors)[:, [0, 2]]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embed, range(8)))
    assert len(set(map(id, sessions))) == 1
    for vectors in found:
        np.testing.assert_allclose(vectors, np.broadcast_to(found[0][0], vectors.shape), atol=1e-6)
