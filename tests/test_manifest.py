"""What a folder says of its model: sentence-transformers' files are followed faithfully, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import bert_builder as tiny
from tests.bert_builder import TEA, WEIGHTS, source, unit
from tinymem import ModelFileError, OnnxEmbedder


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_a_sentence_transformers_folder_is_pooled_as_it_says(tmp_path: Path, pooling: str) -> None:
    embedder = OnnxEmbedder(source(tmp_path / "model", pooling), batch_size=2)
    hidden = tiny.reference_hidden(WEIGHTS, TEA)
    wanted = {"mean": hidden.mean(axis=0), "cls": hidden[0], "max": hidden.max(axis=0)}[pooling]
    found = embedder.embed(["I like tea", "ana likes cake and tea and peanuts in lisbon", "you"])
    np.testing.assert_allclose(found[0], unit(wanted), atol=1e-5)
    assert embedder.identity["pooling"] == pooling
    assert embedder.identity["dimension"] == 32
    assert len(embedder.identity["sha256"]) == 64


def test_a_graph_that_pools_itself_is_taken_at_its_word(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(source(tmp_path / "model", "cls", kind="embedding"))
    wanted = tiny.reference_hidden(WEIGHTS, TEA).mean(axis=0)
    np.testing.assert_allclose(embedder.embed(["I like tea"])[0], unit(wanted), atol=1e-5)


def test_the_new_form_of_the_pooling_config_is_read(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    tiny.write_json(folder / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": "cls"})
    assert OnnxEmbedder(folder).identity["pooling"] == "cls"


def test_a_folder_that_says_little_is_pooled_by_the_mean(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    shutil.rmtree(folder / "1_Pooling")
    (folder / "modules.json").unlink()
    (folder / "sentence_bert_config.json").unlink()
    (folder / "onnx" / "model.onnx").rename(folder / "model.onnx")
    identity = OnnxEmbedder(folder).identity
    assert (identity["pooling"], identity["dimension"], identity["max_tokens"]) == ("mean", 32, 24)


@pytest.mark.parametrize(
    ("config", "document", "query"),
    [
        ({"prompts": {"query": "you ", "document": "my "}}, "my ", "you "),
        ({"prompts": {"query": "you ", "passage": "my "}}, "my ", "you "),
        ({"prompts": {"all": "my "}, "default_prompt_name": "all"}, "my ", "my "),
        ({"prompts": {}, "default_prompt_name": None}, "", ""),
    ],
)
def test_prompts_are_put_before_texts(tmp_path: Path, config: Any, document: str, query: str) -> None:
    folder = source(tmp_path / "model")
    plain = OnnxEmbedder(folder)
    tiny.write_json(folder / "config_sentence_transformers.json", config)
    embedder = OnnxEmbedder(folder)
    assert embedder.identity["prefixes"] == {"document": document, "query": query}
    for kind, prefix in (("document", document), ("query", query)):
        found = embedder.embed(["tea"], kind=kind)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, plain.embed([prefix + "tea"]), atol=1e-6)


def test_texts_are_lowered_where_the_config_asks(tmp_path: Path) -> None:
    folders = [
        source(tmp_path / name, do_lower_case=lower) for name, lower in (("as_is", False), ("low", True))
    ]
    for folder in folders:
        cased = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        cased["normalizer"]["lowercase"] = False
        tiny.write_json(folder / "tokenizer.json", cased)
    as_is, low = (OnnxEmbedder(folder).embed(["TEA", "tea"]) for folder in folders)
    assert as_is[0] @ as_is[1] < 0.999
    assert low[0] @ low[1] > 0.99999


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}, "'weightedmean'"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
            "mean_tokens",
        ),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "'Dense'"),
        ("modules.json", {"type": "x"}, "JSON list"),
        ("config.json", [], "JSON dict"),
        ("sentence_bert_config.json", {"max_seq_length": "many"}, "max_tokens is 'many'"),
    ],
)
def test_what_cannot_be_computed_faithfully_is_refused(
    tmp_path: Path, file: str, content: Any, said: str
) -> None:
    folder = source(tmp_path / "model")
    tiny.write_json(folder / file, content)
    with pytest.raises(ModelFileError, match=said):
        OnnxEmbedder(folder)


def test_prompts_that_are_left_out_of_the_pooling_are_refused(tmp_path: Path) -> None:
    folder = source(tmp_path / "model")
    tiny.write_json(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean", "include_prompt": False})
    tiny.write_json(folder / "config_sentence_transformers.json", {"prompts": {"query": "you "}})
    with pytest.raises(ModelFileError, match="prompts"):
        OnnxEmbedder(folder)
