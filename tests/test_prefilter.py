"""The encoders spare a language model work: what it is not asked, and what it always is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from tinymem import ConfigError, Decision, Extraction, Fact, Memory, Message, Record
from tinymem.config import build_extractor, build_reconciler
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxModel
from tinymem.testing import HashEmbedder, ScriptedLlm
from tinymem.types import Role, Scope
from tinymem.understand.judge import Judge
from tinymem.understand.prefilter import NarrowedReconciler, SpottedExtractor, is_plain_english
from tinymem.understand.spot import Spotter

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


def record(text: str) -> Record:
    return Record(f"id of {text}", text, Scope(user_id="ana"), NOW, NOW)


class Asked:
    """An extractor and reconciler that notes what it is asked and finds nothing."""

    def __init__(self) -> None:
        self.conversations: list[Sequence[Message]] = []
        self.shown: list[tuple[str, list[str]]] = []

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        self.conversations.append(messages)
        return Extraction()

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        self.shown += [
            (fact.text, [record.text for record in near])
            for fact, near in zip(facts, candidates, strict=True)
        ]
        return [Decision("ADD", fact) for fact in facts]


@pytest.fixture(scope="module")
def spotter() -> Spotter:
    return Spotter(OnnxModel(model_folder("memory") / "spotter"))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(OnnxModel(model_folder("memory") / "judge"))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("thanks, that is perfect!", False),
        ("what's the capital of Australia?", False),
        ("I'm allergic to the nuts in that cake", True),
        ("please forget my address", True),
        ("soy alérgico a los cacahuetes", True),
        ("vivo en Madrid con mi hermana", True),
        ("ich wohne in Wien", True),
    ],
)
def test_a_model_is_asked_only_where_there_may_be_something(spotter: Spotter, text: str, asked: bool) -> None:
    inner = Asked()
    SpottedExtractor(inner, spotter).extract([Message("user", text)], ("user",), TODAY)
    assert bool(inner.conversations) is asked


def test_one_message_with_something_in_it_brings_the_whole_conversation(spotter: Spotter) -> None:
    talk = [Message("user", "thanks, that helps!"), Message("user", "I work as a nurse in the city of Leeds")]
    inner = Asked()
    SpottedExtractor(inner, spotter).extract(talk, ("user",), TODAY)
    assert inner.conversations == [talk]


def test_other_speakers_do_not_count(spotter: Spotter) -> None:
    talk = [Message("assistant", "I am Alma, your assistant."), Message("user", "what's the time there?")]
    inner = Asked()
    SpottedExtractor(inner, spotter).extract(talk, ("user",), TODAY)
    assert inner.conversations == []


def fact(text: str) -> Fact:
    return Fact(text, "user", 0)


def test_only_memories_that_may_be_concerned_are_shown(judge: Judge) -> None:
    inner = Asked()
    near = [record(text) for text in ("Lives in the city of Rome", "Is allergic to the pollen of birches")]
    decisions = NarrowedReconciler(inner, judge).reconcile([fact("Moved to the city of Oslo")], [near])
    assert inner.shown == [("Moved to the city of Oslo", ["Lives in the city of Rome"])]
    assert [decision.event for decision in decisions] == ["ADD"]


def test_a_fact_that_concerns_nothing_is_added_without_a_call(judge: Judge) -> None:
    inner = Asked()
    near = [record("Is allergic to the pollen of birches")]
    new = [fact("Works as a nurse"), fact("Plays the cello")]
    decisions = NarrowedReconciler(inner, judge).reconcile(new, [near, []])
    assert inner.shown == []
    assert sorted(decision.fact.text for decision in decisions) == ["Plays the cello", "Works as a nurse"]


def test_a_fact_told_twice_is_left_to_the_model(judge: Judge) -> None:
    inner = Asked()
    NarrowedReconciler(inner, judge).reconcile([fact("Plays the cello"), fact("Plays the cello")], [[], []])
    assert inner.shown == [("Plays the cello", [])]


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("I like the sea", True),
        ("me gusta la playa", False),
        ("ich mag das Meer", False),
        ("j'aime la mer", False),
        ("私は海が好きです", False),
        ("The café is nice", False),
        ("", False),
    ],
)
def test_what_is_surely_english(text: str, english: bool) -> None:
    assert is_plain_english(text) is english


def test_both_encoders_can_be_switched_off() -> None:
    llm = ScriptedLlm([])
    assert isinstance(build_extractor(llm, None, 1), SpottedExtractor)
    assert not isinstance(build_extractor(llm, None, 1, prefilter=False), SpottedExtractor)
    assert isinstance(build_reconciler(llm, 1), NarrowedReconciler)
    assert not isinstance(build_reconciler(llm, 1, prefilter=False), NarrowedReconciler)


def test_instructions_of_the_callers_are_always_followed() -> None:
    built = build_extractor(ScriptedLlm([]), "Note every greeting.", 1)
    assert not isinstance(built, SpottedExtractor)


def test_small_talk_costs_no_call(tmp_path: Path) -> None:
    llm = ScriptedLlm([])
    with Memory(tmp_path / "m.db", llm=llm, embedder=HashEmbedder()) as memory:
        assert memory.add("thanks, that is perfect!", user_id="ana")["results"] == []
    assert llm.prompts == []


def test_the_setting_is_checked(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="prefilter"):
        Memory(tmp_path / "m.db", prefilter="no")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="prefilter"):
        Memory.from_config({"path": str(tmp_path / "m.db"), "prefilter": "no"})
