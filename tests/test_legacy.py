"""Files written by every schema that was ever released still open, whole, and can be written to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tinymem import Memory
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
