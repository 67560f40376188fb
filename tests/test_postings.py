"""Scores are compared with FTS5's own, which knows nothing of what is held here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import add, commit, opened, record
from tinymem.errors import CorruptError
from tinymem.store import known, matches
from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.held import Held
from tinymem.store.keywords import match_query
from tinymem.store.store import Store
from tinymem.store.transaction import transaction
from tinymem.types import Change, Scope

WORDS = ("tea", "teas", "cat", "dog", "running", "run", "XK-4471", "東京", "東京都庁", "wi-fi", "a", "b12")
BO = Where("m.user_id = ?", ("bo",))

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)
queries = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "say", "say", "update", "delete"]), st.integers(0, 99), texts),
    min_size=1,
    max_size=14,
)


class Steps:
    """Applies random writes: memories that stand alone, and messages that follow each other."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.alive: list[Any] = []
        self.count = 0
        self.last: str | None = None

    def take(self, kind: str, pick: int, text: str) -> None:
        if kind in ("add", "say") or not self.alive:
            follows = self.last if kind == "say" else None
            owner = Scope(user_id="bo" if pick % 2 else "maya")
            new = record(f"m{self.count}", text, scope=owner, follows=follows)
            self.last = new.id if kind == "say" else self.last
            self.count += 1
            self.store.apply(commit(Change("ADD", after=new)))
            self.alive.append(new)
            return
        old = self.alive.pop(pick % len(self.alive))
        if kind == "delete":
            self.store.apply(commit(Change("DELETE", before=old)))
            return
        new = replace(old, text=text, scope=Scope(user_id="bo" if pick % 3 else "maya"))
        self.store.apply(commit(Change("UPDATE", before=old, after=new)))
        self.alive.append(new)


def by_fts5(store: Store, query: str, where: Where = EVERYTHING) -> list[tuple[int, float]]:
    """Ask FTS5 itself; the words in the order in which they are added up, rarest first."""
    expression = match_query(query)
    if expression is None:
        return []
    with store._open() as connection:
        counted = sorted(
            (
                connection.execute("SELECT count(*) FROM memory_fts WHERE memory_fts MATCH ?", (term,)).get,
                term,
            )
            for term in expression.split(" OR ")
        )
        rows = connection.execute(
            f"SELECT f.rowid, -bm25(memory_fts, 1.0, {matches.AROUND_WEIGHT}) AS score FROM memory_fts f "
            f"JOIN memory m ON m.rowid = f.rowid WHERE memory_fts MATCH ? AND {where.sql} "
            "ORDER BY score DESC, f.rowid",
            (" OR ".join(term for count, term in counted if count) or expression, *where.params),
        )
        return [(int(rowid), float(score)) for rowid, score in rows]


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


@settings(max_examples=60, deadline=None)
@given(steps=steps, asked=st.lists(queries, min_size=1, max_size=4))
def test_scores_are_those_of_fts5_to_the_last_bit(steps: list[Any], asked: list[str]) -> None:
    """... of what has followed the file since the first write, and of what is read anew."""
    with opened() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "near_words", lambda connection, words: [])
        play = Steps(store)
        for position, step in enumerate(steps):
            play.take(*step)
            if position % 2:
                store.keyword_matches(asked[0], BO, 3)
        for query in asked:
            for where in (EVERYTHING, BO):
                expected = by_fts5(store, query, where)
                assert store.keyword_matches(query, where, 100) == expected
                assert store.keyword_matches(query, where, 2) == expected[:2]
                assert store.keyword_scores(query, EVERYTHING, range(20)) == dict(by_fts5(store, query))
                with store._open() as connection, transaction(connection, "DEFERRED"):
                    anew = Held()
                    anew.follow(connection)
                    found = matches.find_matches(connection, anew.postings, query, where, 100)
                assert found == expected


def test_scores_are_asked_of_rows_that_have_none(store: Store) -> None:
    add(store, record("m0", "green tea"), record("m1", "black coffee"), record("m2", "rain"))
    assert store.keyword_scores("tea", EVERYTHING, [1, 2, 3, 77]) == dict(
        store.keyword_matches("tea", EVERYTHING, 9)
    )
    assert store.keyword_scores("tea", EVERYTHING, []) == {}
    assert store.keyword_scores("...", EVERYTHING, [1]) == {}


def test_what_another_process_writes_counts_at_once(tmp_path: Any) -> None:
    """Two Stores on one file share nothing but the file, as two processes do."""
    with opened(tmp_path / "memory.db") as reader, opened(tmp_path / "memory.db") as writer:
        add(writer, record("m0", "tea for two"), record("m1", "rain"), record("m2", "rain again"))
        assert [row for row, _ in reader.keyword_matches("tea", EVERYTHING, 9)] == [1]
        add(writer, record("m3", "tea", follows="m1"))
        assert reader.keyword_matches("tea", EVERYTHING, 9) == by_fts5(writer, "tea")
        assert {row for row, _ in reader.keyword_matches("tea", EVERYTHING, 9)} == {1, 2, 4}
        writer.apply(commit(Change("DELETE", before=record("m0", "tea for two"))))
        assert reader.keyword_matches("tea", EVERYTHING, 9) == by_fts5(writer, "tea")
        writer.reset()
        assert reader.keyword_matches("tea", EVERYTHING, 9) == []


def test_a_long_context_counts_as_often_as_it_says_the_word(store: Store) -> None:
    add(store, record("m0", "tea " * 200), record("m1", "coffee", follows="m0"), record("m2", "rain"))
    assert store.keyword_matches("tea", EVERYTHING, 9) == by_fts5(store, "tea")
    assert len(store.keyword_matches("tea", EVERYTHING, 9)) == 2


def test_an_index_that_has_lost_a_length_is_damaged(store: Store) -> None:
    add(store, record("m0", "green tea"))
    with store._open() as connection:
        connection.execute("DELETE FROM memory_fts_docsize")
    with pytest.raises(CorruptError, match="contradicts itself"):
        store.keyword_matches("tea", EVERYTHING, 9)
    store.mend()


@settings(max_examples=40, deadline=None)
@given(steps=steps, asked=st.lists(queries, min_size=2, max_size=6), most=st.sampled_from([1, 2, 4]))
def test_the_same_words_are_too_common_whatever_is_remembered(
    steps: list[Any], asked: list[str], most: int
) -> None:
    """What followed the file, and was asked after every write, decides as what is read anew."""
    with opened() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "near_words", lambda connection, words: [])
        patch.setattr(matches, "MAX_POSTINGS", most)
        play = Steps(store)
        for step, query in zip(steps, cycle(asked)):
            play.take(*step)
            found = store.keyword_matches(query, EVERYTHING, 100)
            with store._open() as connection, transaction(connection, "DEFERRED"):
                anew = Held()
                anew.follow(connection)
                assert matches.find_matches(connection, anew.postings, query, EVERYTHING, 100) == found


def test_places_are_forgotten_when_they_take_too_much_or_too_much_has_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "REMEMBERED_BYTES", 100)
    monkeypatch.setattr(known, "MOST_CHANGED", 3)
    add(store, *(record(f"m{number}", f"tea word{number}") for number in range(10)))
    words = store._held.postings._known
    for number in range(10):
        assert store.keyword_matches(f"word{number}", EVERYTHING, 9) == by_fts5(store, f"word{number}")
        store.keyword_matches("tea", EVERYTHING, 9)
        assert words._nbytes == sum(places.nbytes for _, places in words._words.values()) <= 100
    for number in range(10, 15):
        add(store, record(f"m{number}", "tea"))
        assert store.keyword_matches("tea", EVERYTHING, 99) == by_fts5(store, "tea")
        assert len(words._changed) <= 3
