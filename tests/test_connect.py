from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import apsw
import pytest

from tests.store_parts import EMBEDDER, NOW, add, commit, files_beside, opened, python, record, unit
from tinymem.errors import (
    BusyError,
    CorruptError,
    DiskFullError,
    NotADatabaseError,
    SchemaError,
    StoreError,
)
from tinymem.store.connect import connect, mapped_errors
from tinymem.store.filters import EVERYTHING
from tinymem.store.schema import APPLICATION_ID
from tinymem.store.store import Store
from tinymem.types import Change


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A closed tinymem file with 200 memories, in a folder of its own."""
    path = tmp_path / "sound" / "memory.db"
    path.parent.mkdir()
    with opened(path) as store:
        add(store, *(record(f"m{n}", f"Memory number {n} " * 20) for n in range(200)))
    return path


def refuse(path: Path, error: type[StoreError], match: str) -> None:
    """Assert that a path is refused and that nothing in its folder changed."""
    before = {entry.name: entry.read_bytes() for entry in path.parent.iterdir() if entry.is_file()}
    with pytest.raises(error, match=match):
        Store(str(path))
    after = {entry.name: entry.read_bytes() for entry in path.parent.iterdir() if entry.is_file()}
    assert after == before


def test_a_new_file_says_whose_it_is_in_its_header(tmp_path: Path) -> None:
    with opened(tmp_path / "new.db"):
        header = (tmp_path / "new.db").read_bytes()[:100]
    assert header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    assert files_beside(tmp_path / "new.db") == ["new.db"]


def test_a_zero_byte_file_is_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with opened(path) as store:
        add(store, record())
    with opened(path) as store:
        assert store.get("m1") == record()


def torn_first_transaction(path: Path, pages_before: int) -> None:
    """Leave what a power cut can: a file that grew and was not filled, and the journal of what was before."""
    path.write_bytes(bytes(4096))
    numbers = (0, 12345, pages_before, 512, 4096)  # records, nonce, size of the file, of a sector, of a page
    header = bytes.fromhex("d9d505f920a163d7") + b"".join(number.to_bytes(4, "big") for number in numbers)
    path.with_name(f"{path.name}-journal").write_bytes(header.ljust(512, b"\0"))


def test_a_file_whose_first_transaction_the_power_cut_off_is_a_new_store(tmp_path: Path) -> None:
    torn_first_transaction(tmp_path / "memory.db", 0)
    with opened(tmp_path / "memory.db") as store:
        add(store, record())
    assert files_beside(tmp_path / "memory.db") == ["memory.db"]


def test_zeros_beside_the_journal_of_a_file_that_held_something_are_refused_untouched(tmp_path: Path) -> None:
    torn_first_transaction(tmp_path / "memory.db", 3)
    refuse(tmp_path / "memory.db", NotADatabaseError, "not a database")


@pytest.mark.parametrize("content", [b"x", b"plain text\n" * 100, bytes(5000), b"%PDF-1.7\n" + bytes(200)])
def test_another_kind_of_file_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    refuse(path, NotADatabaseError, "notes.txt is not a database.*left untouched")


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("application_id", [0, 4711])
def test_a_foreign_database_is_refused_untouched(tmp_path: Path, journal: str, application_id: int) -> None:
    path = tmp_path / "foreign.db"
    foreign = apsw.Connection(str(path))
    foreign.pragma("journal_mode", journal)
    foreign.execute("CREATE TABLE memory(text); INSERT INTO memory VALUES ('theirs')")
    foreign.pragma("application_id", application_id)
    foreign.close()
    refuse(path, NotADatabaseError, "database of another program")


def test_a_foreign_database_with_unfinished_work_keeps_its_log(tmp_path: Path) -> None:
    origin = apsw.Connection(str(tmp_path / "origin.db"))
    origin.pragma("journal_mode", "wal")
    origin.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    (tmp_path / "crashed").mkdir()
    for name in ("origin.db", "origin.db-wal"):  # as if its program had been killed
        shutil.copy(tmp_path / name, tmp_path / "crashed" / name)
    origin.close()
    refuse(tmp_path / "crashed" / "origin.db", NotADatabaseError, "database of another program")


def test_a_database_without_tables_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "vacuumed.db"
    foreign = apsw.Connection(str(path))
    foreign.execute("VACUUM")
    foreign.pragma("user_version", 3)
    foreign.close()
    refuse(path, NotADatabaseError, "database of another program")


def test_a_newer_schema_is_refused_untouched(sound: Path) -> None:
    newer = apsw.Connection(str(sound))
    newer.pragma("user_version", 99)
    newer.close()
    refuse(sound, SchemaError, "schema version 99.*upgrade tinymem")


def test_a_newer_schema_that_is_only_in_the_log_is_refused_untouched(sound: Path) -> None:
    newer = apsw.Connection(str(sound))
    newer.pragma("user_version", 99)
    folder = sound.parent.parent / "crashed"
    folder.mkdir()
    for name in ("memory.db", "memory.db-wal"):
        shutil.copy(sound.parent / name, folder / name)
    newer.close()
    before = {name: (folder / name).read_bytes() for name in ("memory.db", "memory.db-wal")}
    with pytest.raises(SchemaError, match="schema version 99"):
        Store(str(folder / "memory.db"))
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("keep", [101, 2000, 4096, 50_000])
def test_a_truncated_file_is_reported_as_damaged(sound: Path, keep: int) -> None:
    os.truncate(sound, keep)
    refuse(sound, CorruptError, "memory.db is damaged")


def test_a_file_with_a_damaged_first_page_is_reported(sound: Path) -> None:
    with sound.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff\xff")  # the page size
    refuse(sound, CorruptError, "memory.db is damaged")


def test_garbled_pages_are_reported_when_they_are_read_and_by_check(sound: Path) -> None:
    with sound.open("r+b") as file:
        half = file.seek(sound.stat().st_size // 4096 // 2 * 4096)  # the schema is before that
        file.write(b"\xa5" * (sound.stat().st_size - half))
    store = Store(str(sound))
    with pytest.raises(CorruptError, match=r"memory.db is damaged.*restore it from a backup"):
        store.select(EVERYTHING)
    assert store.check() != []
    store.close()


def test_a_folder_or_a_device_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        Store(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotADatabaseError, match="not an ordinary file"):
        Store(str(tmp_path / "pipe"))


def test_a_missing_folder_is_named_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the folder '.*nowhere' of .* does not exist"):
        Store(str(tmp_path / "nowhere" / "memory.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "bad\0name.db", "x" * 5000])
def test_a_path_that_cannot_be_a_file_is_a_clear_error(path: str) -> None:
    with pytest.raises(StoreError, match="path"):
        Store(path)


PERMISSIONS = """
import os, sys
from tinymem.errors import StoreError
from tinymem.store.store import Store
from tests.store_parts import add, record
os.setegid(65534)
os.seteuid(65534)
try:
    store = Store(sys.argv[1])
    print("opened", store.get("m1").id, flush=True)
    add(store, record("new"))
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else"
)
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o000, 0o777), (0o444, 0o777), (0o644, 0o755)])
def test_missing_permissions_are_a_clear_error(sound: Path, file_mode: int, folder_mode: int) -> None:
    for folder in sound.parents[:-1]:
        if stat.S_IMODE(folder.stat().st_mode) == 0o700:
            folder.chmod(0o711)
    sound.chmod(file_mode)
    sound.parent.chmod(folder_mode)
    before = sound.read_bytes()
    answer, _ = python(PERMISSIONS, sound).communicate(timeout=30)
    assert answer.splitlines()[-1].startswith("StoreError")
    assert "permissions" in answer
    assert sound.read_bytes() == before


def test_a_full_disk_is_an_error_of_ours_and_nothing_is_written(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        add(store, record("before"))
        with store._open() as connection:
            connection.pragma("max_page_count", connection.pragma("page_count") + 3)
        with pytest.raises(DiskFullError, match="no space is left"):
            add(store, *(record(f"m{n}", f"A long memory {n} " * 50) for n in range(100)))
        assert store.count(EVERYTHING) == 1
        assert store.history("m0") == []


SIZE_LIMIT = """
import resource, sys
from tinymem.errors import StoreError
from tinymem.store.store import Store
from tests.store_parts import add, record
store = Store(sys.argv[1])
add(store, record("before"))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    add(store, *(record(f"m{n}", f"A long memory {n} " * 50) for n in range(1000)))
except StoreError as error:
    print(type(error).__name__, error, store.check())
"""


def test_a_size_limit_is_an_error_of_ours_and_nothing_is_written(tmp_path: Path) -> None:
    answer, _ = python(SIZE_LIMIT, tmp_path / "memory.db").communicate(timeout=30)
    assert answer.startswith("StoreError")
    assert "size limit" in answer
    assert answer.endswith("[]\n")
    with opened(tmp_path / "memory.db") as store:
        assert [one.id for one in store.select(EVERYTHING)] == ["before"]


HOLD = """
import sys, apsw
held = apsw.Connection(sys.argv[1])
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_locked_file_is_busy_after_the_timeout_and_still_readable(sound: Path) -> None:
    with opened(sound, busy_timeout_s=0.05) as store:
        other = python(HOLD, sound)
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="stayed locked by another writer"):
            add(store, record("new"))
        assert store.count(EVERYTHING) == 200
        other.communicate("\n", timeout=30)
        add(store, record("new"))


TAKE_ALL_LOCKS = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)  # SQLite's shared bytes
        print("nobody has it open")
    except OSError:
        print("somebody has it open")
"""


def test_opening_a_file_again_keeps_the_locks_that_this_process_holds(sound: Path) -> None:
    """A process that closes any other handle on a file drops all its locks on it."""

    def seen_from_outside() -> str:
        return python(TAKE_ALL_LOCKS, sound).communicate(timeout=30)[0]

    assert seen_from_outside() == "nobody has it open\n"
    with opened(sound) as store:
        assert store.count(EVERYTHING) == 200
        Store(str(sound)).close()
        assert seen_from_outside() == "somebody has it open\n"


def test_a_new_file_that_is_locked_while_it_is_set_up_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    path.touch()
    other = python(HOLD, path)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(BusyError):
        Store(str(path), busy_timeout_s=0.05)
    other.communicate("\n", timeout=30)
    with opened(path):
        pass


def test_opening_does_not_read_the_whole_file(sound: Path) -> None:
    before = apsw.status(apsw.SQLITE_STATUS_PAGECACHE_OVERFLOW, True)
    store = Store(str(sound))
    used = apsw.status(apsw.SQLITE_STATUS_PAGECACHE_OVERFLOW)[0] - before[0]
    store.close()
    assert sound.stat().st_size > 400_000
    assert used < 100_000


def test_every_setting_holds(tmp_path: Path) -> None:
    connection = connect(str(tmp_path / "new.db"), busy_timeout_s=1.5)
    settings = ("journal_mode", "synchronous", "temp_store", "trusted_schema", "busy_timeout", "cache_size")
    assert [connection.pragma(name) for name in settings] == ["wal", 2, 2, 0, 1500, -16000]
    with pytest.raises(apsw.SQLError, match="no such column"):
        connection.execute('SELECT "misspelt"')
    with pytest.raises(apsw.SQLError, match="not authorized"):
        connection.execute("SELECT load_extension('anything')")
    connection.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (apsw.SQLITE_BUSY, BusyError),
        (apsw.SQLITE_LOCKED, BusyError),
        (apsw.SQLITE_FULL, DiskFullError),
        (apsw.SQLITE_CORRUPT, CorruptError),
        (apsw.SQLITE_NOTADB, CorruptError),
        (apsw.SQLITE_READONLY, StoreError),
        (apsw.SQLITE_IOERR, StoreError),
        (apsw.SQLITE_CANTOPEN, StoreError),
        (apsw.SQLITE_TOOBIG, StoreError),
        (apsw.SQLITE_INTERNAL, StoreError),
    ],
)
def test_sqlites_errors_become_ours_with_the_cause_chained(code: int, expected: type[StoreError]) -> None:
    cause = apsw.exception_for(code)
    with pytest.raises(StoreError, match=r"some\.db|text or value") as caught, mapped_errors("some.db"):
        raise cause
    assert type(caught.value) is expected
    assert caught.value.__cause__ is cause


def test_other_errors_pass_unmapped() -> None:
    with pytest.raises(ZeroDivisionError), mapped_errors("some.db"):
        raise ZeroDivisionError


def test_a_killed_writers_log_is_read_and_folded_in(tmp_path: Path) -> None:
    origin = Store(str(tmp_path / "origin.db"))
    add(origin, record("m1"))
    folder = tmp_path / "crashed"
    folder.mkdir()
    for name in ("origin.db", "origin.db-wal"):
        shutil.copy(tmp_path / name, folder / name)
    origin.close()
    with opened(folder / "origin.db") as store:
        assert store.get("m1") == record("m1")
    assert files_beside(folder / "origin.db") == ["origin.db"]


def test_a_file_without_a_file_works_like_one() -> None:
    with opened(":memory:") as store:
        store.apply(commit(Change("ADD", after=record(), vector=unit(1))), embedder=EMBEDDER)
        assert store.nearest(unit(1), EVERYTHING, 1) == [(1, 1.0)]
        assert store.path == ":memory:"
        assert store.history("m1")[0].at == NOW


def test_one_store_opens_in_many_threads_at_once(tmp_path: Path) -> None:
    failures: list[StoreError] = []

    def open_and_close() -> None:
        try:
            Store(str(tmp_path / "new.db")).close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert files_beside(tmp_path / "new.db") == ["new.db"]
