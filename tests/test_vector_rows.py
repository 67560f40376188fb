"""Vectors are read where they are remembered to lie; sqlite-vec's own SELECT says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import DIMENSION, EMBEDDER, add, commit, opened, random_unit, record, unit, write
from tinymem.errors import CorruptError
from tinymem.store.filters import EVERYTHING
from tinymem.store.held import Held
from tinymem.store.store import Store
from tinymem.store.transaction import transaction
from tinymem.store.vector_rows import VectorRows
from tinymem.types import Change

ROW = 4 * DIMENSION  # bytes of one vector


def said(store: Store) -> dict[int, bytes]:
    """Return what sqlite-vec says of every vector."""
    with store._open() as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'memory_vec'").get:
            return {}
        rows = connection.execute("SELECT rowid, embedding FROM memory_vec ORDER BY rowid")
        return {int(rowid): bytes(vector) for rowid, vector in rows}


def follow(held: Held, store: Store) -> VectorRows:
    """Catch up as a search does, which loads what it needs; give what reads the file."""
    with store._open() as connection, transaction(connection, "DEFERRED"):
        held.follow(connection)
        held.vectors.nearest(connection, unit(1), EVERYTHING, 1)
    return held.vectors._file


def read(rows: VectorRows, store: Store, rowids: Any) -> list[bytes]:
    """Read vectors in the order of their rows."""
    with store._open() as connection, transaction(connection, "DEFERRED"):
        return [row.tobytes() for row in rows.read(connection, np.array(rowids, dtype=np.int64))]


def assert_all_are_read(held: Held, store: Store) -> None:
    expected, rows = said(store), follow(held, store)
    for order in (
        sorted(expected),
        sorted(expected, reverse=True),
        sorted(expected, key=lambda row: row % 3),
    ):
        if order:
            assert read(rows, store, order) == [expected[row] for row in order]


@pytest.fixture
def store() -> Iterator[Store]:
    """A store of 30 memories with random vectors."""
    generator = np.random.default_rng(5)
    with opened() as filled:
        records = [record(f"m{number}") for number in range(30)]
        add(filled, *records, vectors=[random_unit(generator) for _ in records])
        yield filled


def test_vectors_are_read_in_the_order_asked_for(store: Store) -> None:
    assert_all_are_read(Held(), store)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 30])
def test_blocks_are_all_there_is(count: int) -> None:
    with opened() as store:
        records = [record(f"m{number}") for number in range(count)]
        if records:
            add(store, *records, vectors=[unit(1, number) for number in range(count)])
            with store._open() as connection, transaction(connection, "DEFERRED"):
                blocks = list(VectorRows(DIMENSION).blocks(connection, count))
            rows = {row: vector for rowids, rows in blocks for row, vector in zip(rowids, rows, strict=True)}
            assert {row: vector.tobytes() for row, vector in rows.items()} == said(store)


def test_a_place_that_is_used_again_is_another_rows(store: Store) -> None:
    held = Held(resident_bytes=ROW)
    follow(held, store)
    store.apply(commit(Change("DELETE", before=record("m3"))))
    add(store, record("new"), vectors=[unit(0, 0, 1)])
    rows = follow(held, store)
    assert read(rows, store, [31]) == [unit(0, 0, 1).tobytes()]
    with pytest.raises(CorruptError, match="row 4 is no longer there"):
        read(rows, store, [5, 4])
    assert_all_are_read(held, store)


def test_a_vector_comes_and_goes(store: Store) -> None:
    held = Held(resident_bytes=ROW)
    follow(held, store)
    write(store, Change("UPDATE", before=record("m3"), after=record("m3", "New"), vector=unit(0, 1)))
    assert read(follow(held, store), store, [4]) == [unit(0, 1).tobytes()]
    store.apply(commit(Change("UPDATE", before=record("m3", "New"), after=record("m3", "Bare"))))
    with pytest.raises(CorruptError, match="row 4 is no longer there"):
        read(follow(held, store), store, [4])
    write(store, Change("UPDATE", before=record("m3", "Bare"), after=record("m3", "Back"), vector=unit(1)))
    assert read(follow(held, store), store, [4]) == [unit(1).tobytes()]


def test_compacting_lays_vectors_down_elsewhere(tmp_path: Path) -> None:
    """... which whoever has the file open has to learn."""
    with opened(tmp_path / "memory.db", resident_bytes=3 * ROW) as reader, opened(reader.path) as writer:
        records = [record(f"m{number}") for number in range(60)]
        generator = np.random.default_rng(5)
        add(writer, *records, vectors=[random_unit(generator) for _ in records])
        writer.apply(commit(*(Change("DELETE", before=one) for one in records[:40])))
        before = reader.nearest(unit(1), EVERYTHING, 20)
        writer.compact()
        assert reader.nearest(unit(1), EVERYTHING, 20) == before
        assert_all_are_read(reader._held, reader)


@pytest.mark.parametrize("rowid", [2**20, 2**27])
def test_rows_with_high_numbers_are_read_but_not_remembered(store: Store, rowid: int) -> None:
    with store._open() as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'memory'", (rowid,))
    held = Held(resident_bytes=ROW)
    follow(held, store)
    add(store, record("high"), vectors=[unit(0, 1)])
    assert list(said(store))[-1] == rowid + 1
    for each in (held, Held(resident_bytes=ROW)):
        assert_all_are_read(each, store)
        assert len(follow(each, store)._places) < 1_000
    store.apply(commit(Change("DELETE", before=record("high"))))
    assert_all_are_read(held, store)


@pytest.mark.parametrize(
    "place", ["chunk_id = 1 << 40", "chunk_id = -1", "chunk_id = NULL", "chunk_offset = 1 << 33"]
)
def test_a_place_that_can_not_be_is_damage(tmp_path: Path, place: str) -> None:
    store = Store(str(tmp_path / "memory.db"))
    add(store, record("m0"), record("m1"), vectors=[unit(1), unit(0, 1)])
    with store._open() as connection:
        connection.execute(f"UPDATE memory_vec_rowids SET {place} WHERE rowid = 2")
    with pytest.raises(CorruptError, match="row 2 is no longer there: repair"):
        read(VectorRows(DIMENSION), store, [1, 2])
    store.close()


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "update", "bare", "delete", "delete", "compact", "look", "reset"]),
        st.integers(0, 99),
    ),
    max_size=15,
)
FIRST = [("add", 0)] * 12 + [("look", 0)]


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_any_writes_are_followed(steps: list[tuple[str, int]]) -> None:
    """... by what looks now and then, and by what looks only in the end."""
    generator = np.random.default_rng(5)
    with opened() as store:
        looking = Held(resident_bytes=ROW)
        alive: list[Any] = []
        for number, (kind, pick) in enumerate([*FIRST, *steps]):
            if kind == "look":
                assert_all_are_read(looking, store)
            elif kind == "compact":
                store.compact()
            elif kind == "reset":
                store.reset()
                alive = []
            elif kind == "add" or not alive:
                alive.append(record(f"m{number}"))
                store.apply(
                    commit(Change("ADD", after=alive[-1], vector=random_unit(generator))), embedder=EMBEDDER
                )
            else:
                old = alive.pop(pick % len(alive))
                new = None if kind == "delete" else replace(old, text=f"{old.text}!")
                vector = random_unit(generator) if kind == "update" else None
                event: Any = "DELETE" if new is None else "UPDATE"
                store.apply(commit(Change(event, before=old, after=new, vector=vector)), embedder=EMBEDDER)
                alive += [] if new is None else [new]
        assert_all_are_read(looking, store)
        assert_all_are_read(Held(), store)
