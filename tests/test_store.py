from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import EMBEDDER, FULL, NOW, add, commit, opened, python, record, unit
from tinymem.errors import StoreError
from tinymem.store.filters import EVERYTHING, Where, where
from tinymem.store.schema import SCHEMA_VERSION
from tinymem.store.store import Store
from tinymem.types import Change, Message, Record, Scope, Span


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


def test_a_record_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        add(store, FULL, record("plain"))
    with opened(tmp_path / "memory.db") as store:
        found = store.get("full")
        assert found == FULL
        assert repr(found.metadata) == repr(FULL.metadata)
        assert found.created_at.tzinfo is timezone.utc
        assert store.get("plain") == record("plain")
        assert store.get("unknown") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)
ids = st.none() | st.text(min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(),
    scope=st.builds(Scope, ids, ids, ids, ids),
    metadata=st.dictionaries(st.text(), json_values, max_size=4),
    categories=st.lists(st.text(), unique=True, max_size=3).map(tuple),
    moment=st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(fold=0)),
    day=st.none() | st.dates(),
)
def test_any_record_round_trips_and_its_history_replays(
    day: date | None, moment: datetime, **fields: Any
) -> None:
    one = record("any", created_at=moment, updated_at=moment, expiration_date=day, **fields)
    with opened() as store:
        add(store, one)
        assert store.get("any") == one
        assert repr(store.get("any")) == repr(one)
        assert store.history("any")[0].after == one
        store.apply(commit(Change("DELETE", before=one)))
        assert store.get("any") is None


def test_select_orders_limits_and_pages(store: Store) -> None:
    add(store, *(record(f"m{n}", age=n // 2) for n in range(6)))
    newest = ["m1", "m0", "m3", "m2", "m5", "m4"]
    assert [one.id for one in store.select(EVERYTHING)] == newest
    assert [one.id for one in store.select(EVERYTHING, order="oldest")] == newest[::-1]
    assert [one.id for one in store.select(EVERYTHING, limit=2, offset=1)] == newest[1:3]
    assert [one.id for one in store.select(EVERYTHING, offset=4)] == newest[4:]
    assert store.select(EVERYTHING, limit=0) == []


def test_reads_take_any_condition(store: Store) -> None:
    add(store, record("m1", scope=Scope("maya")), record("m2", scope=Scope("bo"), metadata={"n": 5}))
    either = Where("m.user_id = ? OR m.user_id = ?", ("maya", "bo"))
    assert store.count(either) == 2
    assert store.count(either & where({"n": {"gt": 4}})) == 1
    assert [one.id for one in store.select(where({"n": {"gt": 4}}))] == ["m2"]
    assert len(store.keyword_matches("text", either & Where("m.user_id = ?", ("bo",)), 5)) == 1


def test_get_many_reads_by_rowid_and_leaves_out_what_is_not_there(store: Store) -> None:
    add(store, *(record(f"m{n}") for n in range(5)))
    assert store.get_many([5, 2, 99, 2]) == {2: record("m1"), 5: record("m4")}
    assert store.get_many(np.array([1])) == {1: record("m0")}
    assert store.get_many([]) == {}


def test_a_rowid_is_never_used_again(store: Store) -> None:
    add(store, record("m1"))
    store.apply(commit(Change("DELETE", before=record("m1"))))
    add(store, record("m2"))
    assert list(store.get_many([1, 2])) == [2]


def test_a_snapshot_sees_one_state_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store, opened(path) as other:
        add(store, record("m1"))
        with store.snapshot():
            assert store.count(EVERYTHING) == 1
            add(other, record("m2"))
            with store.snapshot():
                assert store.count(EVERYTHING) == 1
            assert store.get("m2") is None
            assert store.check() == []
        assert store.count(EVERYTHING) == 2


def test_nothing_can_be_written_inside_a_snapshot(store: Store) -> None:
    with store.snapshot():
        with pytest.raises(StoreError, match=r"inside snapshot\(\)"):
            add(store, record())
        with pytest.raises(StoreError, match=r"inside snapshot\(\)"):
            store.reset()


READS: dict[str, Callable[[Store], object]] = {
    "identity": lambda store: store.identity(),
    "vectors_match": lambda store: store.vectors_match(EMBEDDER),
    "get": lambda store: store.get("m1"),
    "get_many": lambda store: store.get_many([1]),
    "select": lambda store: store.select(EVERYTHING),
    "count": lambda store: store.count(EVERYTHING),
    "nearest": lambda store: store.nearest(unit(1), EVERYTHING, 5),
    "similarities": lambda store: store.similarities(unit(1), [1]),
    "keyword_matches": lambda store: store.keyword_matches("text", EVERYTHING, 5),
    "history": lambda store: store.history("m1"),
    "vector_of": lambda store: store.vector_of("m1"),
    "messages_of": lambda store: store.messages_of("c1"),
    "check": lambda store: store.check(),
    "stats": lambda store: store.stats(),
}


def test_reads_never_write(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        add(store, record("m1"), record("m2"), vectors=[unit(1), unit(0, 1)])
    folded = path.read_bytes()
    with opened(path) as store:
        log = tmp_path / "memory.db-wal"
        for read in READS.values():
            read(store)
        with store.snapshot():
            for read in READS.values():
                read(store)
        assert log.stat().st_size == 0
        with store._open() as connection:
            connection.pragma("query_only", True)
        for name in READS.keys() - {"check"}:  # check() makes a table, in memory
            READS[name](store)
        with store._open() as connection:
            connection.pragma("query_only", False)
    assert path.read_bytes() == folded


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = Store(str(path))
    store.close()
    store.close()
    for use in (*READS.values(), lambda store: store.reset(), lambda store: add(store, record())):
        with pytest.raises(StoreError, match=r"memory.db was closed; open it again"):
            use(store)
    with pytest.raises(StoreError, match="was closed"), store.snapshot():
        pass


def test_reset_removes_everything_and_the_file_stays_ours(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        empty = path.stat().st_size
        secret = "Unmistakable words " * 10
        messages = (Message("user", secret),)
        store.apply(
            commit(Change("ADD", after=record("m1", secret), vector=unit(1)), messages=messages),
            embedder=EMBEDDER,
        )
        assert store.nearest(unit(1), EVERYTHING, 1) != []
        store.reset()
        assert store.select(EVERYTHING) == []
        assert store.history("m1") == []
        assert store.identity() == {}
        assert store.nearest(unit(1), EVERYTHING, 1) == []
        assert store.keyword_matches("unmistakable", EVERYTHING, 1) == []
        nine = {**EMBEDDER, "dimension": 9}
        vector = unit(0, 0, 1, dimension=9)
        store.apply(commit(Change("ADD", after=record("m1"), vector=vector)), embedder=nine)
        assert store.nearest(vector, EVERYTHING, 1) == [(2, 1.0)]
        store.reset()
    assert b"nmistakable" not in path.read_bytes()
    assert path.stat().st_size < 150_000 + empty
    with opened(path) as store:
        add(store, record("m1"))


def test_stats_count_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        add(store, record("m1"), record("m2"), vectors=[unit(1), unit(0, 1)])
        store.apply(commit(Change("DELETE", before=record("m1")), messages=(Message("user", "no"),)))
        stats = store.stats()
    assert stats == {
        "memories": 1,
        "commits": 2,
        "changes": 3,
        "messages": 1,
        "entities": 0,
        "feedback": 0,
        "vectors": 1,
        "size_bytes": path.stat().st_size,
        "schema_version": SCHEMA_VERSION,
        "embedder": EMBEDDER,
    }


def test_evidence_is_kept_with_the_change(store: Store) -> None:
    spans = (Span(0, 3, 9), Span(2, 0, 4))
    store.apply(commit(Change("ADD", after=record(), evidence=spans)))
    assert store.history("m1")[0].evidence == spans


FORKED = """
import os, sys
from tinymem.errors import StoreError
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store
from tinymem.types import Change
from tests.store_parts import add, commit, record
store = Store(sys.argv[1])
add(store, record("before"))
if os.fork() == 0:
    try:
        store.count(EVERYTHING)
    except StoreError as error:
        print(error, flush=True)
    store.close()
    own = Store(sys.argv[1])
    own.apply(commit(Change("ADD", after=record("child")), commit_id="of the child"))
    own.close()
    os._exit(0)
os.wait()
add(store, record("after"))
print(store.count(EVERYTHING), store.check())
store.close()
print(sorted(os.listdir(os.path.dirname(sys.argv[1]))))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_opens_its_own(tmp_path: Path) -> None:
    answer, _ = python(FORKED, tmp_path / "memory.db").communicate(timeout=30)
    refused, counted, names = answer.splitlines()
    assert "was opened before this process was forked" in refused
    assert (counted, names) == ("3 []", "['memory.db']")


def test_the_store_takes_every_record_type(store: Store) -> None:
    none_at_all = Record("bare", "", Scope(), NOW, NOW)
    add(store, none_at_all)
    assert store.get("bare") == none_at_all
