"""Who takes some memories out of a file takes no words of others along; what fits comes together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portable_parts import fresh
from tinymem import Memory
from tinymem.store.selection import fit_together, only
from tinymem.testing import HashEmbedder
from tinymem.types import Extraction, Fact, Span

SAID = "I live in Lisbon. I am ill."
ANSWER = "My name is Botty."


class Sentences:
    """Every sentence is a fact, which an assistant's draws on the message before."""

    identity = "Sentences"

    def extract(self, messages: Sequence[Any], about: Sequence[str], today: Any) -> Extraction:
        facts = []
        for place, message in enumerate(messages):
            start = 0
            for sentence in message.content.split(". ") if message.role in about else ():
                spans = [Span(place, start, start + len(sentence))]
                spans += [Span(place - 1, 0, len(messages[place - 1].content))] if place else []
                facts.append(Fact(sentence.strip("."), message.role, place, tuple(spans)))
                start += len(sentence) + 2
        return Extraction(tuple(facts))


@pytest.fixture
def memory(memory_factory: Callable[..., Memory]) -> Memory:
    """Two people's memories from one call."""
    memory = memory_factory(extractor=Sentences())
    said = [{"role": "user", "content": SAID}, {"role": "assistant", "content": ANSWER}]
    memory.add(said, user_id="ana", agent_id="bot")
    return memory


def told(memory: Memory) -> dict[int, str]:
    """Return the contents of all messages that a file holds, by index."""
    keys = [item["id"] for item in memory.get_all()["results"]]
    return {
        message["index"]: message["content"]
        for key in keys
        for change in memory.why(key)["changes"]
        for message in change["messages"]
    }


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        ({"agent_id": "bot"}, {1: ANSWER}),
        ({"user_id": "ana"}, {0: "I live in Lisbon  I am ill."}),
        ({"filters": {"keywords": "Lisbon"}}, {0: f"I live in Lisbon{' ' * 11}"}),
    ],
)
def test_a_selection_takes_only_its_own_words_along(
    memory: Memory, tmp_path: Path, selection: dict[str, Any], wanted: dict[int, str]
) -> None:
    memory.snapshot(tmp_path / "part.db", **selection)
    memory.export(tmp_path / "part.jsonl", **selection)
    with Memory(tmp_path / "part.db", embedder=HashEmbedder()) as part:
        assert told(part) == wanted
        for item in part.get_all()["results"]:
            (change,) = part.why(item["id"])["changes"]
            assert change["evidence"][0]["text"].strip(".") == item["memory"]
    other = fresh(embedder=HashEmbedder())
    other.import_(tmp_path / "part.jsonl")
    assert told(other) == wanted
    kept = (tmp_path / "part.jsonl").read_text() + str((tmp_path / "part.db").read_bytes())
    assert ("I am ill" in kept) == ("I am ill" in str(wanted))


def test_everything_is_everything(memory: Memory, tmp_path: Path) -> None:
    memory.export(tmp_path / "all.jsonl")
    other = fresh(embedder=HashEmbedder())
    other.import_(tmp_path / "all.jsonl")
    assert told(other) == {0: SAID, 1: ANSWER}


def test_parts_of_one_call_come_together(memory: Memory, tmp_path: Path) -> None:
    memory.export(tmp_path / "ana.jsonl", user_id="ana")
    memory.export(tmp_path / "bot.jsonl", agent_id="bot")
    other = fresh(embedder=HashEmbedder())
    other.import_(tmp_path / "ana.jsonl")
    other.import_(tmp_path / "bot.jsonl")
    assert {item["memory"] for item in other.get_all()["results"]} == {
        "I live in Lisbon",
        "I am ill",
        "My name is Botty",
    }


@given(st.text(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_what_is_left_of_a_text_stands_where_it_stood(text: str, spans: list[tuple[int, int]]) -> None:
    left = only(text, spans)
    assert len(left) == len(text)
    for place, (before, after) in enumerate(zip(text, left, strict=True)):
        assert after == (before if any(start <= place < end for start, end in spans) else " ")


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ("I live in Rome. I am ill.", "I live in Rome.          ", True),
        ("                I am ill.", "I live in Rome.          ", True),
        ("I live in Rome.", "I live in Bonn.", False),
        ("I live in Rome.", "I live in Rome", False),
    ],
)
def test_blanks_fit_any_words_of_their_length(one: str, other: str, fits: bool) -> None:
    row = lambda text, role="user": (0, role, None, text, None)  # noqa: E731
    assert fit_together([row(one)], [row(other)]) is fits
    assert fit_together([row(other)], [row(one)]) is fits
    assert not fit_together([row(one)], [row(one, "assistant")])
    assert fit_together([], [row(one)])
