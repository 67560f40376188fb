"""search(rerank=True): a real graph or an object reads what was found, and its verdict is the score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reranker_builder import sigmoid, tea_counter
from tinymem import ConfigError, EngineError, Memory, ValidationError
from tinymem.recall.rerank import RERANKED, judged
from tinymem.testing import HashEmbedder

SAID = ["i like tea", "you like cake", "tea and tea and tea", "ana likes tea and tea", "not in porto"]


@pytest.fixture
def shop(tmp_path: Path, memory_factory: Callable[..., Memory]) -> Memory:
    memory = memory_factory(reranker=tea_counter(tmp_path / "model"))
    memory.add_many(SAID, user_id="ana")
    return memory


def texts(found: dict[str, Any]) -> list[str]:
    return [item["memory"] for item in found["results"]]


def test_the_rerankers_verdict_is_the_score_and_the_order(shop: Memory) -> None:
    found = shop.search("cake in porto", user_id="ana", rerank=True, explain=True)
    assert texts(found)[:2] == ["tea and tea and tea", "ana likes tea and tea"]
    scores = [item["score"] for item in found["results"]]
    np.testing.assert_allclose(scores, [sigmoid(each) for each in (1, 0, -1, -2, -2)], rtol=1e-6)
    for item in found["results"]:
        details = item["score_details"]
        assert item["score"] == details["rerank_score"] == details["final_score"]
        assert {"semantic_score", "keyword_score"} < set(details)


def test_what_it_finds_alike_stays_in_the_order_it_had(shop: Memory) -> None:
    plain = texts(shop.search("cake in porto", user_id="ana"))
    last = [text for text in plain if "tea" not in text]
    assert texts(shop.search("cake in porto", user_id="ana", rerank=True))[-2:] == last


@pytest.mark.parametrize("rerank", [None, False])
def test_it_is_asked_only_where_it_is_wished(shop: Memory, tmp_path: Path, rerank: bool | None) -> None:
    with Memory(":memory:", embedder=HashEmbedder()) as plain:
        plain.add_many(SAID, user_id="ana")
        expected = texts(plain.search("cake in porto", user_id="ana"))
    (tmp_path / "model" / "model.onnx").write_bytes(b"never read")
    found = shop.search("cake in porto", user_id="ana", rerank=rerank, explain=True)
    assert texts(found) == expected
    assert all("rerank_score" not in item["score_details"] for item in found["results"])


def test_the_limit_cuts_and_the_threshold_applies_to_the_verdict(shop: Memory) -> None:
    every = texts(shop.search("cake", user_id="ana", rerank=True))
    assert texts(shop.search("cake", user_id="ana", rerank=True, limit=2)) == every[:2]
    assert texts(shop.search("cake", user_id="ana", rerank=True, threshold=0.4)) == every[:2]
    assert texts(shop.search("cake", user_id="ana", rerank=True, limit=0)) == []
    assert texts(shop.search("cake", user_id="nobody", rerank=True)) == []


def test_enough_are_read_that_what_is_best_can_come_up(
    tmp_path: Path, memory_factory: Callable[..., Memory]
) -> None:
    memory = memory_factory(reranker=tea_counter(tmp_path / "model"))
    memory.add_many(
        [*(f"cake in porto {'and ' * n}" for n in range(1, 20)), "tea tea tea tea"], user_id="ana"
    )
    assert texts(memory.search("cake in porto", user_id="ana", limit=1)) != ["tea tea tea tea"]
    assert texts(memory.search("cake in porto", user_id="ana", limit=1, rerank=True)) == ["tea tea tea tea"]
    assert [judged(limit) for limit in (0, 1, RERANKED, 100)] == [0, RERANKED, RERANKED, 100]


class Loud:
    """Scores a text by how long it is, and keeps what it was asked."""

    def __init__(self, scores: Any = None) -> None:
        self.scores, self.asked = scores, []

    def rerank(self, query: str, texts: list[str]) -> Any:
        self.asked.append((query, list(texts)))
        return (
            np.array([len(text) / 100 for text in texts], np.float32) if self.scores is None else self.scores
        )


def test_an_object_serves_as_well_and_hears_who_spoke(memory_factory: Callable[..., Memory]) -> None:
    reranker = Loud()
    memory = memory_factory(reranker=reranker)
    memory.add(
        [
            {"role": "user", "name": "Bo", "content": "Likes tea"},
            {"role": "user", "content": "Drinks much coffee"},
        ],
        user_id="ana",
        infer=False,
    )
    assert texts(memory.search("who likes tea?", rerank=True))[0] == "Drinks much coffee"
    ((query, read),) = reranker.asked
    assert query == "who likes tea?"
    assert sorted(read) == ["Bo: Likes tea", "Drinks much coffee"]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.array([0.5]), r"of shape \(1,\) for 2 texts"),
        (np.array([[0.5, 0.5]]), "of shape"),
        (np.array([0.5, np.nan]), "not numbers from 0 to 1"),
        (np.array([0.5, 1.5]), "not numbers from 0 to 1"),
        ([0.5, -0.1], "not numbers from 0 to 1"),
        ("no scores", "not an array of scores"),
        ([[0.5], 0.5], "not an array of scores"),
    ],
)
def test_what_are_no_scores_is_an_error(
    memory_factory: Callable[..., Memory], scores: Any, words: str
) -> None:
    memory = memory_factory(reranker=Loud(scores))
    memory.add_many(["Likes tea", "Likes cake"], user_id="ana")
    with pytest.raises(EngineError, match=words):
        memory.search("tea", rerank=True)


def test_a_list_of_scores_will_do(memory_factory: Callable[..., Memory]) -> None:
    memory = memory_factory(reranker=Loud([0.1, 0.9]))
    memory.add_many(["Likes tea", "Likes cake"], user_id="ana")
    assert [item["score"] for item in memory.search("tea", rerank=True)["results"]] == [0.9, 0.1]


def test_without_a_reranker_it_has_no_effect(memory: Memory) -> None:
    memory.add_many(SAID, user_id="ana")
    assert memory.search("tea", rerank=True) == memory.search("tea")
    with pytest.raises(ValidationError, match="rerank must be True or False"):
        memory.search("tea", rerank="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, "must have the method `rerank`"),
        (object(), "must have the method `rerank`"),
        (" ", "a model's path"),
    ],
)
def test_what_is_no_reranker_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Memory(":memory:", embedder=HashEmbedder(), reranker=given)


def test_it_is_named_in_a_config_too(tmp_path: Path) -> None:
    folder = str(tea_counter(tmp_path / "model"))
    for given in ({"reranker": folder}, {"reranker": {"provider": "onnx", "config": {"model": folder}}}):
        with Memory.from_config({"path": ":memory:", **given}) as memory:
            memory.add_many(["likes cake", "likes tea"], user_id="ana")
            assert texts(memory.search("cake", rerank=True))[0] == "likes tea"
    for provider in ("cohere", "sentence_transformer"):
        with pytest.raises(ConfigError, match=f"reranker provider '{provider}'.*offline"):
            Memory.from_config({"reranker": {"provider": provider, "config": {}}})
