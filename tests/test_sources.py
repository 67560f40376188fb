"""A fact is found by the words of the message that it came from, as long as the file keeps that message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.fakes import SameBeginning
from tinymem import Memory
from tinymem.store.context import WIDEST
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids
from tinymem.types import Extraction, Fact, Message, Role, Span

SAID = "Since I was six, wjuqvopxkrimwa if you ask my neighbours. The violin!"


class AfterTheLastStop:
    """Takes the last sentence of every message of the user as a fact about the user, worded in one form."""

    def __init__(self, form: str = "Plays {}") -> None:
        self.form = form

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        facts = []
        for index, message in enumerate(messages):
            start = message.content.rfind(". ") + 2
            if message.role == "user" and start > 1:
                span = Span(index, start, len(message.content))
                text = self.form.format(message.content[start:-1].lower())
                facts.append(Fact(text, "user", index, (span,)))
        return Extraction(tuple(facts))


Make = Callable[..., Memory]


@pytest.fixture
def make(memory_factory: Make) -> Make:
    def drawing(name: str = "memory.db", **options: Any) -> Memory:
        return memory_factory(name, extractor=AfterTheLastStop(), clock=FrozenClock(), **options)

    return drawing


def found(memory: Memory, word: str) -> list[str]:
    """Return the texts that a word finds, best first."""
    rows = memory._store.keyword_matches(word, EVERYTHING, 100)
    records = memory._store.get_many([rowid for rowid, _ in rows])
    return [records[rowid].text for rowid, _ in rows]


def tell(memory: Memory, said: str = SAID, before: str | None = None, **options: Any) -> dict[str, Any]:
    """Infer the facts of a message, perhaps after one of the assistant; return what `add` does."""
    messages = [] if before is None else [{"role": "assistant", "content": before}]
    added: dict[str, Any] = memory.add(
        [*messages, {"role": "user", "content": said}], user_id="ana", **options
    )
    return added


def test_a_fact_is_found_by_what_its_message_said_but_best_by_itself(make: Make) -> None:
    memory = make()
    tell(memory)
    assert found(memory, "violin") == found(memory, "neighbours") == ["Plays the violin"]
    memory.add("Has noisy neighbours", user_id="ana", infer=False)
    assert found(memory, "neighbours") == ["Has noisy neighbours", "Plays the violin"]


def test_an_answer_is_found_by_the_question(make: Make) -> None:
    memory = make()
    tell(memory, before="Which instrument do you play?")
    results = memory.search("instrument", user_id="ana", explain=True)["results"]
    assert [item["memory"] for item in results] == ["Plays the violin"]
    assert results[0]["score_details"]["keyword_score"] > 0


def test_what_the_system_said_is_not_around_a_fact(make: Make) -> None:
    memory = make()
    said = [{"role": "system", "content": "Always be kind"}, {"role": "user", "content": SAID}]
    memory.add(said, user_id="ana")
    assert found(memory, "kind") == []
    assert found(memory, "neighbours") == ["Plays the violin"]


def test_messages_that_are_not_kept_are_not_indexed(make: Make) -> None:
    memory = make(keep_messages=False)
    tell(memory)
    assert found(memory, "violin") == ["Plays the violin"]
    assert found(memory, "neighbours") == []


def test_of_a_long_message_the_words_beside_the_statement_are_indexed(make: Make) -> None:
    memory = make()
    tell(memory, f"Tea. {'x ' * WIDEST} Near it. The violin!")
    assert found(memory, "near") == ["Plays the violin"]
    assert found(memory, "tea") == []


def test_the_words_go_with_a_text_that_is_not_theirs_and_come_back_with_it(make: Make) -> None:
    memory = make()
    (item,) = tell(memory)["results"]
    changed = memory.update(item["id"], "Plays the trumpet")
    assert found(memory, "neighbours") == []
    memory.undo(changed["commit_id"])
    assert found(memory, "neighbours") == ["Plays the violin"]
    memory.update(item["id"], {"level": 3})
    assert found(memory, "neighbours") == ["Plays the violin"]
    deleted = memory.delete(item["id"])
    assert found(memory, "neighbours") == []
    memory.undo(deleted["commit_id"])
    assert found(memory, "neighbours") == ["Plays the violin"]


def test_a_fact_that_was_told_otherwise_is_found_by_the_later_message(make: Make) -> None:
    memory = make()
    tell(memory)
    tell(memory, "I sold it to a friend. The trumpet!")
    assert found(memory, "friend") == ["Plays the trumpet"]
    assert found(memory, "neighbours") == []


def test_no_byte_of_an_erased_message_stays_with_other_facts(make: Make, tmp_path: Path) -> None:
    """Erasing a memory erases the messages of its call, and so their words around others from there."""
    memory = make(reconciler=SameBeginning())
    other = memory.add([{"role": "user", "content": "We talk. Chess!"}], user_id="bo")["results"]
    said = [{"role": "user", "content": text} for text in (SAID, "And on Sundays. The lute!")]
    first, second = memory.add(said, user_id="ana")["results"]
    assert sorted(found(memory, "neighbours")) == ["Plays the lute", "Plays the violin"]
    memory.compact()
    assert b"qvopxk" in (tmp_path / "memory.db").read_bytes()
    memory.erase(first["id"])
    assert memory.get(second["id"]) is not None
    assert found(memory, "neighbours") == []
    assert found(memory, "talk") == [other[0]["memory"]]
    memory.close()
    assert b"qvopxk" not in (tmp_path / "memory.db").read_bytes()


def test_an_export_takes_the_words_along_if_it_takes_the_messages(make: Make, tmp_path: Path) -> None:
    source, target, bare = make("source.db"), make("target.db"), make("bare.db", keep_messages=False)
    tell(source, before="Which instrument do you play?")
    source.export(tmp_path / "all.jsonl")
    for memory in (target, bare):
        memory.import_(tmp_path / "all.jsonl")
    assert found(target, "instrument") == found(target, "neighbours") == ["Plays the violin"]
    assert found(bare, "violin") == ["Plays the violin"]
    assert found(bare, "neighbours") == []


def forget_sources(memory: Memory) -> None:
    """Leave the index as an older release does: without anything around facts."""
    with memory._store._writing() as connection:
        connection.execute("DELETE FROM memory_fts WHERE rowid = 1")
        connection.execute("INSERT INTO memory_fts(rowid, text) VALUES (1, 'plays the violin')")
        connection.execute("UPDATE identity SET value = value || 'x' WHERE key = 'generation'")
    memory._store._held = type(memory._store._held)()


def test_a_file_of_an_older_release_is_sound_and_repair_adds_the_sources(make: Make) -> None:
    memory = make()
    tell(memory)
    forget_sources(memory)
    assert found(memory, "neighbours") == []
    assert memory.check() == []
    assert memory.repair() == ["facts whose source was not in the keyword index: 1"]
    assert found(memory, "neighbours") == ["Plays the violin"]
    assert memory.repair() == []


def test_a_fact_of_an_older_release_gets_its_source_when_it_is_written(make: Make) -> None:
    memory = make()
    (item,) = tell(memory)["results"]
    forget_sources(memory)
    memory.update(item["id"], {"level": 3})
    assert found(memory, "neighbours") == ["Plays the violin"]


def test_words_around_a_fact_that_its_source_does_not_say_are_a_problem(make: Make) -> None:
    memory = make()
    tell(memory)
    with memory._store._writing() as connection:
        connection.execute("DELETE FROM memory_fts WHERE rowid = 1")
        connection.execute(
            "INSERT INTO memory_fts(rowid, text, context) VALUES (1, 'plays the violin', 'tea')"
        )
    assert len(memory.check()) == 2
    memory.repair()
    assert found(memory, "tea") == []
    assert found(memory, "neighbours") == ["Plays the violin"]


class Inferring(RuleBasedStateMachine):
    """Infers, changes, takes back, erases and moves facts; after every step the index has to be right."""

    words = st.sampled_from(["tea", "cat", "boat", "lemon"])

    @initialize()
    def open(self) -> None:
        self.new_id = counting_ids()
        self.memory = self.opened()

    def opened(self) -> Memory:
        fakes: Any = {"extractor": AfterTheLastStop("{} it is"), "reconciler": SameBeginning()}
        return Memory(":memory:", embedder=HashEmbedder(8), clock=FrozenClock(), new_id=self.new_id, **fakes)

    def ids(self) -> list[str]:
        return [item["id"] for item in self.memory.get_all()["results"]]

    @rule(
        told=st.lists(st.tuples(words, words), min_size=1, max_size=3, unique_by=lambda pair: pair[1]),
        user=st.sampled_from(["ana", "bo"]),
    )
    def tell(self, told: list[tuple[str, str]], user: str) -> None:
        messages = [{"role": "user", "content": f"The {one}. {other}!"} for one, other in told]
        self.memory.add(messages, user_id=user)

    @rule(place=st.integers(0, 5), word=words)
    def change(self, place: int, word: str) -> None:
        for key in self.ids()[place : place + 1]:
            self.memory.update(key, f"{word} it is")

    @rule(place=st.integers(0, 5), erases=st.booleans())
    def remove(self, place: int, erases: bool) -> None:
        for key in self.ids()[place : place + 1]:
            (self.memory.erase if erases else self.memory.delete)(key)

    @rule(place=st.integers(0, 5))
    def undo(self, place: int) -> None:
        log = [one["commit_id"] for one in self.memory.log(limit=6)["results"] if one["changes"]]
        for commit_id in log[place : place + 1]:
            if not any(one["call"] == "erase" for one in self.memory.log()["results"]):
                self.memory.undo(commit_id, with_later=True)

    @invariant()
    def the_index_is_what_the_file_says(self) -> None:
        assert self.memory.check() == []
        assert self.memory.repair() == []
        texts = {item["id"]: item["memory"] for item in self.memory.get_all()["results"]}
        for word in ("tea", "cat", "boat", "lemon"):
            known = sorted(text for key, text in texts.items() if word in text + self.source(key, text))
            assert sorted(found(self.memory, word)) == known

    def source(self, key: str, text: str) -> str:
        """Return the message that a fact came from and the one before it, by what `why` says."""
        changes = self.memory.why(key)["changes"]
        citing = [each for each in changes if each["evidence"] and each["memory"] == text]
        place = citing[-1]["evidence"][0]["message"] if citing else 0
        messages = citing[-1]["messages"] if citing else []
        return " ".join(each["content"] for each in messages if each["index"] in (place - 1, place))

    def teardown(self) -> None:
        self.memory.close()


Inferring.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestInferring = Inferring.TestCase
