from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store_parts import EMBEDDER, add, commit, opened, record, unit, write
from tinymem.errors import ConflictError, EmbeddingError, ValidationError
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store
from tinymem.types import Change, Vector

NEW = {"name": "other", "sha256": "7" * 64, "dimension": 3}


def by_length(texts: Sequence[str]) -> Vector:
    """Embed texts by their lengths: an embedder of three dimensions."""
    return np.stack([unit(1, len(text), dimension=3) for text in texts])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of ten memories with vectors of EMBEDDER, one of them updated, and one without."""
    with opened(tmp_path / "memory.db") as filled:
        rows = [record(f"m{n}", "x" * (n + 1)) for n in range(10)]
        add(filled, *rows, vectors=[unit(1, n) for n in range(10)])
        write(filled, Change("UPDATE", before=rows[9], after=record("m9", "y" * 20), vector=unit(5)))
        add(filled, record("wordless", "z" * 30))
        yield filled


def stands_in(store: Store, embedder: dict[str, Any]) -> bool:
    return store.identity() == {"embedder": embedder}


def test_every_memory_gets_a_vector_of_the_new_embedder(store: Store) -> None:
    told: list[tuple[int, int]] = []
    assert store.reembed(by_length, NEW, batch_size=5, progress=lambda *step: told.append(step)) == 12
    assert told == [(5, 12), (10, 12), (12, 12)]
    assert stands_in(store, NEW)
    assert store.vectors_match(NEW)
    assert not store.vectors_match(EMBEDDER)
    for one in store.select(EVERYTHING):
        assert np.array_equal(store.vector_of(one.id), by_length([one.text])[0])
    assert store.nearest(by_length(["z" * 30])[0], EVERYTHING, 1) == [(11, pytest.approx(1))]
    with pytest.raises(EmbeddingError, match="8 numbers, not 3"):
        store.nearest(unit(1), EVERYTHING, 1)
    assert store.check() == []


def test_the_past_is_embedded_again_too(store: Store) -> None:
    store.reembed(by_length, NEW)
    with store._open() as connection:
        kept = connection.execute(
            "SELECT vector_before FROM changes WHERE vector_before IS NOT NULL"
        ).fetchall()
    assert kept == [(by_length(["x" * 10])[0].tobytes(),)]


def test_an_empty_file_only_changes_its_embedder() -> None:
    with opened() as store:
        assert store.reembed(by_length, NEW) == 0
        assert stands_in(store, NEW)
        store.apply(commit(Change("ADD", after=record(), vector=unit(1, dimension=3))), embedder=NEW)


def test_equal_texts_are_embedded_once() -> None:
    with opened() as store:
        add(store, *(record(f"m{n}", "same") for n in range(5)))
        assert store.reembed(by_length, NEW) == 1
        assert store.stats()["vectors"] == 5


class Stop(Exception):
    """Ends a run in its middle."""


def failing_after(count: int) -> Callable[[Sequence[str]], Vector]:
    batches = iter(range(count))

    def embed(texts: Sequence[str]) -> Vector:
        if next(batches, None) is None:
            raise Stop
        return by_length(texts)

    return embed


def test_until_the_swap_everything_stays_and_a_second_run_goes_on(store: Store, tmp_path: Path) -> None:
    before = store.nearest(unit(1), EVERYTHING, 20)
    with pytest.raises(Stop):
        store.reembed(failing_after(2), NEW, batch_size=4)
    assert stands_in(store, EMBEDDER)
    assert store.nearest(unit(1), EVERYTHING, 20) == before
    assert store.check() == []
    with opened(tmp_path / "memory.db") as again:
        assert again.reembed(by_length, NEW, batch_size=4) == 4
        assert stands_in(again, NEW)
        assert again.stats()["vectors"] == 11


def test_another_embedder_starts_anew(store: Store) -> None:
    with pytest.raises(Stop):
        store.reembed(failing_after(2), NEW, batch_size=4)
    assert store.reembed(by_length, {**NEW, "sha256": "8" * 64}) == 12


def test_what_is_written_meanwhile_is_embedded_as_well(store: Store, tmp_path: Path) -> None:
    """Another process goes on writing in the old space, and in no space after the swap."""
    with opened(tmp_path / "memory.db") as other:
        added = iter(range(3))

        def embed(texts: Sequence[str]) -> Vector:
            number = next(added, None)
            if number is not None:
                add(other, record(f"late{number}", f"late {number}"), vectors=[unit(1)])
            return by_length(texts)

        assert store.reembed(embed, NEW, batch_size=4) == 15
        assert store.stats()["vectors"] == 14
        assert other.nearest(by_length(["late 1"])[0], EVERYTHING, 20) == store.nearest(
            by_length(["late 1"])[0], EVERYTHING, 20
        )
        with pytest.raises(ConflictError, match="can not be mixed"):
            add(other, record("too late"), vectors=[unit(1)])


def test_two_processes_with_one_embedder_share_the_work(store: Store, tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as other:

        def embed(texts: Sequence[str]) -> Vector:
            other.reembed(by_length, NEW)
            return by_length(texts)

        store.reembed(embed, NEW, batch_size=4)
        assert stands_in(store, NEW)
        assert store.stats()["vectors"] == 11


def test_of_two_embedders_the_first_gives_way(store: Store, tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as other:

        def embed(texts: Sequence[str]) -> Vector:
            other.reembed(by_length, {**NEW, "name": "third"})
            return by_length(texts)

        with pytest.raises(ConflictError, match="'other' gave way"):
            store.reembed(embed, NEW)
        assert stands_in(store, {**NEW, "name": "third"})


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (lambda texts: by_length(texts)[1:], "gave 11 vectors for 12 texts"),
        (lambda texts: by_length(texts).astype(np.float64), "float64"),
        (lambda texts: by_length(texts) * np.float32("nan"), "length nan"),
        (lambda texts: np.ones((len(texts), 4), dtype=np.float32) / 2, "4 numbers, not 3"),
    ],
)
def test_bad_vectors_change_nothing(
    store: Store, rows: Callable[[Sequence[str]], Vector], match: str
) -> None:
    before = store.nearest(unit(1), EVERYTHING, 20)
    with pytest.raises(EmbeddingError, match=match):
        store.reembed(rows, NEW)
    assert store.nearest(unit(1), EVERYTHING, 20) == before


@pytest.mark.parametrize(
    "identity", [{}, {"name": "x"}, {"dimension": 3}, {"name": "x", "dimension": object()}]
)
def test_an_embedder_has_to_say_who_it_is(store: Store, identity: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="embedder"):
        store.reembed(by_length, identity)


def test_reset_forgets_a_run_that_was_cut_off(store: Store) -> None:
    with pytest.raises(Stop):
        store.reembed(failing_after(1), NEW, batch_size=4)
    store.reset()
    assert store.identity() == {}
    add(store, record("m1", "x"))
    assert store.reembed(by_length, NEW) == 1
