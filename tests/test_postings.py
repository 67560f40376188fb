"""Scores are compared with FTS5's own, which knows nothing of what is held here."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import add, commit, opened, record
from tinymem.errors import CorruptError
from tinymem.store import known, matches, phrases
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


LONG = "tea green cat dog rain snow wind sun moon star sea 東京都 b12 wi-fi"


def crowded(store: Store, seed: int) -> list[str]:
    """Fill a store with 120 memories, long and short, some with words around them; give their texts."""
    chance = random.Random(seed)
    said = [" ".join(chance.choices(LONG.split(), k=chance.choice((1, 1, 2, 3, 8, 40)))) for _ in range(120)]
    follows = [f"m{number - 1}" if number and chance.random() < 0.3 else None for number in range(120)]
    owners = [Scope(user_id=chance.choice(("bo", "maya", "maya"))) for _ in said]
    add(
        store,
        *(
            record(f"m{number}", text, scope=owner, follows=before)
            for number, (text, owner, before) in enumerate(zip(said, owners, follows, strict=True))
        ),
    )
    return said


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_many_are_those_of_fts5_whatever_the_limit(seed: int) -> None:
    """Memories of which the length is not read can not be among them."""
    with opened() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "near_words", lambda connection, words: [])
        said = crowded(store, seed)
        for query in ("tea", "green tea", "cat dog b12", "rain 東京都 wi-fi snow", said[7], said[11]):
            for where in (EVERYTHING, BO):
                expected = by_fts5(store, query, where)
                for limit in (1, 3, 10, 1_000, 30, 0):
                    assert store.keyword_matches(query, where, limit) == expected[:limit]
                rows = [row for row, _ in expected]
                assert store.keyword_scores(query, where, rows[::-2]) == dict(expected[::-2])


def test_lengths_are_read_only_of_what_can_be_among_the_best(store: Store) -> None:
    add(store, *(record(f"m{number}", "tea " + "leaf " * number) for number in range(100)))
    add(store, *(record(f"t{number}", "tea tea tea tea") for number in range(5)))
    assert [row for row, _ in store.keyword_matches("tea", EVERYTHING, 5)] == [101, 102, 103, 104, 105]
    assert 5 <= np.count_nonzero(store._held.postings._lengths) < 50
    assert store.keyword_matches("tea", EVERYTHING, 200) == by_fts5(store, "tea")


@pytest.mark.parametrize("most", [3, 40, 150])
@pytest.mark.parametrize("seed", range(3))
def test_a_memory_has_one_score_whatever_was_asked_before(seed: int, most: int) -> None:
    """... and however many results were wanted, where the commonest words are left out, too."""
    with opened() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "MAX_POSTINGS", most)
        said = crowded(store, seed)
        asked = [
            (query, where)
            for query in ("tea cat", "東京都 rain", said[3], said[5])
            for where in (EVERYTHING, BO)
        ]
        scores: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for _ in range(2):
            for query, where in asked:
                found = store.keyword_matches(query, where, 1_000)
                assert scores.setdefault((query, where.sql), found) == found
                assert store.keyword_matches(query, where, 7) == found[:7]
                assert store.keyword_scores(query, where, [row for row, _ in found]) == dict(found)
            random.Random(seed).shuffle(asked)
            store._held._forget()


def test_a_phrase_that_nobody_chosen_can_hold_is_not_looked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = Scope(user_id="bo")
    add(
        store,
        record("m0", "green tea"),
        record("m1", "tea for a green frog", scope=bo),
        record("m2", "tea", scope=bo),
    )
    read, together = [], phrases.Phrases._together

    def reads(reader: phrases.Phrases, phrase: str) -> phrases.Posting:
        read.append(phrase)
        return together(reader, phrase)

    monkeypatch.setattr(phrases.Phrases, "_together", reads)
    for query in ("green tea", "tea frog", "green dog"):
        for where in (EVERYTHING, BO):
            assert store.keyword_matches(query, where, 9) == by_fts5(store, query, where)
    assert read == ["green tea", "green tea"]
    nobody = Where("m.user_id = ?", ("nobody",))
    with monkeypatch.context() as patch:
        patch.setattr(phrases.Phrases, "_count", lambda *asked: pytest.fail(f"{asked} was counted"))
        assert store.keyword_matches("東京 green tea", nobody, 9) == []
    assert read == ["green tea", "green tea"]


def test_what_is_given_out_may_be_changed(store: Store) -> None:
    add(store, record("m0", "green tea"), record("m1", "black tea"))
    found = store.keyword_matches("tea", EVERYTHING, 9)
    expected = list(found)
    found.clear()
    assert store.keyword_matches("tea", EVERYTHING, 9) == expected != []


def test_counts_are_forgotten_when_there_are_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_COUNTS", 5)
    add(store, record("m0", "green tea"), record("m1", "black tea"), record("m2", "rain"))
    for number in range(20):
        query = f"green tea word{number}"
        assert store.keyword_matches(query, EVERYTHING, 9) == by_fts5(store, "green tea")
        assert len(store._held.postings._known._counts) <= 5


def test_a_row_that_nobody_ever_numbered_is_damage(store: Store) -> None:
    with pytest.raises(CorruptError, match="numbers its memories as nobody did"), store._open() as connection:
        store._held.postings.renew(connection, {1, 2**62})
