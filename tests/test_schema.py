from __future__ import annotations

from datetime import date
from pathlib import Path

import apsw
import pytest

from tests.store_parts import EMBEDDER, add, commit, opened, record, unit
from tinymem.errors import SchemaError, StoreError
from tinymem.store import schema
from tinymem.store.connect import connect
from tinymem.store.filters import UNARCHIVED, Where, unexpired_where
from tinymem.store.store import Store
from tinymem.types import Change


def names(connection: apsw.Connection, kind: str) -> set[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'"
    return {str(name) for (name,) in connection.execute(sql, (kind,))}


@pytest.fixture
def connection() -> apsw.Connection:
    return connect(":memory:")


def test_a_new_file_has_every_table_and_the_present_version(connection: apsw.Connection) -> None:
    schema.migrate(connection)
    tables = {"memory", "memory_category", "memory_fts", "commits", "changes", "messages", "identity"}
    assert tables <= names(connection, "table")
    assert "memory_vec" not in names(connection, "table")
    assert connection.pragma("user_version") == schema.SCHEMA_VERSION == len(schema.MIGRATIONS)
    assert connection.pragma("application_id") == schema.APPLICATION_ID


def test_a_present_file_is_not_written_to(connection: apsw.Connection) -> None:
    schema.migrate(connection)
    connection.pragma("query_only", True)
    schema.migrate(connection)


def test_the_vector_table_comes_with_the_first_vector_in_its_dimension(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        add(store, record("m1"))
        with store._open() as connection:
            assert "memory_vec" not in names(connection, "table")
        size = store.stats()["size_bytes"]
        store.apply(commit(Change("ADD", after=record("m2"), vector=unit(1))), embedder=EMBEDDER)
        with store._open() as connection:
            sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'memory_vec'").get
        assert "float[8]" in sql
        assert store.stats()["size_bytes"] - size < 100_000


def add_colour(connection: apsw.Connection) -> None:
    connection.execute("ALTER TABLE memory ADD COLUMN colour TEXT")


def fail_halfway(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE half(x)")
    connection.execute("SELECT 1 FROM nowhere")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    with opened(path) as store:
        add(store, record("m1"))
    return path


def plan(monkeypatch: pytest.MonkeyPatch, *steps: object) -> None:
    now = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, *steps))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(now) + len(steps))


def test_an_older_file_is_migrated_when_it_is_opened(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(monkeypatch, add_colour)
    with opened(old) as store:
        assert store.get("m1") == record("m1")
        assert store.stats()["schema_version"] == len(schema.MIGRATIONS)
        with store._open() as connection:
            assert connection.execute("SELECT colour FROM memory").fetchall() == [(None,)]


def test_a_migration_that_fails_leaves_the_old_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        plan(patch, add_colour, fail_halfway)
        with pytest.raises(StoreError, match="no such table"):
            Store(str(old))
    connection = apsw.Connection(str(old))
    assert connection.pragma("user_version") == schema.SCHEMA_VERSION
    assert "half" not in names(connection, "table")
    connection.close()
    with opened(old) as store:
        assert store.get("m1") == record("m1")


def test_a_file_that_became_newer_while_it_was_opened_is_refused(old: Path) -> None:
    connection = connect(str(old))
    connection.pragma("user_version", schema.SCHEMA_VERSION + 1)
    with pytest.raises(
        SchemaError,
        match=rf"old.db has schema version {schema.SCHEMA_VERSION + 1}, .* up to {schema.SCHEMA_VERSION}",
    ):
        schema.migrate(connection)
    connection.close()


def test_the_everyday_query_reads_an_index_only(connection: apsw.Connection) -> None:
    schema.migrate(connection)
    for name in ("user_id", "agent_id", "run_id", "app_id"):
        asked = Where(f"m.{name} = ?", ("maya",)) & UNARCHIVED & unexpired_where(date(2026, 1, 1))
        sql = f"EXPLAIN QUERY PLAN SELECT m.rowid FROM memory m WHERE {asked.sql}"
        (plan_row,) = connection.execute(sql, asked.params).fetchall()
        assert "USING COVERING INDEX" in plan_row[3]
