"""Undo leads back exactly, whatever was done; what was built on a commit goes with it or forbids it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.portable_parts import fresh
from tests.store_parts import EMBEDDER, add, commit, opened, record, unit
from tests.test_past import categories, retag
from tinymem import ConflictError, Memory, MemoryNotFoundError, ValidationError
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids
from tinymem.types import Change, Record

TEXTS = (
    "Sister Maya lives in Porto",
    "Sister Maya is a vet",
    "Works at Acme in Lyon",
    "Likes tea",
    "Brother Tom works at Acme",
)
texts = st.sampled_from(TEXTS)
users = st.sampled_from(["ana", "bob"])
metadata = st.dictionaries(st.sampled_from("ab"), st.none() | st.booleans() | st.integers(0, 2), max_size=2)
State = dict[str, tuple[Record, bytes | None]]


def state_of(memory: Memory) -> State:
    """Return all memories with their vectors, in the order in which they are listed."""
    store = memory._store
    vectors = {one.id: store.vector_of(one.id) for one in store.select(EVERYTHING)}
    return {
        one.id: (one, None if (vector := vectors[one.id]) is None else vector.tobytes())
        for one in store.select(EVERYTHING)
    }


class TakingBack(RuleBasedStateMachine):
    """Keeps the whole state after every commit, and undoes any of them at any time."""

    keys = Bundle("keys")

    @initialize()
    def open(self) -> None:
        self.clock = FrozenClock()
        self.memory = Memory(
            ":memory:", embedder=HashEmbedder(8), clock=self.clock, new_id=counting_ids(), enable_graph=True
        )
        self.states: list[State] = [{}]
        self.commits: list[tuple[str, set[str]]] = []
        self.places: dict[str, int] = {}

    def done(self, answer: dict[str, Any]) -> None:
        """Remember a commit, which memories it touched, and what it left."""
        if answer["commit_id"] is None:
            return
        (latest,) = self.memory.log(limit=1)["results"]
        assert latest["commit_id"] == answer["commit_id"]
        self.commits.append((latest["commit_id"], {each["id"] for each in latest["changes"]}))
        self.states.append(state_of(self.memory))

    def standing(self, key: str) -> bool:
        return self.memory.get(key) is not None

    @rule(target=keys, said=st.lists(texts, min_size=1, max_size=3), user=users, metadata=metadata)
    def add(self, said, user, metadata):
        messages = [{"role": "user", "content": text} for text in said]
        added = self.memory.add(messages, user_id=user, metadata=metadata, infer=False)
        self.done(added)
        for each in added["results"]:
            self.places[each["id"]] = len(self.places)
        return multiple(*(each["id"] for each in added["results"]))

    @rule(key=keys, text=st.none() | texts, change=metadata)
    def update(self, key, text, change):
        if self.standing(key) and (text or change):
            self.done(
                self.memory.update(key, text=text, metadata=change or None, expiration_date="2030-01-01")
            )

    @rule(keys=st.lists(keys, max_size=3, unique=True))
    def delete(self, keys):
        if standing := [key for key in keys if self.standing(key)]:
            self.done(self.memory.batch_delete(standing))

    @rule(user=users)
    def delete_all(self, user):
        self.done(self.memory.delete_all(user_id=user, show_archived=True))

    @rule(key=keys, hidden=st.booleans())
    def archive(self, key, hidden):
        if self.standing(key):
            self.done(self.memory.archive(key) if hidden else self.memory.unarchive(key))

    @rule(key=keys, categories=categories)
    def retag(self, key, categories):
        if self.standing(key):
            self.done({"commit_id": retag(self.memory, key, categories)})

    @rule()
    def wait(self):
        self.clock.advance(days=1)

    @precondition(lambda self: self.commits)
    @rule(choice=st.integers(0, 99), with_later=st.booleans())
    def undo(self, choice, with_later):
        place = choice % len(self.commits)
        asked, later, expected = self.foreseen(place)
        if later and not with_later:
            with pytest.raises(ConflictError, match="can not be undone alone") as refused:
                self.memory.undo(asked)
            assert str(later) in str(refused.value)
        else:
            undone = self.memory.undo(asked, with_later=with_later)
            assert undone["undone"] == [asked, *later]
            assert (undone["commit_id"] is None) == (expected == self.states[-1]) == (not undone["results"])
            self.done(undone)
            assert state_of(self.memory) == expected

    def foreseen(self, place: int) -> tuple[str, list[str], State]:
        """Return a commit's id, those that were built on it, and the state without all of them."""
        expected = dict(self.states[-1])
        gone: set[str] = set()
        later: list[str] = []
        for number, (commit_id, touched) in enumerate(self.commits[place:], start=place):
            if number == place or touched & gone:
                for memory_id in touched - gone:
                    expected.pop(memory_id, None)
                    if memory_id in self.states[number]:
                        expected[memory_id] = self.states[number][memory_id]
                gone |= touched
                later += [commit_id] if number > place else []
        return self.commits[place][0], later, expected

    @invariant()
    def memories_stand_where_they_always_stood(self):
        state = state_of(self.memory)
        order = sorted(state, key=lambda key: (state[key][0].created_at, self.places[key]), reverse=True)
        assert list(state) == order

    def teardown(self):
        assert self.memory.check() == []
        self.memory.close()


TakingBack.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestTakingBack = TakingBack.TestCase


@pytest.fixture
def tea(memory: Memory) -> str:
    return memory.add("Likes tea", user_id="ana", metadata={"n": 1}, infer=False)["results"][0]["id"]


def test_what_undo_answers(memory: Memory, tea: str) -> None:
    updated = memory.update(tea, "Likes green tea")
    undone = memory.undo(updated["commit_id"])
    assert undone == {
        "message": "Commit undone successfully!",
        "commit_id": memory.log(limit=1)["results"][0]["commit_id"],
        "undone": [updated["commit_id"]],
        "results": [
            {"id": tea, "memory": "Likes tea", "event": "UPDATE", "previous_memory": "Likes green tea"}
        ],
    }
    assert [row["event"] for row in memory.history(tea)] == ["ADD", "UPDATE", "UPDATE"]


def test_undoing_an_undo_does_it_again(memory: Memory, tea: str) -> None:
    deleted = memory.delete(tea)
    gone = state_of(memory)
    undone = memory.undo(deleted["commit_id"])
    assert memory.get(tea)["memory"] == "Likes tea"
    assert [each["event"] for each in memory.undo(undone["commit_id"])["results"]] == ["DELETE"]
    assert state_of(memory) == gone


def test_everything_of_a_memory_comes_back(memory_factory: Callable[..., Memory]) -> None:
    memory = memory_factory(enable_graph=True)
    told = {"metadata": {"n": [1, {"a": None}]}, "expiration_date": "2090-01-01", "timestamp": "2026-01-01"}
    added = memory.add(
        "Sister Maya moved to Porto on 2024-05-01", user_id="ana", infer=False, immutable=True, **told
    )
    memory.archive(added["results"][0]["id"])
    retag(memory, added["results"][0]["id"], ("places", "family"))
    before = state_of(memory)
    ((kept, vector),) = before.values()
    assert kept.categories
    assert kept.event
    assert kept.relations
    assert kept.archived
    assert kept.immutable
    assert vector is not None
    entities = memory._store.entity_names(kept.scope)
    deleted = memory.delete(kept.id)
    assert memory.entities()["results"] == []
    memory.undo(deleted["commit_id"])
    assert state_of(memory) == before
    assert memory.search("Porto", show_archived=True)["results"][0]["id"] == kept.id
    again = memory._store.entity_names(kept.scope)
    assert again.keys() == entities.keys()
    for name, known in entities.items():
        np.testing.assert_array_equal(again[name], known)


def test_a_commit_that_others_were_built_on_is_refused_with_the_list(memory: Memory, tea: str) -> None:
    cat = memory.add("Has a cat", user_id="ana", infer=False)["results"][0]["id"]
    first = memory.update(tea, "Likes green tea")["commit_id"]
    second = memory.batch_update(
        [{"memory_id": tea, "text": "Likes oolong"}, {"memory_id": cat, "text": "Has a dog"}]
    )
    third = memory.archive(cat)["commit_id"]
    memory.add("Is a vet", user_id="ana", infer=False)
    before = state_of(memory)
    with pytest.raises(ConflictError) as refused:
        memory.undo(first)
    later = [second["commit_id"], third]
    assert str(refused.value) == (
        f"commit {first!r} can not be undone alone: the commits {later} were built on it; "
        "undo those first, or all of them at once with with_later=True"
    )
    assert state_of(memory) == before
    undone = memory.undo(first, with_later=True)
    assert undone["undone"] == [first, *later]
    assert {each["id"]: each["memory"] for each in undone["results"]} == {tea: "Likes tea", cat: "Has a cat"}
    assert sorted(each["memory"] for each in memory.get_all()["results"]) == [
        "Has a cat",
        "Is a vet",
        "Likes tea",
    ]
    assert memory.log(limit=1)["results"][0]["call"] == "undo"


def test_a_long_list_of_later_commits_is_told_in_short(memory: Memory, tea: str) -> None:
    first, *later = [memory.update(tea, f"Likes tea {number}")["commit_id"] for number in range(40)]
    with pytest.raises(ConflictError, match=rf"{later[19]!r}\] and 19 more were built on it"):
        memory.undo(first)
    assert memory.undo(first, with_later=True)["undone"] == [first, *later]
    assert memory.get(tea)["memory"] == "Likes tea"


def test_what_was_undone_step_by_step_needs_no_new_commit(memory: Memory, tea: str) -> None:
    updated = memory.update(tea, "Likes green tea")["commit_id"]
    undone = memory.undo(updated)["commit_id"]
    nothing = memory.undo(updated, with_later=True)
    assert (nothing["commit_id"], nothing["results"], nothing["undone"]) == (None, [], [updated, undone])
    assert len(memory.log()["results"]) == 3


def test_what_can_not_be_undone(memory: Memory) -> None:
    memory._store.apply(commit(commit_id="empty"))
    with pytest.raises(ValidationError, match="commit 'empty' holds no changes: there is nothing to undo"):
        memory.undo("empty")
    with pytest.raises(MemoryNotFoundError, match="no commit has the id 'c9': `log` lists those that exist"):
        memory.undo("c9")
    for wrong in (None, "", 5):
        with pytest.raises(ValidationError, match="commit_id"):
            memory.undo(wrong)
    with pytest.raises(ValidationError, match="with_later"):
        memory.undo("c9", with_later="yes")


class Between:
    """A clock that lets another writer in, once."""

    def __init__(self) -> None:
        self.now = FrozenClock()
        self.other: Callable[[], object] = lambda: None

    def __call__(self) -> datetime:
        other, self.other = self.other, lambda: None
        other()
        return self.now()


def test_undo_decides_anew_when_another_writer_was_faster(memory_factory: Callable[..., Memory]) -> None:
    clock = Between()
    memory, other = memory_factory(clock=clock), memory_factory()
    tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
    first = memory.update(tea, "Likes green tea")["commit_id"]
    clock.other = lambda: other.update(tea, "Likes oolong")
    with pytest.raises(ConflictError, match="can not be undone alone"):
        memory.undo(first)
    assert memory.get(tea)["memory"] == "Likes oolong"
    clock.other = lambda: other.update(tea, "Likes coffee")
    assert len(memory.undo(first, with_later=True)["undone"]) == 3
    assert memory.get(tea)["memory"] == "Likes tea"


def test_a_vector_comes_back_whichever_embedder_is_open(tmp_path: Path) -> None:
    with fresh(tmp_path / "m.db") as memory:
        tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
        before = state_of(memory)
        updated = memory.update(tea, "Has a cat")["commit_id"]
    with fresh(tmp_path / "m.db", HashEmbedder(16)) as memory:
        memory.undo(updated)
        assert state_of(memory) == before
        assert memory.check() == []


def test_vectors_of_before_a_reembed_are_those_of_the_new_embedder(tmp_path: Path) -> None:
    new = HashEmbedder(16)
    with fresh(tmp_path / "m.db") as memory:
        tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
        updated = memory.update(tea, "Has a cat")["commit_id"]
        memory._store.reembed(new.embed, new.identity)
        memory.undo(updated)
        ((record, vector),) = state_of(memory).values()
        assert (record.text, vector) == ("Likes tea", new.embed(["Likes tea"])[0].tobytes())


def test_a_text_that_had_no_vector_comes_back_without_one(tmp_path: Path) -> None:
    with fresh(tmp_path / "m.db") as memory:
        memory.add("Has a cat", user_id="ana", infer=False)
    with fresh(tmp_path / "m.db", HashEmbedder(16)) as memory:
        tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
        before = state_of(memory)
        assert before[tea][1] is None
        deleted = memory.delete(tea)["commit_id"]
        memory.undo(deleted)
        assert state_of(memory) == before
    with fresh(tmp_path / "m.db") as memory:
        assert tea in {each["id"] for each in memory.search("Likes tea")["results"]}
        memory.repair()
        assert memory.check() == []


def test_a_file_that_came_in_can_be_undone(memory: Memory, tea: str, tmp_path: Path) -> None:
    deleted = memory.delete(tea)["commit_id"]
    memory.undo(deleted)
    memory.export(tmp_path / "all.jsonl")
    with fresh(embedder=HashEmbedder()) as other:
        other.import_(tmp_path / "all.jsonl")
        assert state_of(other) == state_of(memory)
        with pytest.raises(ConflictError, match="were built on it"):
            other.undo(deleted)
        other.undo(other.log(limit=1)["results"][0]["commit_id"])
        assert state_of(other) == {}
        assert other.check() == []


def test_a_memory_that_comes_back_stands_between_the_same_others() -> None:
    with opened() as store:
        add(store, *(record(name) for name in "abc"), vectors=[unit(1), unit(1), unit(1)])
        for name in "ab":
            store.apply(commit(Change("DELETE", before=record(name))))
        for name in "ba":
            store.apply(commit(Change("ADD", after=record(name), vector=unit(1))), embedder=EMBEDDER)
        add(store, record("d"), vectors=[unit(1)])
        assert [one.id for one in store.select(EVERYTHING)] == ["d", "c", "b", "a"]
        near = [row for row, _ in store.nearest(unit(1), EVERYTHING, 9)]
        assert [one.id for one in store.get_many(near).values()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("gone", ["erase", "reset"])
def test_what_was_erased_meanwhile_does_not_come_back(
    memory_factory: Callable[..., Memory], gone: str
) -> None:
    clock = Between()
    memory, other = memory_factory(clock=clock), memory_factory()
    tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
    deleted = memory.delete(tea)["commit_id"]
    clock.other = lambda: other.erase(tea) if gone == "erase" else other.reset()
    with pytest.raises((ValidationError, MemoryNotFoundError)):
        memory.undo(deleted)
    assert memory.get(tea) is None
    assert memory.check() == []
