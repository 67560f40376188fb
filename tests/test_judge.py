"""The bundled judge, as it ships: what a new fact does to stored memories."""

from __future__ import annotations

import numpy as np
import pytest

from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxModel
from tinymem.errors import ConfigError
from tinymem.understand.judge import RELATIONS, Judge, softmax


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(OnnxModel(model_folder("memory/judge")))


@pytest.mark.parametrize(
    ("memory", "fact", "relation"),
    [
        ("Lives in Oslo", "Moved from Oslo to Bergen in May", "update"),
        ("Works as a baker in Ghent", "Is a baker in Ghent", "same"),
        ("Has a gym membership", "Cancelled the gym membership", "delete"),
        ("Has a cat named Miso", "Is allergic to walnuts", "unrelated"),
        ("Sister Ada lives in Leeds", "Brother Tom lives in York", "unrelated"),
    ],
)
def test_plain_cases_are_judged_as_a_person_would(
    judge: Judge, memory: str, fact: str, relation: str
) -> None:
    assert judge.judge([memory], fact)[0].relation == relation


def test_of_many_memories_only_the_contradicted_one_is_replaced(judge: Judge) -> None:
    memories = [
        "Is vegetarian",
        "Drives a red Skoda",
        "Lives in Porto",
        "Daughter Rita plays the violin",
        "Has an appointment at the dentist on Tuesday",
        "Prefers window seats",
        "Likes hiking in the Alps",
        "Is learning Danish",
    ]
    verdicts = judge.judge(memories, "Moved to Coimbra last week, no longer in Porto")
    replaced = [m for m, v in zip(memories, verdicts, strict=True) if v.relation in ("update", "delete")]
    assert replaced == ["Lives in Porto"]


def test_a_fact_told_again_word_for_word_is_the_same(judge: Judge) -> None:
    facts = ["Is allergic to peanuts", "Plans to visit Tokyo next month", "Wife Ngozi turns 34 on Saturday"]
    assert [judge.judge([fact], fact)[0].relation for fact in facts] == ["same"] * 3


def test_confidence_is_that_of_the_likeliest_relation(judge: Judge) -> None:
    for verdict in judge.judge(["Lives in Oslo", "Has two sons", "x", ""], "Moved to Bergen"):
        assert 1 / len(RELATIONS) <= verdict.confidence <= 1
        assert 0 <= verdict.replaced <= 1
        if verdict.relation in ("update", "delete"):
            assert verdict.replaced >= verdict.confidence


def test_reading_pairs_together_or_alone_gives_the_same_verdicts(judge: Judge) -> None:
    pairs = [
        ("Lives in Oslo", "Moved to Bergen"),
        ("Has a dog " * 20, "Has a cat"),
        ("Likes tea", "Likes tea"),
    ]
    together = judge.judge_many(pairs)
    alone = [judge.judge_many([pair])[0] for pair in pairs]
    assert [v.relation for v in together] == [v.relation for v in alone]
    np.testing.assert_allclose([v.confidence for v in together], [v.confidence for v in alone], atol=0.05)


def test_no_memories_no_verdicts(judge: Judge) -> None:
    assert judge.judge([], "Moved to Bergen") == []


def test_thresholds_say_when_a_verdict_may_be_acted_on(judge: Judge) -> None:
    assert {"same", "update", "delete"} <= judge.thresholds.keys()
    assert all(0.5 < least < 1 for least in judge.thresholds.values())


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'spotter'"):
        Judge(OnnxModel(model_folder("memory/spotter")))


def test_softmax_survives_large_logits() -> None:
    rows = softmax(np.array([[1000.0, 0.0, -1000.0, 999.0], [0.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    np.testing.assert_allclose(rows[1], 0.25)
