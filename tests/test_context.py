"""What was said around a message finds it too: the right messages, as they stand, and nobody else's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.portable_parts import fresh
from tinymem import Memory, ValidationError
from tinymem.store.context import WIDEST
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids
from tinymem.types import Change, Record

WORDS = ["tea", "cat", "boat", "lemon", "violin", "snow"]
HOUR = 3600


def found(memory: Memory, word: str) -> list[str]:
    """Return the texts that a word finds, best first."""
    rows = memory._store.keyword_matches(word, EVERYTHING, 100)
    records = memory._store.get_many([rowid for rowid, _ in rows])
    return [records[rowid].text for rowid, _ in rows]


def around(memory: Memory, word: str) -> set[str]:
    """Return the ids of the memories that have a word around them, by the index."""
    sql = "SELECT m.id FROM memory_fts f JOIN memory m ON m.rowid = f.rowid WHERE memory_fts MATCH ?"
    with memory._store._open() as connection:
        return {str(found) for (found,) in connection.execute(sql, (f'context : "{word}"',))}


def said(*texts: str, names: tuple[str | None, ...] = (None,)) -> list[dict[str, str]]:
    """Return messages of user and assistant in turn, under these names in turn."""
    messages = []
    for place, text in enumerate(texts):
        message = {"role": ("user", "assistant")[place % 2], "content": text}
        name = names[place % len(names)]
        messages.append(message if name is None else {**message, "name": name})
    return messages


def tell(memory: Memory, *texts: str, **options: Any) -> list[str]:
    """Store a conversation in one call, word for word, and return the ids."""
    names = options.pop("names", (None,))
    told = {"user_id": "ana", **options, "infer": False}
    return [item["id"] for item in memory.add(said(*texts, names=names), **told)["results"]]


def links(memory: Memory) -> dict[str, str | None]:
    """Return for every text the one that it followed."""
    records = memory._store.select(EVERYTHING)
    texts = {record.id: record.text for record in records}
    return {one.text: texts.get(one.follows) if one.follows else None for one in records}


TALK = ("alpha", "beta", "gamma", "delta", "epsilon")


def test_a_message_is_found_by_two_before_it_and_one_after_it_and_best_by_itself(memory: Memory) -> None:
    tell(memory, *TALK)
    assert found(memory, "gamma")[0] == "gamma"
    assert sorted(found(memory, "gamma")) == ["beta", "delta", "epsilon", "gamma"]
    assert sorted(found(memory, "alpha")) == ["alpha", "beta", "gamma"]


def test_a_message_without_the_words_of_a_question_comes_up_through_the_one_before(memory: Memory) -> None:
    tell(memory, "Which instrument do you play?", "The violin, since I was six")
    memory.add("Likes tea", user_id="ana", infer=False)
    results = memory.search("instrument", user_id="ana", explain=True)["results"]
    parts = {item["memory"]: item["score_details"] for item in results}
    question, answer, other = parts.values()
    assert list(parts)[:2] == ["Which instrument do you play?", "The violin, since I was six"]
    assert question["keyword_score"] > answer["keyword_score"] > 0 == other["keyword_score"]
    assert answer["context_score"] > 0 == other["context_score"]


def test_the_words_of_a_neighbour_go_with_it_and_come_back_with_it(memory: Memory) -> None:
    ids = tell(memory, *TALK)
    deleted = memory.delete(ids[1])
    assert found(memory, "beta") == []
    assert sorted(found(memory, "gamma")) == ["delta", "epsilon", "gamma"]
    memory.undo(deleted["commit_id"])
    assert sorted(found(memory, "beta")) == ["alpha", "beta", "delta", "gamma"]


def test_a_changed_neighbour_is_found_as_it_reads_now(memory: Memory) -> None:
    ids = tell(memory, *TALK)
    memory.update(ids[1], "zeta")
    assert found(memory, "beta") == []
    assert sorted(found(memory, "zeta")) == ["alpha", "delta", "gamma", "zeta"]
    memory.batch_update([{"memory_id": ids[1], "text": "eta"}])
    assert sorted(found(memory, "eta")) == ["alpha", "delta", "eta", "gamma"]


def test_no_byte_of_an_erased_neighbour_stays_with_the_others(tmp_path: Path) -> None:
    with fresh(tmp_path / "memory.db") as memory:
        ids = tell(memory, "alpha", "wjuqvopxkrimwa", "gamma")
        memory.compact()
        assert b"qvopxk" in (tmp_path / "memory.db").read_bytes()
        memory.erase(ids[1])
        assert found(memory, "wjuqvopxkrimwa") == []
        assert memory.check() == []
    assert b"qvopxk" not in (tmp_path / "memory.db").read_bytes()


def test_facts_told_one_by_one_or_loaded_at_once_or_inferred_have_nothing_around_them(
    memory: Memory,
) -> None:
    for text in ("Likes tea", "Has a boat"):
        memory.add(text, user_id="ana", infer=False)
    memory.add_many(["Plays the violin", "Owns a cat"], user_id="ana")
    memory.add(said("I like snow.", "So do I.", "And lemons."), user_id="ana", run_id="r", infer=True)
    assert set(links(memory).values()) == {None}
    assert {word: around(memory, word) for word in WORDS} == {word: set() for word in WORDS}
    results = memory.search("tea", explain=True)["results"]
    assert len(results) == memory.count()
    assert {item["score_details"]["context_score"] for item in results} == {0}


@pytest.mark.parametrize(
    "options",
    [
        {"run_id": "r"},
        {"names": ("Ana", "Bo")},
        {"run_id": "r", "agent_id": "helper"},
        {"names": ("Ana", "Helper"), "agent_id": "helper"},
        {"names": ("Ana", "Bo"), "timestamp": "2023-05-08T13:56:00"},
    ],
)
def test_a_conversation_has_the_same_links_in_one_call_and_message_by_message(
    memory_factory: Callable[..., Memory], options: dict[str, Any]
) -> None:
    once, clock = memory_factory("once.db"), FrozenClock()
    one_by_one = memory_factory("one by one.db", clock=clock)
    tell(once, *TALK, **options)
    names = options.pop("names", (None,))
    for message in said(*TALK, names=names):
        one_by_one.add([message], user_id="ana", infer=False, **options)
        clock.advance(seconds=60)
    assert links(one_by_one) == links(once)
    assert sum(one is not None for one in links(once).values()) == (3 if "agent_id" in options else 4)


def test_messages_without_names_or_a_session_follow_nothing_in_another_call(memory: Memory) -> None:
    memory.add("alpha", user_id="ana", infer=False)
    memory.add("beta", user_id="ana", infer=False)
    memory.add([{"role": "user", "content": "gamma"}], user_id="ana", infer=False)
    assert set(links(memory).values()) == {None}


def test_a_conversation_ends_after_an_hour(memory_factory: Callable[..., Memory]) -> None:
    clock = FrozenClock()
    memory = memory_factory(clock=clock)
    for text, pause in (("alpha", HOUR), ("beta", HOUR + 1), ("gamma", 1), ("delta", 0)):
        memory.add(text, user_id="ana", run_id="r", infer=False)
        clock.advance(seconds=pause)
    assert links(memory) == {"alpha": None, "beta": "alpha", "gamma": None, "delta": "gamma"}


def test_the_system_s_messages_are_no_part_of_it(memory: Memory) -> None:
    memory.add(
        [{"role": "user", "content": "alpha"}, {"role": "system", "content": "Be kind"}, *said("beta")],
        user_id="ana",
        infer=False,
    )
    assert links(memory) == {"alpha": None, "beta": "alpha"}


def test_a_dry_run_links_as_the_call_would_and_leaves_nothing(memory: Memory) -> None:
    tell(memory, "alpha", run_id="r")
    memory.add(said("beta"), user_id="ana", run_id="r", infer=False, dry_run=True)
    tell(memory, "gamma", run_id="r")
    assert links(memory) == {"alpha": None, "gamma": "alpha"}


def test_other_scopes_are_never_linked(memory: Memory) -> None:
    """Neither in one call, where user and assistant have an owner each, nor between calls."""
    tell(memory, "alpha", "beta", "gamma", "delta", agent_id="helper")
    assert links(memory) == {"alpha": None, "beta": None, "gamma": "alpha", "delta": "beta"}
    for scope in ({"user_id": "ana"}, {"user_id": "bo"}, {"agent_id": "ana"}, {"app_id": "ana"}):
        for run in ("r", "s"):
            for place in (1, 2):
                text = f"{scope} {run} {place}"
                memory.add(text, run_id=run, infer=False, **scope)
                assert links(memory)[text] == (f"{scope} {run} 1" if place == 2 else None)
    records = {one.id: one for one in memory._store.select(EVERYTHING)}
    assert {one.scope == records[one.follows].scope for one in records.values() if one.follows} == {True}


def test_looking_back_finds_by_the_neighbours_of_then(memory_factory: Callable[..., Memory]) -> None:
    clock = FrozenClock()
    memory = memory_factory(clock=clock)
    first, second = tell(memory, "alpha", "beta")
    then = clock.now
    clock.advance(days=1)
    memory.update(first, "zeta")
    clock.advance(days=1)
    memory.delete(first)

    def by_words(query: str, **when: Any) -> dict[str, bool]:
        results = memory.search(query, user_id="ana", explain=True, **when)["results"]
        return {item["id"]: item["score_details"]["keyword_score"] > 0 for item in results}

    assert by_words("alpha", as_of=then) == {first: True, second: True}
    assert by_words("zeta", as_of=then) == {first: False, second: False}
    assert by_words("zeta", as_of="2026-01-02") == {first: True, second: True}
    assert by_words("alpha", as_of="2026-01-02") == {first: False, second: False}
    assert by_words("zeta") == by_words("alpha") == {second: False}


def test_an_imported_message_stands_beside_those_that_are_there(tmp_path: Path) -> None:
    with fresh() as source, fresh() as target:
        for text in TALK[:3]:
            source.add(text, user_id="ana", run_id="r", metadata={text: 1}, infer=False)
        for text in ("alpha", "gamma", "beta"):
            source.export(tmp_path / "one.jsonl", filters={text: 1})
            target.import_(tmp_path / "one.jsonl")
            assert target.check() == []
        assert links(target) == links(source) == {"alpha": None, "beta": "alpha", "gamma": "beta"}
        assert sorted(found(target, "beta")) == ["alpha", "beta", "gamma"]


def test_the_name_of_a_speaker_counts_for_what_is_said_where_it_is_searched(memory: Memory) -> None:
    tell(memory, "The tea was good", "The tea was better", names=("Ana", "Rose"), run_id="r")
    memory.add("Planted a rose", user_id="bo", infer=False)
    for query in ("What did Rose say about tea?", "what did rose say about tea"):
        results = memory.search(query, user_id="ana", explain=True)["results"]
        assert [item["score_details"]["speaker_score"] for item in results] == [1, 0]
        assert results[0]["memory"] == "The tea was better"
    (rose,) = memory.search("rose", user_id="bo", explain=True)["results"]
    assert rose["score_details"]["keyword_score"] > 0 == rose["score_details"]["speaker_score"]
    both = memory.search("Did Ana or Rose like the tea?", user_id="ana", explain=True)["results"]
    assert {item["score_details"]["speaker_score"] for item in both} == {0}


def test_of_a_long_neighbour_only_the_beginning_is_indexed(memory: Memory) -> None:
    tell(memory, "tea " + "x" * WIDEST + " violin", "short")
    assert found(memory, "tea") != found(memory, "violin")
    assert "short" in found(memory, "tea")
    assert "short" not in found(memory, "violin")


def test_an_index_that_does_not_hold_what_is_around_is_a_problem_and_is_mended(memory: Memory) -> None:
    tell(memory, "alpha", "beta")
    with memory._store._writing() as connection:
        connection.execute("DELETE FROM memory_fts WHERE rowid = 2")
        connection.execute("INSERT INTO memory_fts(rowid, text, context) VALUES (2, 'beta', 'violin')")
    assert len(memory.check()) == 2
    memory.repair()
    assert memory.check() == []
    assert found(memory, "violin") == []
    assert sorted(found(memory, "alpha")) == ["alpha", "beta"]


def context_of(record: Record, records: dict[str, Record], order: list[str]) -> set[str]:
    """Return the words that should stand around a memory; `order` is that of the rows."""
    before = records.get(record.follows or "")
    earlier = None if before is None else records.get(before.follows or "")
    after = next((records[key] for key in order if records[key].follows == record.id), None)
    return {word for one in (before, earlier, after) if one is not None for word in one.text.split()}


class Conversing(RuleBasedStateMachine):
    """Tells, changes, takes back and moves conversations, and looks at the index after every step."""

    keys = Bundle("keys")
    texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.new_id = FrozenClock(), counting_ids()
        self.memory = self.opened()

    def opened(self) -> Memory:
        return Memory(":memory:", embedder=HashEmbedder(8), clock=self.clock, new_id=self.new_id)

    def standing(self, key: str) -> bool:
        return self.memory.get(key) is not None

    @rule(
        target=keys,
        told=st.lists(texts, min_size=1, max_size=4),
        user=st.sampled_from(["ana", "bo"]),
        run=st.sampled_from([None, "r"]),
        agent=st.sampled_from([None, "helper"]),
        names=st.sampled_from([(None,), ("Ana", "Bo")]),
    )
    def tell(
        self, told: list[str], user: str, run: str | None, agent: str | None, names: tuple[str | None, ...]
    ) -> Any:
        self.clock.advance(seconds=60)
        ids = tell(self.memory, *told, user_id=user, run_id=run, agent_id=agent, names=names)
        return multiple(*ids)

    @rule(key=keys, text=texts)
    def change(self, key: str, text: str) -> None:
        if self.standing(key):
            self.memory.update(key, text)

    @rule(key=keys, other=keys)
    def follow(self, key: str, other: str) -> None:
        """Let a memory follow any other, itself included: what comes from elsewhere may say so."""
        if self.standing(key):
            before = self.memory._existing(key)
            change = Change("UPDATE", before, replace(before, follows=other))
            self.memory._commit("relink", before.scope, (change,))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        if self.standing(key):
            self.memory.delete(key)

    @rule(key=keys)
    def erase(self, key: str) -> None:
        if self.memory._store.history(key):
            self.memory.erase(key)

    @rule(place=st.integers(0, 9))
    def undo(self, place: int) -> None:
        log = [one["commit_id"] for one in self.memory.log(limit=10)["results"] if one["changes"]]
        if log:
            with suppress(ValidationError):  # what was erased since can not be taken back
                self.memory.undo(log[place % len(log)], with_later=True)

    @rule()
    def move(self) -> None:
        """Go on in another file that has imported this one."""
        path = Path(self.folder.name) / "all.jsonl"
        self.memory.export(path)
        self.memory.close()
        self.memory = self.opened()
        self.memory.import_(path)

    @rule(user=st.sampled_from(["ana", "bo"]))
    def leave(self, user: str) -> None:
        """Go on in another file that has one user's memories only."""
        path = Path(self.folder.name) / "one.jsonl"
        self.memory.export(path, user_id=user)
        self.memory.close()
        self.memory = self.opened()
        self.memory.import_(path)

    @invariant()
    def the_index_is_what_the_memories_say(self) -> None:
        assert self.memory.check() == []
        records = {one.id: one for one in self.memory._store.select(EVERYTHING)}
        with self.memory._store._open() as connection:
            order = [str(key) for (key,) in connection.execute("SELECT id FROM memory ORDER BY rowid")]
        contexts = {key: context_of(one, records, order) for key, one in records.items()}
        for word in WORDS:
            assert around(self.memory, word) == {key for key, one in contexts.items() if word in one}

    def teardown(self) -> None:
        self.memory.close()
        self.folder.cleanup()


Conversing.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestConversing = Conversing.TestCase
