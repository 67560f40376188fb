"""Files written by every schema that was ever released still open, whole, and can be written to."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import apsw
import pytest

from tests.store_parts import files_beside, opened, python
from tinymem import Memory, StoreError
from tinymem.store import schema
from tinymem.store.connect import connect
from tinymem.store.schema import SCHEMA_VERSION

LEGACY = sorted((Path(__file__).parent / "legacy").glob("schema_*.tinymem"))


@pytest.fixture(params=LEGACY, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of a file that an earlier release wrote."""
    return Path(shutil.copy(request.param, tmp_path / "old.db"))


def test_there_is_a_file_of_every_earlier_schema() -> None:
    assert [path.stem for path in LEGACY] == [f"schema_{number}" for number in range(1, SCHEMA_VERSION)]


def test_an_old_file_keeps_everything_and_goes_on(old: Path) -> None:
    with Memory(old) as memory:
        assert memory.check() == []
        texts = {item["memory"] for item in memory.get_all()["results"]}
        assert {"Name is Ana", "Is allergic to peanuts", "The door code is 4711", "Likes green tea"} <= texts
        (tea,) = memory.get_all(run_id="r1")["results"]
        assert tea["metadata"] == {"x": [1, {"y": None}]}
        assert [row["event"] for row in memory.history(tea["id"])] == ["ADD", "UPDATE"]
        assert memory.search("what may she not eat", user_id="ana")["results"][0]["memory"].endswith(
            "peanuts"
        )
        assert memory.stats()["schema_version"] == SCHEMA_VERSION
        memory.update(tea["id"], "Likes black tea")
        memory.delete(memory.get_all(user_id="bo")["results"][0]["id"])
        assert memory.check() == []


def test_a_migrated_file_is_a_present_one(old: Path, tmp_path: Path) -> None:
    Memory(old).close()
    Memory(tmp_path / "new.db").close()

    def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
        connection = connect(str(path))
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        columns = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        connection.close()
        return {name: rows for name, rows in columns.items() if not name.startswith("memory_vec")}

    assert tables(old) == tables(tmp_path / "new.db")


# -- the copy that is made first


def copy_of(old: Path) -> Path:
    """Return where the copy of the old file stays."""
    (copy,) = old.parent.glob("old.db.schema-*.bak")
    return copy


def rows(path: Path, version: int) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of a file that was not migrated, by table."""
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == version
    assert connection.pragma("integrity_check") == "ok"
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    found = {
        str(name): connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
        for (name,) in connection.execute(names).fetchall()
    }
    connection.close()
    return found


def version_of(path: Path) -> int:
    return int(path.stem.removeprefix("schema_").removeprefix("old.db.schema-"))


def test_a_copy_of_an_old_file_stays_beside_it(old: Path, request: pytest.FixtureRequest) -> None:
    number = version_of(request.node.callspec.params["old"])
    before = rows(old, number)
    Memory(old).close()
    assert copy_of(old).name == f"old.db.schema-{number}.bak"
    assert rows(copy_of(old), number) == before
    assert stat.S_IMODE(copy_of(old).stat().st_mode) == 0o600
    made = copy_of(old).stat()
    Memory(old).close()
    assert copy_of(old).stat() == made
    assert files_beside(old) == ["old.db", copy_of(old).name]
    back = Path(shutil.move(copy_of(old), old.parent / "back.db"))
    with Memory(back) as memory, Memory(old) as present:
        assert memory.get_all() == present.get_all()
        assert memory.check() == []


def test_a_new_file_and_a_present_one_get_no_copy(tmp_path: Path) -> None:
    for _ in range(2):
        Memory(tmp_path / "new.db").close()
        assert files_beside(tmp_path / "new.db") == ["new.db"]
    (tmp_path / "new.db").write_bytes(b"")
    Memory(tmp_path / "new.db").close()
    assert files_beside(tmp_path / "new.db") == ["new.db"]


def fail_halfway(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE half(x)")
    connection.execute("INSERT INTO half SELECT 1 FROM nowhere")


def test_a_migration_that_fails_leaves_the_old_file_and_nothing_else(
    old: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    number = version_of(request.node.callspec.params["old"])
    before = rows(old, number)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, fail_halfway))
        patch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"no such table.* as it was"):
                Memory(old)
            assert files_beside(old) == ["old.db"]
    assert rows(old, number) == before
    Memory(old).close()
    with Memory(old) as memory:
        assert memory.check() == []


def test_without_a_copy_nothing_is_migrated(
    old: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = version_of(request.node.callspec.params["old"])
    before = rows(old, number)

    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(StoreError, match=r"\.bak can not be written"):
        Memory(old)
    assert rows(old, number) == before
    assert files_beside(old) == ["old.db"]


def test_a_copy_replaces_nothing_and_an_erasure_names_it(old: Path, request: pytest.FixtureRequest) -> None:
    number = version_of(request.node.callspec.params["old"])
    (old.parent / f"old.db.schema-{number}.bak").write_text("my only earlier copy", encoding="utf-8")
    (old.parent / f"old.db.schema-{number}-2.bak").mkdir()
    before = rows(old, number)
    with Memory(old) as memory:
        said = memory.erase(memory.get_all(limit=1)["results"][0]["id"])["message"]
    assert (old.parent / f"old.db.schema-{number}.bak").read_text(encoding="utf-8") == "my only earlier copy"
    copy = old.parent / f"old.db.schema-{number}-3.bak"
    assert rows(copy, number) == before
    assert said.startswith("Memories erased for good! Copies")
    assert str(copy) in said


OPEN = """
import sys
from tinymem.store.store import Store
print("ready", flush=True)
sys.stdin.readline()
store = Store(sys.argv[1], busy_timeout_s=30)
print(len(store.check()), flush=True)
store.close()
"""


def test_processes_that_open_an_old_file_together_migrate_it_once(
    old: Path, request: pytest.FixtureRequest
) -> None:
    number = version_of(request.node.callspec.params["old"])
    before = rows(old, number)
    openers = [python(OPEN, old) for _ in range(3)]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    assert [opener.communicate(timeout=60)[0] for opener in openers] == ["0\n"] * 3
    assert rows(copy_of(old), number) == before
    assert files_beside(old) == ["old.db", copy_of(old).name]
    with opened(old) as store:
        assert store.stats()["schema_version"] == SCHEMA_VERSION
