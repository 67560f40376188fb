from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store_parts import add, opened, record
from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.store import Store
from tinymem.types import Scope


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


def test_keyword_matches_are_ranked_and_bounded(store: Store) -> None:
    add(
        store,
        record("m0", "The dog walks"),
        record("m1", "A cat and a cat and another cat"),
        record("m2", "A cat sleeps near the dog all day, says the neighbour from across the street"),
        record("m3", "Cat and dog", scope=Scope(user_id="bo")),
        record("m4", "Rain"),
        record("m5", "Snow"),
        record("m6", "Hail"),
    )
    found = store.keyword_matches("cats?! (dogs)", EVERYTHING, 10)
    assert found[0][0] == 4
    assert {rowid for rowid, _ in found} == {1, 2, 3, 4}
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert store.keyword_matches("cats?! (dogs)", EVERYTHING, 2) == found[:2]
    only_bo = Where("m.user_id = ?", ("bo",))
    assert store.keyword_matches("cats?! (dogs)", only_bo, 10) == found[:1]
    for nothing in ("", "...", "elephant"):
        assert store.keyword_matches(nothing, EVERYTHING, 10) == []
    assert store.keyword_matches("cat", EVERYTHING, 0) == []


def test_equal_keyword_scores_are_ordered_by_age(store: Store) -> None:
    add(store, *(record(f"m{n}", "same words") for n in range(5)), record("m5", "else"))
    assert [rowid for rowid, _ in store.keyword_matches("words", EVERYTHING, 3)] == [1, 2, 3]


def test_a_costly_query_leaves_out_its_commonest_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, *(record(f"m{n}", "common rare" if n == 4 else "common plain") for n in range(10)))
    assert len(store.keyword_matches("common rare", EVERYTHING, 20)) == 10
    monkeypatch.setattr("tinymem.store.matches.MAX_POSTINGS", 9)
    assert [rowid for rowid, _ in store.keyword_matches("common rare", EVERYTHING, 20)] == [5]
    assert len(store.keyword_matches("common", EVERYTHING, 20)) == 10
