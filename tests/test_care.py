from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store_parts import EMBEDDER, commit, opened, record, unit
from tinymem.store.store import Store
from tinymem.types import Change, Message


def fill(store: Store) -> None:
    """Write a little of everything: adds, an update, a delete, vectors, categories, messages."""
    old = record("m1", "Likes tea", categories=("food",), metadata={"n": 1})
    new = replace(old, text="Likes coffee", categories=("food", "drink"))
    changes = (
        Change("ADD", after=old, vector=unit(1)),
        Change("UPDATE", before=old, after=new, vector=unit(0, 1)),
        Change("ADD", after=record("m2", "Lives in Lyon"), vector=unit(0, 0, 1)),
        Change("ADD", after=record("m3", "Plays chess")),
        Change("ADD", after=record("gone", "Nothing"), vector=unit(1)),
        Change("DELETE", before=record("gone", "Nothing")),
    )
    store.apply(commit(*changes, messages=(Message("user", "hello"),)), embedder=EMBEDDER)


def test_a_file_that_only_the_writer_wrote_is_sound(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        assert store.check() == []
        fill(store)
        assert store.check() == []
        with store.snapshot():
            assert store.check() == []


DAMAGES = [
    ("DELETE FROM memory_fts WHERE rowid = 2", "memory in row 2 is not in the keyword index"),
    ("INSERT INTO memory_fts(rowid, text) VALUES (99, 'ghost')", "keyword index holds words for row 99"),
    (
        "INSERT OR REPLACE INTO memory_fts(rowid, text) VALUES (2, 'Lives in Rome')",
        "row 2 is not in the keyword",
    ),
    ("DELETE FROM memory_fts_data WHERE id = 10", "memory_fts|keywords can not be read"),
    (
        "INSERT INTO memory_vec(rowid, embedding) SELECT 99, embedding FROM memory_vec LIMIT 1",
        "vector belongs to row 99",
    ),
    (
        "UPDATE memory_vec SET embedding = '[2,0,0,0,0,0,0,0]' WHERE rowid = 2",
        "vector of row 2 is not normalised",
    ),
    ("UPDATE identity SET value = json_set(value, '$.dimension', 9)", "has 32 bytes instead of 36"),
    ("DELETE FROM identity", "does not say which embedder"),
    ("UPDATE identity SET value = 'x'", "vectors can not be read"),
    (
        "UPDATE changes SET vector_before = x'00' WHERE vector_before IS NOT NULL",
        "keeps a vector that does not have",
    ),
    ("UPDATE memory SET hash = 'x' WHERE id = 'm1'", "'m1' has hash 'x'"),
    ("UPDATE memory SET text = 'Likes beer' WHERE id = 'm1'", "'m1' has hash"),
    ("UPDATE memory SET metadata = '[1]' WHERE id = 'm1'", r"not a JSON object: '\[1\]'"),
    ("UPDATE memory SET metadata = '{' WHERE id = 'm1'", "not a JSON object: '{'"),
    ("UPDATE memory SET created_at = '2026-01-02' WHERE id = 'm1'", "malformed created_at: '2026-01-02'"),
    ("UPDATE memory SET updated_at = 'x' WHERE id = 'm1'", "malformed updated_at: 'x'"),
    ("UPDATE memory SET expiration_date = '20260101' WHERE id = 'm1'", "malformed expiration_date"),
    ("UPDATE memory SET user_id = 'bo' WHERE id = 'm1'", "'m1' is not what its history says"),
    ("INSERT INTO memory_category VALUES (99, 'food', 0)", "category belongs to row 99"),
    ("DELETE FROM memory_category WHERE category = 'drink'", "'m1' is not what its history says"),
    ("DELETE FROM memory WHERE id = 'm3'", "'m3' should be there by its history"),
    ("DELETE FROM changes WHERE memory_id = 'm3'", "'m3' is not in the history"),
    (
        "DELETE FROM changes WHERE memory_id = 'm1' AND event = 'ADD'",
        "change 2 of memory 'm1' does not start",
    ),
    ("UPDATE changes SET memory_rowid = 7 WHERE seq = 2", "moves it from row 1 to row 7"),
    ("UPDATE changes SET after = 'x' WHERE seq = 2", "history can not be read"),
    ("UPDATE changes SET commit_seq = 9 WHERE seq = 2", "change 2 belongs to no commit"),
    ("UPDATE messages SET commit_seq = 9", "messages belong to commit number 9"),
    ("UPDATE commits SET at = 'yesterday'", "malformed time: 'yesterday'"),
    ("UPDATE commits SET engine = '[]'", "not a JSON object"),
    ("DROP TABLE messages", "links can not be read"),
]


@pytest.mark.parametrize(("damage", "match"), DAMAGES)
def test_every_broken_rule_is_reported(damage: str, match: str) -> None:
    store = Store(":memory:")
    fill(store)
    with store._open() as connection:
        connection.execute(damage)
    problems = store.check()
    assert any(re.search(match, problem) for problem in problems), problems
    assert store.check() == problems
    store.close()


def test_check_reports_and_repairs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        fill(store)
    store = Store(str(path))
    with store._open() as connection:
        connection.execute("UPDATE memory SET hash = 'x'")
    store.close()
    before = path.read_bytes()
    store = Store(str(path))
    assert len([problem for problem in store.check() if "has hash 'x'" in problem]) == 3
    store.close()
    assert path.read_bytes() == before
