from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store_parts import EMBEDDER, FULL, NOW, add, commit, opened, record, unit, write
from tinymem.errors import ConflictError, EmbeddingError, ValidationError
from tinymem.store.filters import EVERYTHING, where
from tinymem.store.store import Store
from tinymem.types import Change, Message, Scope


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


def everything(store: Store) -> dict[str, Any]:
    """Return all that the public methods show of a store."""
    ids = [one.id for one in store.select(EVERYTHING)]
    return {
        "records": store.select(EVERYTHING),
        "vectors": [vector if vector is None else vector.tolist() for vector in map(store.vector_of, ids)],
        "histories": [store.history(one) for one in ids],
        "words": store.keyword_matches("text memory", EVERYTHING, 100),
        "stats": {**store.stats(), "size_bytes": None},
    }


def test_an_update_replaces_everything_that_a_record_has(store: Store) -> None:
    add(store, FULL)
    changed = replace(
        record("full", "Only this"),
        scope=Scope(run_id="other"),
        categories=("food", "late"),
        metadata={"n": 1},
    )
    store.apply(commit(Change("UPDATE", before=FULL, after=changed)))
    assert store.get("full") == changed
    assert store.keyword_matches("cat", EVERYTHING, 5) == []
    assert [rowid for rowid, _ in store.keyword_matches("only", EVERYTHING, 5)] == [1]
    assert store.count(where({"categories": ["pets"]})) == 0
    assert store.count(where({"categories": ["late"]})) == 1


def test_a_delete_leaves_nothing_but_history(store: Store) -> None:
    add(store, FULL, vectors=[unit(1)])
    store.apply(commit(Change("DELETE", before=FULL)))
    assert store.get("full") is None
    assert store.vector_of("full") is None
    assert store.count(EVERYTHING) == 0
    assert store.keyword_matches("cat", EVERYTHING, 5) == []
    assert store.nearest(unit(1), EVERYTHING, 5) == []
    assert [entry.event for entry in store.history("full")] == ["ADD", "DELETE"]


def test_one_commit_may_write_the_same_memory_twice(store: Store) -> None:
    first, second = record("m1", "One"), record("m1", "Two")
    store.apply(
        commit(
            Change("ADD", after=first),
            Change("UPDATE", before=first, after=second),
            Change("DELETE", before=second),
            Change("ADD", after=first),
        )
    )
    assert store.get("m1") == first
    assert len(store.history("m1")) == 4


@pytest.mark.parametrize(
    "field",
    [
        {"text": "Moved"},
        {"metadata": {"n": True}},
        {"metadata": {"n": 1.0}},
        {"scope": Scope(user_id="maya", run_id="r")},
        {"categories": ("b", "a")},
        {"updated_at": NOW + timedelta(microseconds=1)},
        {"created_at": NOW + timedelta(microseconds=1)},
        {"actor_id": "x"},
        {"role": "user"},
        {"memory_type": "x"},
        {"expiration_date": date(2026, 1, 1)},
        {"immutable": True},
    ],
)
def test_a_change_decided_on_anything_else_than_what_is_stored_is_a_conflict(
    store: Store, field: dict[str, Any]
) -> None:
    stored = record("m1", metadata={"n": 1}, categories=("a", "b"))
    add(store, stored)
    before = everything(store)
    stale = replace(stored, **field)
    for change in (Change("UPDATE", before=stale, after=record("m1", "New")), Change("DELETE", before=stale)):
        with pytest.raises(ConflictError, match=r"'m1' was changed by another writer \(now 'Text of m1'\)"):
            store.apply(commit(Change("ADD", after=record("new")), change))
    assert everything(store) == before


def test_a_change_of_what_is_no_longer_there_is_a_conflict(store: Store) -> None:
    with pytest.raises(ConflictError, match="'m1' is no longer there"):
        store.apply(commit(Change("UPDATE", before=record("m1"), after=record("m1", "New"))))
    with pytest.raises(ConflictError, match="'m1' is no longer there"):
        store.apply(commit(Change("DELETE", before=record("m1"))))


def test_an_add_needs_a_new_id(store: Store) -> None:
    add(store, record("m1", "One"))
    with pytest.raises(ConflictError, match="'m1' exists already"):
        add(store, record("m2"), record("m1", "Two"))
    assert store.get("m1") == record("m1", "One")
    assert store.get("m2") is None


def test_a_commit_needs_a_new_id(store: Store) -> None:
    store.apply(commit(commit_id="same"))
    with pytest.raises(ConflictError, match="'same' is already in the file"):
        store.apply(commit(Change("ADD", after=record()), commit_id="same"))
    assert store.get("m1") is None


def test_unique_refuses_the_same_text_in_the_same_scope_only(store: Store) -> None:
    add(store, record("m1", "Likes tea"))
    twin = Change("ADD", after=record("m2", "Likes tea"), unique=True)
    with pytest.raises(ConflictError, match="'m1' already says the same in this scope: 'Likes tea'"):
        store.apply(commit(twin))
    twins = commit(*(Change("ADD", after=record(name, "Likes jam"), unique=True) for name in ("m3", "m4")))
    with pytest.raises(ConflictError, match="'m3' already says"):
        store.apply(twins)
    for number, scope in enumerate([Scope(), Scope("maya", "helper"), Scope(agent_id="maya"), Scope("bo")]):
        elsewhere = record(f"s{number}", "Likes tea", scope=scope)
        store.apply(commit(Change("ADD", after=elsewhere, unique=True)))
    store.apply(commit(replace(twin, unique=False)))
    assert store.count(EVERYTHING) == 6


def test_after_a_delete_the_same_text_may_come_back(store: Store) -> None:
    add(store, record("m1", "Likes tea"))
    store.apply(commit(Change("DELETE", before=record("m1", "Likes tea"))))
    store.apply(commit(Change("ADD", after=record("m2", "Likes tea"), unique=True)))
    assert store.get("m2") == record("m2", "Likes tea")


def test_an_update_keeps_the_vector_only_while_the_text_stays(store: Store) -> None:
    one = record("m1", "One")
    tagged = replace(one, metadata={"n": 1})
    add(store, one, vectors=[unit(1)])
    store.apply(commit(Change("UPDATE", before=one, after=tagged)))
    assert np.array_equal(store.vector_of("m1"), unit(1))
    turned = replace(tagged, text="Two")
    write(store, Change("UPDATE", before=tagged, after=turned, vector=unit(0, 1)))
    assert np.array_equal(store.vector_of("m1"), unit(0, 1))
    assert store.nearest(unit(0, 1), EVERYTHING, 1) == [(1, 1.0)]
    store.apply(commit(Change("UPDATE", before=turned, after=one)))
    assert store.vector_of("m1") is None
    assert store.nearest(unit(0, 1), EVERYTHING, 1) == []
    write(store, Change("UPDATE", before=one, after=turned, vector=unit(1, 1)))
    assert np.array_equal(store.vector_of("m1"), unit(1, 1))


def test_a_change_keeps_the_vector_that_stood_before(store: Store) -> None:
    one, two = record("m1", "One"), record("m1", "Two")
    add(store, one, vectors=[unit(1)])
    write(store, Change("UPDATE", before=one, after=two, vector=unit(0, 1)))
    store.apply(commit(Change("DELETE", before=two)))
    with store._open() as connection:
        kept = [blob for (blob,) in connection.execute("SELECT vector_before FROM changes ORDER BY seq")]
    assert kept == [None, unit(1).tobytes(), unit(0, 1).tobytes()]


BAD_VECTORS: list[tuple[Any, str]] = [
    ([1.0] + [0.0] * 7, "list of shape unknown"),
    (unit(1).astype(np.float64), r"float64 of shape \(8,\)"),
    (unit(1)[None], r"float32 of shape \(1, 8\)"),
    (unit(1, dimension=7), "7 numbers, not 8"),
    (unit(1) * 2, "length 2"),
    (unit(1) * 0, "length 0"),
    (np.full(8, math.nan, dtype=np.float32), "length nan"),
    (np.full(8, math.inf, dtype=np.float32), "length inf"),
]


@pytest.mark.parametrize(("vector", "match"), BAD_VECTORS)
@pytest.mark.parametrize("file_has_vectors", [False, True])
def test_a_bad_vector_is_refused_before_anything_is_written(
    store: Store, vector: Any, match: str, file_has_vectors: bool
) -> None:
    if file_has_vectors:
        add(store, record("first"), vectors=[unit(1)])
    with pytest.raises(EmbeddingError, match=match):
        add(store, record("m1"), vectors=[vector])
    assert store.get("m1") is None
    if file_has_vectors:
        with pytest.raises(EmbeddingError, match=match):
            store.nearest(vector, EVERYTHING, 1)
        with pytest.raises(EmbeddingError, match=match):
            store.similarities(vector, [1])
        if isinstance(vector, np.ndarray):
            with pytest.raises(EmbeddingError, match=match):
                write(store, Change("ADD", after=record("m1"), vector=vector))


def test_the_first_vector_says_who_made_it(store: Store) -> None:
    assert store.identity() == {}
    assert store.vectors_match(EMBEDDER)
    with pytest.raises(ValidationError, match="vectors need `embedder`"):
        store.apply(commit(Change("ADD", after=record(), vector=unit(1))))
    store.apply(commit(Change("ADD", after=record("wordless"))), embedder=EMBEDDER)
    assert store.identity() == {}
    add(store, record(), vectors=[unit(1)])
    assert store.identity() == {"embedder": EMBEDDER}
    assert store.stats()["vectors"] == 1


@pytest.mark.parametrize(
    "other", [{"name": "other"}, {"sha256": "6" * 64}, {"pooling": "cls"}, {"dimension": 9}]
)
def test_vectors_of_two_embedders_never_mix(store: Store, other: dict[str, Any]) -> None:
    described = {**EMBEDDER, "pooling": "mean", "prefixes": ["a"]}
    store.apply(commit(Change("ADD", after=record(), vector=unit(1))), embedder=described)
    assert store.vectors_match(EMBEDDER)
    assert store.vectors_match({**described, "prefixes": ("a",)})
    assert not store.vectors_match({**described, **other})
    vector = unit(1, dimension=other.get("dimension", 8))
    foreign = commit(Change("ADD", after=record("m2"), vector=vector))
    with pytest.raises(ConflictError, match="can not be mixed"):
        store.apply(foreign, embedder={**described, **other})
    store.apply(commit(Change("ADD", after=record("m2"))), embedder={**described, **other})
    assert store.vector_of("m2") is None


@pytest.mark.parametrize("dimension", [None, 0, -1, 9000, "8", 8.0])
def test_an_embedder_without_a_dimension_is_refused(store: Store, dimension: Any) -> None:
    with pytest.raises(ValidationError, match="embedder dimension"):
        store.apply(commit(), embedder={**EMBEDDER, "dimension": dimension})


@pytest.mark.parametrize(
    "change",
    [
        Change("ADD"),
        Change("ADD", before=record()),
        Change("ADD", before=record(), after=record()),
        Change("UPDATE", after=record()),
        Change("UPDATE", before=record()),
        Change("DELETE", after=record()),
        Change("DELETE", before=record(), after=record()),
        Change("MOVE", before=record(), after=record()),  # type: ignore[arg-type]
        Change("UPDATE", before=record("m1"), after=record("m2")),
    ],
)
def test_a_malformed_change_is_refused(store: Store, change: Change) -> None:
    with pytest.raises(ValidationError, match=r"a Change with event|keeps the id"):
        store.apply(commit(change))
    assert store.stats()["commits"] == 0


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"metadata": {"x": {1, 2}}}, "can not be stored as JSON"),
        ({"metadata": {"x": math.nan}}, "can not be stored as JSON"),
        ({"metadata": {1: "x"}}, "would change when stored"),
        ({"metadata": {"x": (1, 2)}}, "would change when stored"),
        ({"metadata": ["x"]}, "would change when stored"),
        ({"metadata": {"x": "\ud800"}}, "not Unicode"),
        ({"text": "half \ud83d"}, "not Unicode"),
        ({"role": "\udfff"}, "not Unicode"),
        ({"created_at": datetime(2026, 1, 1)}, "no time zone"),
    ],
)
def test_what_can_not_be_stored_as_it_is_is_refused(store: Store, field: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        add(store, replace(record(), **field))
    assert store.stats()["commits"] == 0


def test_messages_and_engine_that_can_not_be_stored_are_refused(store: Store) -> None:
    with pytest.raises(ValidationError, match="not Unicode"):
        store.apply(commit(messages=(Message("user", "\ud800"),)))
    with pytest.raises(ValidationError, match=r"engine .* can not be stored"):
        store.apply(commit(engine={"llm": object()}))
    assert store.stats()["commits"] == 0


class Interrupt:
    """Raises KeyboardInterrupt at the nth statement."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __call__(self, cursor: Any, sql: str, bindings: Any) -> bool:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return True


def test_an_interrupt_at_any_statement_rolls_everything_back(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        old = record("old", categories=("a",))
        add(store, old, vectors=[unit(1)])
        before = everything(store)
        changes = (
            Change("ADD", after=record("new", categories=("b",)), vector=unit(0, 1)),
            Change("UPDATE", before=old, after=record("old", "Other"), vector=unit(1, 1)),
            Change("DELETE", before=record("old", "Other")),
        )
        statement = 0
        done = False
        while not done:
            statement += 1
            with store._open() as connection:
                connection.exec_trace = Interrupt(statement)
            try:
                store.apply(commit(*changes, messages=(Message("user", "hello"),)), embedder=EMBEDDER)
                done = True
            except KeyboardInterrupt:
                pass
            finally:
                with store._open() as connection:
                    connection.exec_trace = None
            if not done:
                assert everything(store) == before
                assert store.check() == []
        assert statement > 20
        assert [one.id for one in store.select(EVERYTHING)] == ["new"]
