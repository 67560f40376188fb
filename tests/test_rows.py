"""Past memories as JSON: what nobody said is not written; what older versions wrote in full is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.store_parts import FULL, record
from tinymem import Memory
from tinymem.store.rows import COLUMNS, parse_record, render_record, row_values
from tinymem.types import Record

PLAIN = record()


def in_full(one: Record) -> str:
    """Return a Record as older versions wrote it."""
    fields = dict(zip(COLUMNS, row_values(one), strict=True))
    return json.dumps({**fields, "metadata": one.metadata, "categories": list(one.categories)})


@pytest.mark.parametrize("one", [PLAIN, FULL], ids=["plain", "full"])
def test_what_is_written_is_read_again_whoever_wrote_it(one: Record) -> None:
    assert parse_record(render_record(one)) == parse_record(in_full(one)) == one


def test_what_nobody_said_is_not_written() -> None:
    assert set(json.loads(render_record(PLAIN))) == {
        *("id", "text", "hash", "user_id", "metadata", "created_at", "updated_at", "categories")
    }
    assert {"agent_id", "role", "immutable", "expiration_date"} <= set(json.loads(render_record(FULL)))


def test_a_file_with_a_past_in_full_is_sound_and_takes_an_export_of_its_own(
    memory_factory: Callable[..., Memory], tmp_path: Path
) -> None:
    with memory_factory("old.db") as memory:
        key = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
        memory.update(key, "Likes oolong")
        history = memory.history(key)
    connection = apsw.Connection(str(tmp_path / "old.db"))
    for seq, *states in connection.execute("SELECT seq, before, after FROM changes").fetchall():
        old = [None if state is None else in_full(parse_record(state)) for state in states]  # type: ignore[arg-type]
        connection.execute("UPDATE changes SET before = ?, after = ? WHERE seq = ?", (*old, seq))
    connection.close()
    with memory_factory("old.db") as memory:
        assert memory.check() == []
        assert memory.history(key) == history
        memory.update(key, "Likes green tea")
        memory.export(tmp_path / "lines.jsonl")
        assert memory.import_(tmp_path / "lines.jsonl")["memories"] == 0
    with memory_factory("new.db") as memory:
        assert memory.import_(tmp_path / "lines.jsonl")["memories"] == 1
        assert memory.history(key)[:2] == history
