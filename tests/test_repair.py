"""Whatever follows from the memories is named by check() when it is broken, and made anew by repair()."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.portable_parts import EMBEDDER, filled, fresh
from tinymem import CorruptError, Memory, StoreError
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

TWO = "INSERT INTO memory_vec(rowid, embedding) SELECT 99, embedding FROM memory_vec LIMIT 1"
CHUNK = "UPDATE memory_vec_vector_chunks00 SET vectors = zeroblob(10)"


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    """Return a Memory with a bit of everything, every memory with a vector."""
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    with fresh(tmp_path / "memory.db", clock=clock, new_id=counting_ids()) as memory:
        yield filled(memory, clock)


def damage(memory: Memory, *statements: str) -> None:
    with memory._store._open() as connection:
        for statement in statements:
            connection.execute(statement)


def told(memory: Memory) -> list[Any]:
    """Return what a memory says that no repair may change."""
    store = memory._store
    with store._open() as connection:
        tables = ("memory", "memory_category", "commits", "changes", "messages", "feedback")
        rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    return [*rows, store.settings()]


def answers(memory: Memory) -> list[Any]:
    """Return what is found by words, by meaning and by entities."""
    found = [memory.search(query, explain=True)["results"] for query in ("tea", "a dog", "Maya")]
    return [found, memory.entities(), memory.stats()["vectors"]]


DAMAGES = [
    ("DELETE FROM memory_fts WHERE rowid = 2", "row 2 is not in the keyword index", "keyword index"),
    ("INSERT INTO memory_fts(rowid, text) VALUES (99, 'ghost')", "words for row 99", "keyword index"),
    ("INSERT OR REPLACE INTO memory_fts(rowid, text) VALUES (2, 'else')", "row 2", "keyword index"),
    ("DELETE FROM memory_fts_data WHERE id = 10", "memory_fts|keywords can not be read", "keyword index"),
    ("UPDATE memory_fts_data SET block = x'00' WHERE id > 10", "memory_fts|keywords", "keyword index"),
    ("DROP TABLE memory_fts", "keywords can not be read", "keyword index"),
    (
        "DELETE FROM memory_vec WHERE rowid = 2",
        "no vector stands for the memories in rows 2:",
        "made anew from the texts: 1",
    ),
    ("DELETE FROM memory_vec", "no vector .* rows 1, 2, ", "made anew from the texts: 4"),
    (TWO, "vector belongs to row 99", "no memory's: 1"),
    ("UPDATE memory_vec SET embedding = '[2,0,0,0,0,0,0,0]' WHERE rowid = 2", "not normalised", "made anew"),
    ("DROP TABLE memory_vec", "vectors can not be read", "made anew from the texts: 4"),
    (CHUNK, "vectors can not be read", "made anew from the texts: 4"),
    ("DELETE FROM memory_entity", "not tied to the entities", "ties"),
    ("DELETE FROM entity WHERE rowid = 1", "not tied to the entities", "ties"),
    ("INSERT INTO entity(owner, key, name) VALUES ('{}', 'x', 'X')", "'X' is named by no memory", "ties"),
    ("INSERT INTO memory_entity VALUES (99, 1)", "tied to row 99, which is no memory", "ties"),
    ("INSERT INTO memory_category VALUES (99, 'food', 0)", "category belongs to row 99", "no memory's: 1"),
]


@pytest.mark.parametrize(("statement", "named", "mended"), DAMAGES)
def test_what_is_broken_is_named_then_mended(memory: Memory, statement: str, named: str, mended: str) -> None:
    before, sound = told(memory), answers(memory)
    assert memory.check() == []
    damage(memory, statement)
    problems = memory.check()
    assert any(re.search(named, problem) for problem in problems), problems
    said = memory.repair()
    assert any(re.search(mended, each) for each in said), said
    assert memory.check() == []
    assert (told(memory), answers(memory)) == (before, sound)
    assert memory.repair() == []


def test_several_things_are_mended_at_once_and_seen_by_others(memory: Memory, tmp_path: Path) -> None:
    sound = answers(memory)
    with fresh(tmp_path / "memory.db") as other:
        assert answers(other) == sound
        damage(
            memory, "DELETE FROM memory_fts", "DELETE FROM memory_vec WHERE rowid > 1", "DELETE FROM entity"
        )
        assert len(memory.repair()) == 3
        assert answers(other) == sound
        assert other.check() == []


def test_an_index_that_lost_rows_is_built_anew(memory: Memory) -> None:
    ids = [item["id"] for item in memory.get_all(user_id="ana")["results"]]
    with memory._store._open() as connection:
        names = "name IN ('memory_by_user', 'memory_by_app')"
        (one, first), (_, second) = connection.execute(
            f"SELECT name, rootpage FROM sqlite_schema WHERE {names}"
        )
    swapped = f"UPDATE sqlite_schema SET rootpage = iif(name = '{one}', {second}, {first}) WHERE {names}"
    damage(memory, "PRAGMA writable_schema = ON", swapped, "PRAGMA writable_schema = RESET")
    assert any("memory_by_user" in problem for problem in memory.check())
    assert "the indexes were built anew" in memory.repair()
    assert [item["id"] for item in memory.get_all(user_id="ana")["results"]] == ids
    assert memory.repair() == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM identity WHERE key = 'embedder'",
        "UPDATE identity SET value = json_set(value, '$.dimension', 9) WHERE key = 'embedder'",
        "UPDATE identity SET value = 'x' WHERE key = 'embedder'",
        "UPDATE identity SET value = '[]' WHERE key = 'embedder'",
    ],
)
def test_vectors_of_nobody_knows_whom_go_with_those_of_the_past(memory: Memory, statement: str) -> None:
    sound = answers(memory)
    damage(memory, statement, "UPDATE changes SET vector_before = zeroblob(4) WHERE vector_before NOTNULL")
    assert memory.check() != []
    said = memory.repair()
    assert any("which embedder" in each for each in said)
    assert any("made anew from the texts: 4" in each for each in said)
    assert memory.check() == []
    assert answers(memory) == sound
    assert memory._store.identity() == {"embedder": dict(EMBEDDER.identity)}


def test_another_embedder_mends_words_and_leaves_vectors_alone(memory: Memory, tmp_path: Path) -> None:
    damage(memory, "DELETE FROM memory_fts", "DELETE FROM memory_vec WHERE rowid = 2")
    with fresh(tmp_path / "memory.db", HashEmbedder(16)) as other:
        assert other.repair() == ["the keyword index was built anew"]
        assert other.check() == []
        assert other.stats()["vectors"] == 3
    assert any("no vector" in problem for problem in memory.check())
    assert memory.repair() == ["vectors made anew from the texts: 1"]


def test_texts_and_history_are_never_touched(memory: Memory) -> None:
    damage(memory, "UPDATE memory SET text = 'Has a wolf' WHERE text = 'Has a dog'")
    before = told(memory)
    problems = memory.check()
    assert any("has hash" in problem for problem in problems)
    memory.repair()
    assert told(memory) == before
    assert [one for one in memory.check() if "has hash" in one or "history" in one] != []
    with pytest.raises(CorruptError, match="not the one that was stored"):
        memory.get_all()


def test_a_damaged_vector_is_an_error_until_it_is_mended(memory: Memory, tmp_path: Path) -> None:
    sound = memory.search("dog")
    damage(memory, "UPDATE memory_vec SET embedding = '[9,9,9,9,9,9,9,9]' WHERE rowid = 1")
    with fresh(tmp_path / "memory.db") as other:
        for _ in range(2):
            with pytest.raises(CorruptError, match=r"row 1 .*repair\(\)"):
                other.search("dog")
        other.repair()
        assert other.search("dog") == sound


def test_memories_of_a_session_with_another_embedder_get_their_vectors(tmp_path: Path) -> None:
    with fresh(tmp_path / "memory.db") as memory:
        memory.add("Has a dog", user_id="ana", infer=False)
        with fresh(tmp_path / "memory.db", HashEmbedder(16)) as other:
            other.add("Has a cat", user_id="ana", infer=False)
            assert other.check() == []
        assert "no vector stands for the memories in rows 2:" in memory.check()[0]
        memory.repair()
        assert memory.search("cat", explain=True)["results"][0]["memory"] == "Has a cat"
        assert memory.stats()["vectors"] == 2
        assert memory.check() == []


class Interrupted(HashEmbedder):
    """Lets something happen before it embeds."""

    def __init__(self, before: Any) -> None:
        super().__init__(8)
        self.before = before

    def embed(self, texts: Sequence[str], *, kind: Any = "document") -> Any:
        self.before()
        return super().embed(texts, kind=kind)


def test_what_others_do_meanwhile_wins(memory: Memory, tmp_path: Path) -> None:
    dog, cat = (
        next(one["id"] for one in memory.get_all(show_expired=True)["results"] if one["memory"] == text)
        for text in ("Has a dog", "Has a cat")
    )
    damage(memory, "DELETE FROM memory_vec")

    def before() -> None:
        if memory.get(cat) is not None:
            memory.delete(cat)
            memory.update(dog, "Has a wolf")

    with fresh(tmp_path / "memory.db", Interrupted(before)) as other:
        other.repair()
    assert memory.check() == []
    vector = memory._store.vector_of(dog)
    assert vector is not None
    assert np.array_equal(vector, EMBEDDER.embed(["Has a wolf"])[0])


def test_what_can_not_be_mended_stays_for_check_to_name(memory: Memory) -> None:
    damage(memory, "DROP TABLE memory_entity", "DELETE FROM memory_fts WHERE rowid = 2")
    assert memory.repair() == ["the keyword index was built anew"]
    assert any("can not be read" in problem for problem in memory.check())


def test_nothing_is_mended_inside_a_snapshot_of_the_store(memory: Memory) -> None:
    with memory._store.snapshot(), pytest.raises(StoreError, match="leave it first"):
        memory.repair()
