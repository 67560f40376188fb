from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store_parts import DIMENSION, EMBEDDER, add, commit, opened, random_unit, record, unit, write
from tinymem.errors import CorruptError
from tinymem.store import vectors
from tinymem.store.chosen import REMEMBERED
from tinymem.store.filters import EVERYTHING, Where
from tinymem.store.held import Held
from tinymem.store.resident import FARTHEST, ResidentVectors
from tinymem.store.store import Store
from tinymem.store.transaction import transaction
from tinymem.types import Change, Scope, Vector

ROW = 4 * DIMENSION  # bytes of one vector
EVEN = Where("m.user_id = ?", ("even",))


def scoped(number: int, text: str | None = None) -> Any:
    """Return memory number `number`, of user even or odd."""
    return record(f"m{number}", text, scope=Scope(user_id="odd" if number % 2 else "even"))


def brute_force(store: Store, vector: Vector, where: Where, limit: int) -> list[tuple[int, float]]:
    """Compute the nearest from what the store says of every memory."""
    wanted = {one.id for one in store.select(where)}
    with store._open() as connection:
        rowids = dict(connection.execute("SELECT id, rowid FROM memory").fetchall())
    scored = [
        (rowids[name], float(np.dot(stored.astype(np.float64), vector.astype(np.float64))))
        for name in wanted
        if (stored := store.vector_of(name)) is not None
    ]
    return sorted(scored, key=lambda pair: (-round(pair[1], 9), pair[0]))[:limit]


def same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> bool:
    """Tell whether two rankings name the same rows with the same cosines."""
    return [row for row, _ in found] == [row for row, _ in expected] and np.allclose(
        [score for _, score in found], [score for _, score in expected], atol=1e-6
    )


@pytest.fixture
def store() -> Iterator[Store]:
    """A store of 60 memories with random vectors, half of them of user even."""
    generator = np.random.default_rng(7)
    with opened() as filled:
        rows = [scoped(number) for number in range(60)]
        add(filled, *rows, vectors=[random_unit(generator) for _ in rows])
        yield filled


@pytest.mark.parametrize("where", [EVERYTHING, EVEN, Where("m.user_id = ?", ("nobody",))])
@pytest.mark.parametrize("limit", [0, 1, 7, 30, 1000])
def test_the_nearest_are_those_of_plain_arithmetic(store: Store, where: Where, limit: int) -> None:
    vector = random_unit(np.random.default_rng(1))
    assert same(store.nearest(vector, where, limit), brute_force(store, vector, where, limit))


def test_an_empty_file_has_no_nearest() -> None:
    with opened() as store:
        assert store.nearest(unit(1), EVERYTHING, 5) == []
        assert store.similarities(unit(1), [1]) == {}
        add(store, record("wordless"))
        assert store.nearest(unit(1), EVERYTHING, 5) == []
        assert store.vector_of("wordless") is None


def test_equal_vectors_are_ordered_by_rowid_wherever_they_are_cut() -> None:
    with opened() as store:
        add(store, *(scoped(number) for number in range(40)), vectors=[unit(1, 2, 3)] * 40)
        for limit in (1, 3, 39):
            assert (
                store.nearest(unit(1, 1), EVERYTHING, limit)
                == store.nearest(unit(1, 1), EVERYTHING, 40)[:limit]
            )
        assert [rowid for rowid, _ in store.nearest(unit(1, 1), EVEN, 3)] == [1, 3, 5]


def test_similarities_leave_out_what_has_no_vector(store: Store) -> None:
    add(store, record("wordless"))
    vector = random_unit(np.random.default_rng(2))
    found = store.similarities(vector, [61, 5, 5, 3, 999])
    assert sorted(found) == [3, 5]
    assert found[5] == pytest.approx(float(store.vector_of("m4") @ vector), abs=1e-6)
    assert store.similarities(vector, []) == {}
    assert dict(store.nearest(vector, EVERYTHING, 100))[5] == found[5]


def test_cosines_stay_between_minus_one_and_one() -> None:
    with opened() as store:
        add(store, scoped(0), scoped(1), vectors=[unit(1) * np.float32(1.0005), unit(-1)])
        assert store.nearest(unit(1), EVERYTHING, 2) == [(1, 1.0), (2, -1.0)]


def test_a_filter_is_asked_again_when_the_file_changed(store: Store) -> None:
    assert len(store.nearest(unit(1), EVEN, 100)) == 30
    store.apply(commit(Change("DELETE", before=scoped(0))))
    assert len(store.nearest(unit(1), EVEN, 100)) == 29
    store.apply(
        commit(Change("UPDATE", before=scoped(1), after=replace(scoped(1), scope=Scope(user_id="even"))))
    )
    assert len(store.nearest(unit(1), EVEN, 100)) == 30


def test_equal_parameters_of_different_types_are_different_filters(store: Store) -> None:
    asked = "typeof(?) = 'integer'"
    assert len(store.nearest(unit(1), Where(asked, (1,)), 100)) == 60
    assert store.nearest(unit(1), Where(asked, (1.0,)), 100) == []


def test_another_process_commits_are_followed(tmp_path: Path) -> None:
    """Two Stores on one file share nothing but the file, as two processes do."""
    path = tmp_path / "memory.db"
    with opened(path) as reader, opened(path) as writer:
        assert reader.nearest(unit(1), EVERYTHING, 9) == []
        add(writer, scoped(0), scoped(1), vectors=[unit(1), unit(0, 1)])
        assert reader.nearest(unit(1), EVERYTHING, 9) == [(1, 1.0), (2, 0.0)]
        write(writer, Change("UPDATE", before=scoped(0), after=scoped(0, "New"), vector=unit(0, 0, 1)))
        writer.apply(commit(Change("DELETE", before=scoped(1))))
        add(writer, scoped(2), vectors=[unit(1)])
        assert reader.nearest(unit(1), EVERYTHING, 9) == [(3, 1.0), (1, 0.0)]
        writer.reset()
        assert reader.nearest(unit(1), EVERYTHING, 9) == []
        add(writer, *(scoped(number) for number in range(5)), vectors=[unit(0, 1)] * 5)
        assert [rowid for rowid, _ in reader.nearest(unit(0, 1), EVERYTHING, 9)] == [4, 5, 6, 7, 8]
        with reader.snapshot():
            assert len(reader.nearest(unit(1), EVERYTHING, 9)) == 5
            add(writer, scoped(9), vectors=[unit(1)])
            assert len(reader.nearest(unit(1), EVERYTHING, 9)) == 5
        assert len(reader.nearest(unit(1), EVERYTHING, 9)) == 6


def test_a_vector_that_comes_later_to_an_old_memory_is_found(store: Store) -> None:
    first = scoped(100)
    add(store, first)
    add(store, scoped(101), vectors=[unit(0, 1)])
    assert len(store.nearest(unit(1), EVERYTHING, 100)) == 61
    write(store, Change("UPDATE", before=first, after=scoped(100, "New"), vector=unit(1)))
    assert store.nearest(unit(1), EVERYTHING, 1) == [(61, 1.0)]


class Steps:
    """Applies random writes to a store and remembers which memories there are."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.alive: dict[int, Any] = {}
        self.next = 0

    def take(self, kind: str, pick: int, vector: Vector) -> None:
        if kind == "add" or not self.alive:
            one = scoped(self.next)
            self.store.apply(
                commit(Change("ADD", after=one, vector=None if kind == "bare" else vector)), embedder=EMBEDDER
            )
            self.alive[self.next] = one
            self.next += 1
            return
        number = sorted(self.alive)[pick % len(self.alive)]
        old = self.alive.pop(number)
        if kind == "delete":
            self.store.apply(commit(Change("DELETE", before=old)))
            return
        new = replace(old, text=f"{old.text}!")
        given_vector = None if kind == "bare" else vector
        self.store.apply(
            commit(Change("UPDATE", before=old, after=new, vector=given_vector)), embedder=EMBEDDER
        )
        self.alive[number] = new


coarse = st.lists(st.integers(-2, 2), min_size=2, max_size=3).filter(any).map(lambda numbers: unit(*numbers))
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "update", "bare", "delete"]), st.integers(0, 99), coarse),
    max_size=12,
)


def ask(held: Held, store: Store, vector: Vector, where: Where, limit: int) -> list[tuple[int, float]]:
    """Ask what another process would hold of the same file."""
    with store._open() as connection, transaction(connection, "DEFERRED"):
        held.follow(connection)
        return held.vectors.nearest(connection, vector, where, limit)


@settings(max_examples=40, deadline=None)
@given(steps=steps, asked=st.lists(st.tuples(coarse, st.integers(1, 6)), min_size=3, max_size=3))
def test_memory_and_file_agree_after_any_writes(steps: list[Any], asked: list[tuple[Vector, int]]) -> None:
    """What follows the changes, what is freshly loaded, and what holds next to nothing agree."""
    following = [Held(), Held(resident_bytes=1 * ROW), Held(resident_bytes=3 * ROW)]
    with opened() as store:
        play = Steps(store)
        for position, step in enumerate(steps):
            play.take(*step)
            if position % 3 == 0:
                for held in following:
                    ask(held, store, unit(1), EVEN, 3)
        for vector, limit in asked:
            for where in (EVERYTHING, EVEN):
                expected = store.nearest(vector, where, limit)
                assert same(expected, brute_force(store, vector, where, limit))
                for held in (*following, Held(), Held(resident_bytes=2 * ROW)):
                    assert ask(held, store, vector, where, limit) == expected
                    with store._open() as connection, transaction(connection, "DEFERRED"):
                        found = held.vectors.similarities(connection, vector, range(20))
                    assert found == store.similarities(vector, range(20))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_signs_decide_what_is_compared_only_where_there_is_too_much(
    store: Store, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the least differing signs first, the nearest is found; scores stay those of plain arithmetic."""
    monkeypatch.setattr(vectors, "EXACT_LIMIT", 0)
    monkeypatch.setattr(vectors, "LIKELY_LEAST", 5)
    monkeypatch.setattr(vectors, "LIKELY", 2)
    monkeypatch.setattr(vectors, "ROUGH", (2, 2))
    monkeypatch.setattr(vectors, "IN_MEMORY", 1)
    asked = store.vector_of("m4")
    assert asked is not None
    for where in (EVERYTHING, EVEN):
        exact = dict(brute_force(store, asked, where, 100))
        for held in (Held(), Held(resident_bytes=7 * ROW)):
            found = ask(held, store, asked, where, limit)
            assert found[0] == (5, 1.0)
            assert len(found) == min(limit, len(exact))
            assert all(exact[row] == pytest.approx(score, abs=1e-6) for row, score in found)


def test_of_many_vectors_nearly_all_of_the_best_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recall@10 is at least 0.97 where the file has far more vectors than may be compared or held in full."""
    generator = np.random.default_rng(11)
    centres = generator.normal(size=(60, 384))
    rows = centres[generator.integers(60, size=4_000)] + generator.normal(size=(4_000, 384))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    asked = (rows[:40] + 0.03 * generator.normal(size=(40, 384))).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    monkeypatch.setattr(vectors, "EXACT_LIMIT", 0)
    with opened() as store:
        changes = [Change("ADD", after=scoped(number), vector=row) for number, row in enumerate(rows)]
        store.apply(commit(*changes), embedder={**EMBEDDER, "dimension": 384})
        held, found = Held(resident_bytes=100 * 4 * 384), 0
        for vector in asked:
            best = {row for row, _ in ask(held, store, vector, EVERYTHING, 10)}
            found += len(best & set((np.argsort(-(rows @ vector))[:10] + 1).tolist()))
    assert found >= 0.97 * 400


def test_of_equal_distances_no_more_than_wanted_are_compared() -> None:
    distances = np.array([3, 1, 2, 2, FARTHEST, 2, 0], dtype=np.uint16)
    assert vectors._lowest(distances, 3).tolist() == [1, 2, 6]
    assert vectors._lowest(distances, 5).tolist() == [1, 2, 3, 5, 6]
    assert vectors._lowest(distances, 9).tolist() == [0, 1, 2, 3, 5, 6]


def test_no_more_vectors_are_held_in_full_than_may_be(store: Store) -> None:
    held = Held(resident_bytes=60 * ROW)
    ask(held, store, unit(1), EVERYTHING, 1)
    assert held.vectors._loaded is not None
    assert held.vectors._loaded.matrix is not None
    add(store, scoped(60), vectors=[unit(1)])
    assert ask(held, store, unit(1), EVERYTHING, 1) == [(61, 1.0)]
    assert held.vectors._loaded.matrix is None
    assert held.vectors._loaded._rows.shape == (60, 8)


def test_what_a_filter_chose_is_forgotten_with_the_filter(store: Store) -> None:
    held = Held()
    for number in range(3 * REMEMBERED):
        ask(held, store, unit(1), Where("m.user_id <> ?", (str(number),)), 1)
    gc.collect()
    assert len(held.vectors._parts) <= REMEMBERED


def test_vectors_that_are_loaded_anew_are_not_held_twice(store: Store) -> None:
    held = Held()
    for where in (EVERYTHING, EVEN):
        ask(held, store, unit(1), where, 1)
    assert held.vectors._loaded is not None
    before = ref(held.vectors._loaded)
    add(store, *(scoped(number) for number in range(60, 200)), vectors=[unit(1)] * 140)
    assert len(ask(held, store, unit(1), EVEN, 200)) == 100
    gc.collect()
    assert before() is None


@pytest.mark.parametrize("limit", [0, vectors.EXACT_LIMIT])
def test_a_filter_that_chooses_others_now_is_asked_again(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """... where only who is chosen has changed, and whichever way vectors are compared."""
    monkeypatch.setattr(vectors, "EXACT_LIMIT", limit)
    generator = np.random.default_rng(9)
    wheres = (EVERYTHING, EVEN, Where("m.user_id = ?", ("rare",)))
    with opened() as store:
        add(store, *map(scoped, range(40)), vectors=[random_unit(generator) for _ in range(40)])
        for number in (3, 8, 30):
            for where in wheres:
                assert same(store.nearest(unit(1), where, 50), brute_force(store, unit(1), where, 50))
            renamed = replace(scoped(number), scope=Scope(user_id="rare"))
            store.apply(commit(Change("UPDATE", before=scoped(number), after=renamed)))
        for where in wheres:
            assert same(store.nearest(unit(1), where, 50), brute_force(store, unit(1), where, 50))


def test_a_vector_that_is_gone_from_under_its_row_is_damage(store: Store) -> None:
    with store._open() as connection, transaction(connection, "DEFERRED"):
        held = Held(resident_bytes=1 * ROW)
        held.follow(connection)
        with pytest.raises(CorruptError, match="row 61"):
            held.vectors._file.read(connection, np.array([5, 61]))


def test_resident_rows_grow_die_and_come_back() -> None:
    resident = ResidentVectors(DIMENSION, 0, 1_000)
    for rowid in range(1, 201):
        assert resident.put(rowid * 2, unit(1, rowid))
    assert resident.matrix is not None
    assert resident.matrix.shape == (200, DIMENSION)
    assert not resident.put(3, unit(1))
    resident.drop(4)
    resident.drop(5)
    assert resident.positions(np.array([2, 4, 5, 6, 999])).tolist() == [0, 2]
    assert resident.alive.sum() == 199
    assert resident.put(4, unit(5))
    assert np.array_equal(resident.matrix[resident.positions(np.array([4]))[0]], unit(5))


@pytest.mark.parametrize("limit", [1, 64, 70, 100, 1_000])
def test_what_is_not_held_is_read_and_then_held(limit: int) -> None:
    """However the rows came, and however few have space, the vectors are those that were put."""
    generator = np.random.default_rng(3)
    rows = np.stack([random_unit(generator, 70) for _ in range(300)])
    asked: list[int] = []

    def read(rowids: Any) -> Vector:
        asked.extend(rowids.tolist())
        return rows[rowids]

    resident = ResidentVectors(70, 90, limit)
    resident.load([(np.arange(80, 90), rows[80:90]), (np.arange(80), rows[:80])])
    for rowid in range(90, 300):
        assert resident.put(rowid, rows[rowid])
    everywhere = np.arange(300)
    for positions in (everywhere, everywhere[::-7], everywhere[5:9], np.empty(0, dtype=np.int64)):
        assert np.array_equal(resident.vectors(positions, read), rows[positions])
    assert bool(asked) == (limit < 300)
    resident.vectors(everywhere[5:6], read)
    asked.clear()
    resident.vectors(everywhere[5:6], read)
    assert asked == []
    above = rows > rows[80:90].mean(axis=0)
    differing = above != above[7]
    assert resident.distances(rows[7], resident.signs(None)).tolist() == differing.sum(axis=1).tolist()
    backwards = resident.signs(everywhere[::-3])
    assert resident.distances(rows[7], backwards).tolist() == differing[::-3].sum(axis=1).tolist()
    weighed = np.where(above, 1.0, -1.0) @ rows[7]
    assert np.allclose(resident.estimates(rows[7], backwards), weighed[::-3], atol=1e-5)


def test_resident_rows_load_in_any_order() -> None:
    resident = ResidentVectors(8, 0, 100)
    resident.load((np.array([row]), unit(1, row)[None]) for row in (5, 1, 9, 3))
    assert resident.rowids.tolist() == [1, 3, 5, 9]
    assert np.array_equal(resident.matrix, np.stack([unit(1, rowid) for rowid in (1, 3, 5, 9)]))
    assert resident.positions(np.array([3, 4])).tolist() == [1]
