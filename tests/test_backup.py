"""A copy is one state of the file, whoever writes meanwhile, and nothing is ever overwritten by mistake."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.portable_parts import contents, filled, fresh
from tests.store_parts import files_beside, opened, python
from tinymem import BusyError, CorruptError, Memory, StoreError, ValidationError
from tinymem.store.filters import EVERYTHING
from tinymem.store.salvage import salvage
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock("2026-01-10T12:00:00+00:00")


@pytest.fixture
def memory(tmp_path: Path, clock: FrozenClock) -> Any:
    """Return a Memory with a bit of everything, in a folder of its own."""
    (tmp_path / "own").mkdir()
    with fresh(tmp_path / "own" / "memory.db", clock=clock, new_id=counting_ids()) as memory:
        yield filled(memory, clock)


def test_a_backup_is_the_whole_file_in_one(memory: Memory, tmp_path: Path) -> None:
    made = memory.backup(tmp_path / "copy.db")
    path = tmp_path / "copy.db"
    assert made == {"path": str(path), "size_bytes": path.stat().st_size}
    assert files_beside(path) == ["copy.db", "own"]
    with fresh(path) as copy:
        assert contents(copy) == contents(memory)
        assert copy._store.check() == []
        assert copy.search("dog")["results"][0]["memory"] == "Has a dog"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_deleted_is_in_the_history_and_in_no_free_page(memory: Memory, tmp_path: Path) -> None:
    connection = memory._store._connection
    assert connection is not None
    connection.execute("CREATE TABLE gone(x); INSERT INTO gone VALUES ('wqxvergessen'); DROP TABLE gone")
    memory.backup(tmp_path / "copy.db")
    assert b"wqxvergessen" not in (tmp_path / "copy.db").read_bytes()


def test_an_older_backup_is_replaced_when_the_new_one_is_whole(memory: Memory, tmp_path: Path) -> None:
    memory.backup(tmp_path / "copy.db")
    memory.add("Has a parrot", user_id="ana", infer=False)
    memory.backup(tmp_path / "copy.db")
    with fresh(tmp_path / "copy.db") as copy:
        assert copy.count() == memory.count()


def test_a_memory_that_was_never_in_a_file_can_be_saved_in_one(tmp_path: Path) -> None:
    with fresh() as memory:
        memory.add("Has a parrot", user_id="ana", infer=False)
        memory.backup(tmp_path / "copy.db")
    with fresh(tmp_path / "copy.db") as copy:
        assert copy.count(user_id="ana") == 1
        assert copy.check() == []


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE diary(entry)")
    connection.close()


def open_elsewhere(path: Path) -> None:
    fresh(path).close()
    path.with_name(f"{path.name}-wal").touch()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda path: path.write_text("Dear diary"), ValidationError, "no tinymem file"),
        (foreign, ValidationError, "no tinymem file"),
        (open_elsewhere, ValidationError, "in use"),
        (lambda path: path.mkdir(), StoreError, "not an ordinary file"),
        (lambda path: os.mkfifo(path), StoreError, "not an ordinary file"),
        (lambda path: path.symlink_to("nowhere/at/all"), StoreError, "can not be written"),
    ],
    ids=["text", "another program's", "in use", "folder", "pipe", "link to nowhere"],
)
@pytest.mark.parametrize("method", ["backup", "snapshot"])
def test_what_is_no_older_copy_is_left_alone(
    memory: Memory, tmp_path: Path, make: Any, error: type[Exception], match: str, method: str
) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    make(folder / "x.db")
    before = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    with pytest.raises(error, match=match):
        getattr(memory, method)(folder / "x.db")
    assert {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()} == before


@pytest.mark.parametrize("method", ["backup", "snapshot"])
def test_the_memorys_own_file_is_never_the_target(memory: Memory, tmp_path: Path, method: str) -> None:
    own = tmp_path / "own" / "memory.db"
    (tmp_path / "link.db").symlink_to(own)
    os.link(own, tmp_path / "twin.db")
    for target in (own, tmp_path / "link.db", tmp_path / "twin.db", f"{own}-wal", f"{own}-shm"):
        with pytest.raises(ValidationError, match=r"own file|part of a database"):
            getattr(memory, method)(target)
    assert memory._store.check() == []


@pytest.mark.parametrize("target", ["", None, 5, "a\0b"])
def test_what_is_no_path_is_refused(memory: Memory, target: Any) -> None:
    with pytest.raises(ValidationError, match="path"):
        memory.backup(target)


def test_a_missing_folder_is_our_error_and_leaves_nothing(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can not be written"):
        memory.backup(tmp_path / "nowhere" / "copy.db")
    assert files_beside(tmp_path / "x") == ["own"]


def test_no_copy_is_made_inside_a_snapshot_of_the_store(memory: Memory, tmp_path: Path) -> None:
    with memory._store.snapshot(), pytest.raises(StoreError, match="leave it first"):
        memory.backup(tmp_path / "copy.db")


# -- a copy in the place of the file


def test_a_copy_that_replaces_an_open_file_is_seen_and_never_mixed_with_its_log(tmp_path: Path) -> None:
    path, copy = tmp_path / "memory.db", tmp_path / "copy.db"
    memory = fresh(path)
    memory.add("Has a dog", user_id="ana", infer=False)
    memory.backup(copy)
    memory.add_many([f"Later fact number {number} {'x' * 700}" for number in range(100)], user_id="ana")
    content = copy.read_bytes()
    os.replace(copy, path)
    for call in (lambda: memory.add("Has a cat", user_id="ana", infer=False), memory.get_all, memory.check):
        with pytest.raises(StoreError, match="was replaced while it was open"):
            call()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"delete .*memory\.db-wal"):
            fresh(path)
        memory.close()
    assert path.read_bytes() == content
    assert salvage(path, tmp_path / "saved.db")["memories"] == 1
    for name in ("memory.db-wal", "memory.db-shm"):
        (tmp_path / name).unlink()
    with fresh(path) as restored:
        assert [item["memory"] for item in restored.get_all()["results"]] == ["Has a dog"]
        assert restored.check() == []


@pytest.mark.parametrize("make", ["snapshot", "salvage"])
def test_what_was_made_of_a_file_has_no_log_of_its_own(memory: Memory, tmp_path: Path, make: str) -> None:
    """So that in the place of the file it is known by that, as a backup is."""
    if make == "snapshot":
        memory.snapshot(tmp_path / "made.db")
    else:
        salvage(tmp_path / "own" / "memory.db", tmp_path / "made.db")
    assert (tmp_path / "made.db").read_bytes()[18:20] == b"\1\1"


def test_nothing_is_said_to_be_stored_in_a_file_that_is_gone(tmp_path: Path) -> None:
    memory = fresh(tmp_path / "memory.db")
    memory.add("Has a dog", user_id="ana", infer=False)
    (tmp_path / "memory.db").unlink()
    with pytest.raises(StoreError, match="was replaced while it was open"):
        memory.add("Has a cat", user_id="ana", infer=False)
    memory.close()
    with fresh(tmp_path / "memory.db") as memory:
        assert memory.count() == 0


# -- while others write


PAIRS = """
import sys
import numpy as np
from tests.store_parts import EMBEDDER, commit, random_unit, record
from tinymem.store.store import Store
from tinymem.types import Change
path, number = sys.argv[1], int(sys.argv[2])
generator = np.random.default_rng(number)
store = Store(path, busy_timeout_s=30)
print("ready", flush=True)
for turn in range(1_000_000):
    pair = [record(f"p{number}-{turn}-{side}", "text " * 200) for side in "ab"]
    changes = [Change("ADD", after=each, vector=random_unit(generator)) for each in pair]
    store.apply(commit(*changes, commit_id=f"c{number}-{turn}"), embedder=EMBEDDER)
"""


def test_a_backup_is_one_state_while_other_processes_write(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        writers = [python(PAIRS, path, number) for number in range(2)]
        try:
            for writer in writers:
                assert writer.stdout is not None
                assert writer.stdout.readline() == "ready\n"
            counts = []
            for number in range(5):
                store.backup(tmp_path / f"copy{number}.db")
                with opened(tmp_path / f"copy{number}.db") as copy:
                    ids = {each.id for each in copy.select(EVERYTHING)}
                    assert {f"{each[:-1]}{side}" for each in ids for side in "ab"} == ids
                    assert len(ids) == 2 * copy.stats()["commits"] == copy.stats()["vectors"]
                    counts.append(len(ids))
        finally:
            for writer in writers:
                writer.kill()
                writer.communicate(timeout=30)
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


# -- compact


def test_compacting_makes_the_file_small_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with fresh(path, embedder=HashEmbedder(384)) as memory:
        memory.add_many([f"Fact number {number}" for number in range(400)], user_id="ana")
        memory.erase(filters={"text": {"contains": "number 3"}})
        memory.add_many([f"Later fact number {number}" for number in range(200)], user_id="ana")
        memory.delete_all(filters={"text": {"contains": "number 1"}})
        before = (memory.search("number 299"), memory.get_all(), memory.log())
        sizes = memory.compact()
        assert sizes["before_bytes"] > sizes["after_bytes"] == path.stat().st_size
        assert (memory.search("number 299"), memory.get_all(), memory.log()) == before
        assert memory.check() == []
        again = memory.compact()
        assert again == {"before_bytes": sizes["after_bytes"], "after_bytes": sizes["after_bytes"]}


def test_compacting_takes_the_gaps_out_of_the_vectors(tmp_path: Path) -> None:
    with fresh(tmp_path / "memory.db", embedder=HashEmbedder(384), keep_messages=False) as memory:
        memory.add_many([f"Fact number {number}" for number in range(640)], user_id="ana")
        connection = memory._store._connection
        assert connection is not None
        assert connection.execute("SELECT count(*) FROM memory_vec_chunks").get == 80
        memory.delete_all(filters={"text": {"contains": "1"}})
        memory.compact()
        left = memory.count()
        assert connection.execute("SELECT count(*) FROM memory_vec_chunks").get == -(-left // 8)
        assert memory.check() == []


def test_compacting_waits_for_a_writer_no_longer_than_told(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with fresh(path, busy_timeout_s=0.1) as memory:
        memory.add("Has a dog", user_id="ana", infer=False)
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="try again"):
            memory.compact()
        with pytest.raises(BusyError, match="try again"):
            memory.erase(user_id="ana")
        other.execute("ROLLBACK")
        other.close()
        assert memory.count() == 1
        memory.compact()


def test_a_memory_without_a_file_can_be_compacted_too() -> None:
    with fresh() as memory:
        memory.add("Has a dog", user_id="ana", infer=False)
        assert memory.compact()["after_bytes"] > 0
        assert memory.count() == 1


# -- a part in a new file


def test_a_snapshot_holds_a_scope_with_its_past_and_nothing_else(memory: Memory, tmp_path: Path) -> None:
    made = memory.snapshot(tmp_path / "part.db", user_id="ana")
    exported = memory.export(tmp_path / "part.jsonl", user_id="ana")
    del made["path"], exported["path"]
    assert made == exported
    assert made["memories"] == 2
    with fresh(tmp_path / "part.db") as part:
        assert part.get_all() == memory.get_all(user_id="ana")
        assert part._store.check() == []
        assert part._store.identity() == memory._store.identity()
        for item in part.get_all()["results"]:
            assert part.history(item["id"]) == memory.history(item["id"])
            assert part.why(item["id"]) == memory.why(item["id"])
        assert part.search("dog")["results"][0]["memory"] == "Has a dog"
    assert b"Has a cat" not in (tmp_path / "part.db").read_bytes()
    assert files_beside(tmp_path / "part.db") == ["own", "part.db", "part.jsonl"]


def test_a_snapshot_of_everything_is_the_file_again(memory: Memory, tmp_path: Path) -> None:
    memory.snapshot(tmp_path / "all.db")
    with fresh(tmp_path / "all.db") as whole:
        assert contents(whole) == contents(memory)


def test_a_snapshot_by_filter_replaces_an_older_one(memory: Memory, tmp_path: Path) -> None:
    for wanted in ("dog", "cat"):
        memory.snapshot(tmp_path / "part.db", filters={"text": {"contains": wanted}})
    with fresh(tmp_path / "part.db") as part:
        assert [item["memory"] for item in part.get_all(show_expired=True)["results"]][-1] == "Has a cat"


def test_a_snapshot_of_nothing_is_an_empty_memory(memory: Memory, tmp_path: Path) -> None:
    assert memory.snapshot(tmp_path / "none.db", user_id="nobody")["memories"] == 0
    with fresh(tmp_path / "none.db") as none:
        assert none.count() == 0
        none.add("Has a dog", user_id="ana", infer=False)


def test_what_does_not_fit_together_is_not_shipped(memory: Memory, tmp_path: Path) -> None:
    connection = memory._store._connection
    assert connection is not None
    connection.execute("UPDATE memory SET user_id = 'eve' WHERE text = 'Has a dog'")
    with pytest.raises(CorruptError, match=r"check\(\)"):
        memory.snapshot(tmp_path / "part.db", user_id="eve")
    assert files_beside(tmp_path / "part.db") == ["own"]
