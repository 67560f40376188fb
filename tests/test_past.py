"""Looking back: every question about a moment gets the answer that it got then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

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
from tests.store_parts import NOW, add, commit, opened, record, unit
from tinymem import CorruptError, Memory, StoreError, ValidationError
from tinymem.store.filters import EVERYTHING
from tinymem.store.past import REMEMBERED
from tinymem.store.store import Store
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids
from tinymem.types import Change

WORDS = ["tea", "cat", "Lyon", "vet", "red", "boat"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
metadata = st.dictionaries(st.sampled_from("ab"), st.none() | st.booleans() | st.integers(0, 2), max_size=2)
users = st.sampled_from(["ana", "bob"])
categories = st.lists(st.sampled_from(["pets", "places", "drinks"]), max_size=2, unique=True).map(tuple)
SELECTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"user_id": "ana", "show_expired": True},
    {"user_id": "bob", "show_archived": True},
    {
        "filters": {
            "OR": [{"metadata": {"a": {"gte": 1}}}, {"categories": ["pets"]}, {"text": {"contains": "tea"}}]
        }
    },
    {"filters": {"NOT": {"categories": "*"}}, "show_expired": True, "show_archived": True},
)


def retag(memory: Memory, key: str, categories: tuple[str, ...]) -> str:
    """Give a memory other categories, as `recategorize` does, and return the commit's id."""
    record = memory._existing(key)
    change = Change("UPDATE", record, replace(record, categories=categories))
    return memory._commit("recategorize", record.scope, (change,)).id


def answers(memory: Memory, ids: list[str], **when: Any) -> dict[str, Any]:
    """Return what the reading methods say, feedback aside."""
    said: dict[str, Any] = {}
    for number, selection in enumerate(SELECTIONS):
        said[f"all {number}"] = memory.get_all(**selection, **when)
        said[f"page {number}"] = memory.get_all(**selection, page=2, page_size=2, **when)
        said[f"count {number}"] = memory.count(**selection, **when)
        for query in ("tea in Lyon", "the vet's cat"):
            said[f"{query} {number}"] = memory.search(query, **selection, limit=3, explain=True, **when)
    for memory_id in ids:
        said[memory_id] = memory.get(memory_id, **when)
    return said


class LookingBack(RuleBasedStateMachine):
    """Does everything that changes memories, keeps what the file said after each step, and asks again."""

    keys = Bundle("keys")

    @initialize()
    def open(self) -> None:
        self.clock = FrozenClock("2026-01-01T12:00:00+00:00")
        self.memory = Memory(":memory:", embedder=HashEmbedder(8), clock=self.clock, new_id=counting_ids())
        self.ids: list[str] = []
        self.commits: list[str] = []
        self.said: dict[datetime, dict[str, Any]] = {}

    def done(self, answer: dict[str, Any]) -> None:
        if answer["commit_id"] is not None:
            self.commits.append(answer["commit_id"])

    def standing(self, key: str) -> bool:
        return self.memory.get(key) is not None

    @rule(
        target=keys,
        said=st.lists(texts, min_size=1, max_size=3),
        user=users,
        metadata=metadata,
        days=st.integers(0, 3),
    )
    def add(self, said, user, metadata, days):
        messages = [{"role": "user", "content": text} for text in said]
        expires = self.clock().date() + timedelta(days=days) if days else None
        added = self.memory.add(
            messages, user_id=user, metadata=metadata, expiration_date=expires, infer=False
        )
        self.done(added)
        ids = [each["id"] for each in added["results"]]
        self.ids += ids
        return multiple(*ids)

    @rule(key=keys, text=st.none() | texts, change=metadata)
    def update(self, key, text, change):
        if self.standing(key) and (text or change):
            self.done(self.memory.update(key, text=text, metadata=change or None))

    @rule(key=keys)
    def delete(self, key):
        if self.standing(key):
            self.done(self.memory.delete(key))

    @rule(user=users)
    def delete_all(self, user):
        self.done(self.memory.delete_all(user_id=user))

    @rule(key=keys, hidden=st.booleans())
    def archive(self, key, hidden):
        if self.standing(key):
            self.done(self.memory.archive(key) if hidden else self.memory.unarchive(key))

    @rule(key=keys, categories=categories)
    def retag(self, key, categories):
        if self.standing(key):
            self.commits.append(retag(self.memory, key, categories))

    @precondition(lambda self: self.commits)
    @rule(choice=st.integers(0, 99))
    def undo(self, choice):
        self.done(self.memory.undo(self.commits[choice % len(self.commits)], with_later=True))

    @rule(hours=st.sampled_from([0.001, 1, 11, 30]))
    def wait(self, hours):
        self.clock.advance(days=hours / 24)

    @rule(choice=st.integers(0, 99))
    def look_back(self, choice):
        moment = sorted(self.said)[choice % len(self.said)]
        now = answers(self.memory, self.ids, as_of=moment)
        assert now == {**dict.fromkeys(now), **self.said[moment]}

    @invariant()
    def keep_what_is_said(self):
        self.said[self.clock()] = answers(self.memory, self.ids)

    def teardown(self):
        for moment, then in self.said.items():
            now = answers(self.memory, self.ids, as_of=moment)
            assert now == {**dict.fromkeys(now), **then}
        assert self.memory.check() == []
        self.memory.close()


LookingBack.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestLookingBack = LookingBack.TestCase


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock("2026-01-10T12:00:00+00:00")


@pytest.fixture
def years(memory_factory: Callable[..., Memory], clock: FrozenClock) -> Memory:
    """Return a Memory that was told something at noon of three days."""
    memory = memory_factory(clock=clock, new_id=counting_ids())
    for text in ("Likes tea", "Has a cat", "Lives in Lyon"):
        memory.add(text, user_id="ana", infer=False, expiration_date="2026-01-11" if "cat" in text else None)
        clock.advance(days=1)
    return memory


def told(memory: Memory, as_of: Any) -> list[str]:
    return [item["memory"] for item in memory.get_all(as_of=as_of)["results"]]


@pytest.mark.parametrize(
    ("as_of", "count"),
    [
        (datetime(2026, 1, 10, 12, tzinfo=timezone.utc), 1),
        (datetime(2026, 1, 10, 11, 59, 59, 999999), 0),
        (datetime(2026, 1, 10, 13, tzinfo=timezone(timedelta(hours=2))), 0),
        (date(2026, 1, 10), 1),
        ("2026-01-10", 1),
        (" 2026-01-11 ", 2),
        ("2026-01-11T11:00:00Z", 1),
        ("2026-01-11 14:00+02:00", 2),
        (datetime(2026, 1, 10, 12, tzinfo=timezone.utc).timestamp(), 1),
        (0, 0),
        (date(1, 1, 1), 0),
        ("2026-01-12", 2),  # the cat has expired, and Lyon is new
        (date(2026, 1, 13), 2),
        ("2030-06-01", 2),
        (date.max, 2),
        (None, 2),
    ],
)
def test_a_moment_is_said_in_any_way_and_a_date_means_its_end(years: Memory, as_of: Any, count: int) -> None:
    assert len(told(years, as_of)) == years.count(as_of=as_of) == count
    assert len(years.search("tea cat Lyon", as_of=as_of)["results"]) == count


@pytest.mark.parametrize("wrong", ["yesterday", "", True, float("nan"), float("inf"), 1e99, [], "2026-13-01"])
def test_what_is_no_moment_is_refused(years: Memory, wrong: Any) -> None:
    asks: list[Callable[[], object]] = [
        lambda: years.search("tea", as_of=wrong),
        lambda: years.get("id-1", as_of=wrong),
        lambda: years.get_all(as_of=wrong),
        lambda: years.count(as_of=wrong),
    ]
    for ask in asks:
        with pytest.raises(ValidationError, match="as_of"):
            ask()


def test_the_future_is_now(years: Memory, clock: FrozenClock) -> None:
    ahead = clock() + timedelta(days=365)
    years.feedback("id-1", "POSITIVE")
    assert years.get("id-1", as_of=ahead) == years.get("id-1")
    assert "feedback" in years.get("id-1")
    assert "feedback" not in years.get("id-1", as_of=clock())
    assert years.get_all(as_of=ahead) == years.get_all()


def test_get_tells_how_a_memory_stood(years: Memory, clock: FrozenClock) -> None:
    before = years.get("id-1")
    years.update("id-1", "Likes green tea", metadata={"n": 1})
    clock.advance(days=1)
    years.delete("id-1")
    clock.advance(days=1)
    assert years.get("id-1") is None
    assert years.get("id-1", as_of="2026-01-09") is None
    assert years.get("id-1", as_of="2026-01-12") == before
    assert years.get("id-1", as_of="2026-01-13")["memory"] == "Likes green tea"
    assert years.get("id-1", as_of="2026-01-14") is None
    assert years.get("nobody", as_of="2026-01-12") is None


def test_what_an_import_brings_stood_when_it_was_written(tmp_path: Path, clock: FrozenClock) -> None:
    with fresh(clock=clock) as memory, fresh(clock=clock) as other:
        other.add("Has a cat", user_id="bob", infer=False)
        clock.advance(days=1)
        memory.add("Likes tea", user_id="ana", infer=False)
        clock.advance(days=1)
        assert told(memory, "2026-01-10") == []
        other.export(tmp_path / "other.jsonl")
        memory.import_(tmp_path / "other.jsonl")
        assert told(memory, "2026-01-10") == ["Has a cat"]
        assert told(memory, "2026-01-11") == ["Likes tea", "Has a cat"]


def test_an_import_into_commits_that_are_there_is_seen(tmp_path: Path, clock: FrozenClock) -> None:
    """A second export may bring only more changes of commits that the first one brought."""
    with fresh(clock=clock) as memory, fresh(clock=clock) as other:
        both = [
            other.add(f"Has a {pet}", user_id=pet, infer=False)["results"][0]["id"] for pet in ("cat", "dog")
        ]
        clock.advance(days=1)
        other.batch_update([{"memory_id": each, "metadata": {"n": 1}} for each in both])
        clock.advance(days=1)
        memory.add("Likes tea", user_id="ana", infer=False)
        for pet in ("cat", "dog"):
            other.export(tmp_path / f"{pet}.jsonl", user_id=pet)
        memory.import_(tmp_path / "cat.jsonl")
        assert told(memory, "2026-01-11") == ["Has a cat"]
        memory.import_(tmp_path / "dog.jsonl")
        assert told(memory, "2026-01-11") == ["Has a dog", "Has a cat"]


def test_a_clock_that_went_back_still_gives_one_state(memory_factory: Callable[..., Memory]) -> None:
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    memory = memory_factory(clock=clock, new_id=counting_ids())
    memory.add("Likes tea", user_id="ana", infer=False)
    clock.advance(days=-5)
    memory.update("id-1", "Likes green tea")
    clock.advance(days=20)
    assert told(memory, "2026-01-04") == []
    assert told(memory, "2026-01-06") == told(memory, "2026-01-20") == ["Likes green tea"]


def test_another_process_is_seen(tmp_path: Path) -> None:
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    with fresh(tmp_path / "m.db", clock=clock) as memory, fresh(tmp_path / "m.db", clock=clock) as other:
        memory.add("Likes tea", user_id="ana", infer=False)
        clock.advance(days=2)
        other.add("Has a cat", user_id="ana", infer=False)
        assert told(memory, "2026-01-11") == ["Likes tea"]
        clock.advance(days=-1)
        other.add("Lives in Lyon", user_id="ana", infer=False)
        clock.advance(days=3)
        assert told(memory, "2026-01-11") == ["Lives in Lyon", "Likes tea"]
        other.reset()
        assert told(memory, "2026-01-11") == []


def test_what_was_told_before_a_reembed_is_found_in_the_new_space(tmp_path: Path, clock: FrozenClock) -> None:
    new = HashEmbedder(16)
    with fresh(tmp_path / "m.db", clock=clock) as memory:
        tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
        clock.advance(days=2)
        memory.update(tea, "Has a cat")
        clock.advance(days=2)
        assert memory.search("Likes tea", as_of="2026-01-11", explain=True)["results"][0]["score"] > 0.99
        memory._store.reembed(new.embed, new.identity)
        by_words = memory.search("Likes tea", as_of="2026-01-11", explain=True)["results"][0]
        assert by_words["score_details"]["semantic_score"] == 0
    with fresh(tmp_path / "m.db", new, clock=clock) as memory:
        found = memory.search("Likes tea", as_of="2026-01-11", explain=True)["results"][0]
        assert found["memory"] == "Likes tea"
        assert found["score_details"]["semantic_score"] > 0.99


def test_a_past_state_is_built_once_and_few_are_kept(years: Memory) -> None:
    store = years._store
    first, second, third = (datetime(2026, 1, day, 13, tzinfo=timezone.utc) for day in (10, 11, 12))
    with (
        store.as_of(first) as built,
        store.as_of(first + timedelta(hours=3)) as again,
        store.as_of(third) as now,
    ):
        assert again is built
        assert built is not store
        assert now is store
    years.add("Is a vet", user_id="ana", infer=False)
    with store.as_of(first) as again:
        assert again is built
    for moment in (second, third):
        with store.as_of(moment) as other:
            assert other is not built
    assert len(store._pasts) == REMEMBERED
    with store.as_of(first) as again:
        assert again is not built
        assert again.select(EVERYTHING) == built.select(EVERYTHING)
    years.close()
    assert store._pasts == {}
    with pytest.raises(StoreError, match="closed"), store.as_of(first):
        pass


def test_the_file_is_one_state_while_the_present_is_asked_about(tmp_path: Path) -> None:
    with fresh(tmp_path / "m.db") as memory, fresh(tmp_path / "m.db") as other:
        memory.add("Likes tea", user_id="ana", infer=False)
        with memory._store.as_of(datetime.now(timezone.utc)) as store:
            other.add("Has a cat", user_id="ana", infer=False)
            assert store is memory._store
            assert store.count(EVERYTHING) == 1
        assert memory.count() == 2


def test_many_threads_may_look_back(years: Memory) -> None:
    days = ["2026-01-10", "2026-01-11", "2026-01-09"] * 8
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda day: len(told(years, day)), days)) == [1, 2, 0] * 8


def test_a_file_without_vectors_can_be_looked_back_at() -> None:
    with opened() as store:
        add(store, record("m1"))
        store.apply(replace(commit(Change("ADD", after=record("m2"))), at=NOW + timedelta(1)))
        with store.as_of(NOW) as past:
            assert [one.id for one in past.select(EVERYTHING)] == ["m1"]
            assert past.nearest(unit(1), EVERYTHING, 5) == []


def test_a_past_that_can_not_be_read_is_damage() -> None:
    store = Store(":memory:")
    add(store, record("m1"))
    store.apply(replace(commit(Change("ADD", after=record("m2"))), at=NOW + timedelta(1)))
    with store._open() as connection:
        connection.execute("UPDATE changes SET after = json_set(after, '$.categories', NULL)")
    with pytest.raises(CorruptError, match="a past memory can not be read"), store.as_of(NOW):
        pass
    with store._open() as connection:
        connection.execute("UPDATE changes SET after = '{}'")
    with pytest.raises(CorruptError, match="a past memory can not be read"), store.as_of(NOW):
        pass
    with pytest.raises(CorruptError, match="a past memory can not be read"):
        store.get_as_of("m1", NOW)
    store.close()
