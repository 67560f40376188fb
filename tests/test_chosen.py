from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import add, commit, opened, record
from tinymem import CorruptError
from tinymem.store import chosen as module
from tinymem.store import held as following
from tinymem.store.chosen import ALL, Choice
from tinymem.store.filters import EVERYTHING, Where, where
from tinymem.store.held import Held
from tinymem.store.store import Store
from tinymem.store.transaction import transaction
from tinymem.types import Change, Scope

CONDITIONS = (
    where({"user_id": "bo"}),
    where({"NOT": {"user_id": "bo"}}),
    where({"categories": {"in": ["pets"]}}),
    where({"metadata": {"n": {"gte": 5}}}),
    Where("m.archived = 0", ()),
)

steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "update", "delete"]), st.integers(0, 99), st.sampled_from(["bo", "al"])
    ),
    max_size=12,
)


def rows(held: Held, store: Store, condition: Where) -> list[int]:
    with store._open() as connection, transaction(connection, "DEFERRED"):
        held.follow(connection)
        return [int(row) for row in held.chosen.rows(connection, condition).rowids]


def by_sql(store: Store, condition: Where) -> list[int]:
    with store._open() as connection:
        sql = f"SELECT m.rowid FROM memory m WHERE {condition.sql} ORDER BY m.rowid"
        return [int(str(row)) for (row,) in connection.execute(sql, condition.params)]


@settings(max_examples=60, deadline=None)
@given(steps=steps, many=st.sampled_from([0, 2_000]))
def test_what_is_remembered_is_what_sql_says(steps: list[Any], many: int) -> None:
    held, alive = Held(), {}
    with opened() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "_MANY", many)
        for number, (kind, pick, owner) in enumerate(steps):
            marks: dict[str, Any] = {"scope": Scope(user_id=owner), "metadata": {"n": pick % 10}}
            marks |= {"categories": ("pets",) if pick % 3 else (), "archived": pick % 5 == 0}
            if kind == "add" or not alive:
                alive[number] = record(f"m{number}", **marks)
                store.apply(commit(Change("ADD", after=alive[number])))
            else:
                key = sorted(alive)[pick % len(alive)]
                old = alive.pop(key)
                if kind == "update":
                    alive[key] = replace(old, **marks)
                    store.apply(commit(Change("UPDATE", before=old, after=alive[key])))
                else:
                    store.apply(commit(Change("DELETE", before=old)))
            for condition in CONDITIONS[number % 2 :]:
                assert rows(held, store, condition) == by_sql(store, condition)


@pytest.mark.parametrize(
    "asked", [[], [0], [1, 2, 3], [1, 3, 9], [4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
)
def test_a_choice_knows_its_rows(asked: list[int]) -> None:
    choice = Choice(np.array([5, 1, 3]))
    assert choice.rowids.tolist() == [1, 3, 5]
    assert choice.has(np.array(asked, dtype=np.int64)).tolist() == [row in (1, 3, 5) for row in asked]
    assert ALL.has(np.array(asked, dtype=np.int64)).all()
    choice.renew(np.array([3, 8]), np.array([8]))
    assert choice.rowids.tolist() == [1, 5, 8]
    assert choice.count == 3


def test_other_owners_commits_leave_an_answer_as_it_is(tmp_path: Path) -> None:
    """Not even a copy is made of what 10,000 memories of somebody else would not change."""
    held, only_bo = Held(), where({"user_id": "bo"})
    with opened(tmp_path / "memory.db") as store, opened(tmp_path / "memory.db") as writer:
        add(store, record("m0", scope=Scope(user_id="bo")), record("m1"))
        assert rows(held, store, only_bo) == [1]
        with store._open() as connection, transaction(connection, "DEFERRED"):
            before = held.chosen.rows(connection, only_bo).rowids
        add(writer, record("m2"))
        assert rows(held, store, only_bo) == [1]
        with store._open() as connection, transaction(connection, "DEFERRED"):
            assert held.chosen.rows(connection, only_bo).rowids is before


def test_no_more_is_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_BYTES", 100)
    held = Held()
    with opened() as store:
        add(store, *(record(f"m{number}") for number in range(20)))
        for number in range(40):
            condition = Where("m.rowid > ?", (number % 20,))
            assert rows(held, store, condition) == by_sql(store, condition)
            assert held.chosen._nbytes() <= 100 or len(held.chosen._known) == 1
        monkeypatch.setattr(module, "REMEMBERED_BYTES", 10**9)
        for number in range(40):
            rows(held, store, Where("m.rowid > ?", (number,)))
        assert len(held.chosen._known) == module.REMEMBERED
        with store._open() as connection:
            assert held.chosen.rows(connection, EVERYTHING) is ALL


@pytest.mark.parametrize("rowid", [-1, 2**40, 2**62])
def test_a_number_of_a_row_that_makes_no_sense_is_damage(rowid: int) -> None:
    with pytest.raises(CorruptError, match="numbers its memories"):
        Choice(np.array([1, rowid], dtype=np.int64))
    with pytest.raises(CorruptError, match="numbers its memories"):
        Choice(np.array([1], dtype=np.int64)).renew(np.array([rowid]), np.array([rowid]))
