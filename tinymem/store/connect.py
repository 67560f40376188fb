"""Opening the file: is it ours, the settings that SQLite needs, and SQLite's errors in our words.

A file is recognised by its header before SQLite may open it, because opening some foreign database
could already change it or leave files beside it. This module must never write to a file without our
application id (a zero-byte file is new), and never read a database other than through SQLite's file layer:
POSIX locks belong to the process, and closing a second handle on the file would drop them.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import sqlite_vec

from tinymem.errors import (
    AuthenticationError,
    BusyError,
    CorruptError,
    DiskFullError,
    NotADatabaseError,
    StoreError,
    TinymemError,
)
from tinymem.store import filters
from tinymem.store.beside import remove_abandoned
from tinymem.store.encryption import MAGIC, is_encrypted, unlock
from tinymem.store.pages import HEADER_BYTES, NO_LOG
from tinymem.store.schema import APPLICATION_ID, refuse_newer
from tinymem.store.transaction import transaction
from tinymem.store.vocabulary import open_vocabulary

OWNER_ONLY = 0o600
"""The permissions of a new file: it is its owner's diary."""

_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""How a rollback journal begins."""

_creating = threading.Lock()

_DAMAGED = "{path} is damaged: see check(), repair() and tinymem.salvage, or restore it from a backup"
_OF_VECTORS = re.compile("blob|chunk|shadow table|sqlite-vec|SQL logic error")
"""How sqlite-vec says that its tables do not fit together."""

# The first class that fits decides. Source: https://sqlite.org/rescode.html
_MEANINGS: tuple[tuple[type[apsw.Error], type[StoreError], str], ...] = (
    (apsw.BusyError, BusyError, "{path} stayed locked by another writer; nothing was written, try again"),
    (apsw.LockedError, BusyError, "{path} is locked by another connection of this process; try again"),
    (
        apsw.FullError,
        DiskFullError,
        "no space is left for {path}; nothing was written, free some and try again",
    ),
    (apsw.CorruptError, CorruptError, _DAMAGED),
    # The header was ours when the file was opened, so what follows it is damaged.
    (apsw.NotADBError, CorruptError, "{path} is damaged at its beginning; restore it from a backup"),
    (apsw.FormatError, CorruptError, _DAMAGED),
    (apsw.ReadOnlyError, StoreError, "{path} or its folder may not be written to; check the permissions"),
    (apsw.PermissionsError, StoreError, "{path} may not be read or written; check its permissions"),
    (apsw.CantOpenError, StoreError, "{path} or a file beside it can not be opened; check the permissions"),
    (apsw.IOError, StoreError, "{path} can not be read or written (a failing disk, a quota or a size limit)"),
    (apsw.TooBigError, StoreError, "a text or value is larger than SQLite holds; nothing was written"),
    (apsw.Error, StoreError, "SQLite could not work on {path}"),
)

_NO_KEY = "{path} is encrypted: give its key, Memory(path, key=...)"
_REPLACED = "{path} was replaced while it was open; open it again"
_OTHERS_LOG = (
    "{path} took the place of another file, whose log is still beside it: close that one wherever it is "
    "open, delete {path}-wal and {path}-shm, and open this one again"
)


@contextmanager
def mapped_errors(path: str = "the store") -> Iterator[None]:
    """Turn apsw's errors into ours, chained, with the path and SQLite's own words in the message."""
    try:
        yield
    except apsw.Error as error:
        # sqlite-vec passes on in words alone what went wrong inside it.
        kind = apsw.FullError if "disk is full" in str(error) else type(error)
        if kind is apsw.SQLError and _OF_VECTORS.search(str(error)):
            kind = apsw.CorruptError
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_DBMOVED:
            raise StoreError(_REPLACED.format(path=path)) from error
        for theirs, ours, meaning in _MEANINGS:
            if issubclass(kind, theirs):
                raise ours(f"{meaning.format(path=path)} (SQLite: {error})") from error
        raise


@contextmanager
def nothing_unreadable(path: str) -> Iterator[None]:
    """Turn what Python says of rows that make no sense into our error; who asked is not to blame."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        if isinstance(error, (TinymemError, UnicodeEncodeError)):
            raise
        raise CorruptError(f"{path} holds what was never written ({error!r}); run check()") from error


def connect(path: str, *, key: str | bytes | None = None, busy_timeout_s: float = 5.0) -> apsw.Connection:
    """Open or create a tinymem file, ready for `schema.migrate`; `:memory:` is a store without a file.

    `key` is a passphrase or 32 bytes that encrypt it (see `encryption.check_key`); `busy_timeout_s` is how
    many seconds to wait for another writer. A new file may be read and written by its owner alone.

    Raises:
        NotADatabaseError: The path holds something else; it was left untouched.
        AuthenticationError: The key is missing or another one's, or the file is not encrypted.
        SchemaError: The file was written by a newer tinymem; it was left untouched.
        CorruptError: The file is ours and damaged.
        BusyError: Another process kept it locked while it had to be set up.
        StoreError: The folder is missing, the path is a folder, or permissions are.
    """
    with mapped_errors(path):
        is_new = path != ":memory:" and _is_new(path, encrypted=key is not None)
        if is_new:
            _create_for_owner(path)
        try:
            connection = _opened(path, key, busy_timeout_s)
        except AuthenticationError:
            if not is_new:
                raise
            # Another process has made the file meanwhile, with a salt of its own.
            connection = _opened(path, key, busy_timeout_s)
    if connection.filename:
        remove_abandoned(Path(connection.filename).parent)
    return connection


def _opened(path: str, key: str | bytes | None, busy_timeout_s: float) -> apsw.Connection:
    log_is_left_over = os.path.exists(os.path.realpath(path) + "-wal")
    connection = apsw.Connection(path)
    try:
        with _unreadable_without_its_key(path, key):
            _prepare(connection, path, key, busy_timeout_s)
    except BaseException:
        # A file that we refuse stays as it is: its log is neither folded in nor left behind by us.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(log_is_left_over))
        connection.close()
        raise
    return connection


def disconnect(connection: apsw.Connection, key: str | bytes | None = None) -> None:
    """Close a connection; the last one of all processes folds the write-ahead log into the file.

    When two close at the same moment, each can take the other for still open, and the log stays. So who
    still sees one opens and closes once more, a little later than the other.
    """
    path, log = connection.filename, connection.filename_wal
    if has_moved(connection):
        log = ""  # SQLite leaves it alone: it lies beside another file now
    connection.close()
    for _ in range(2):
        if not log or not os.path.exists(log):
            return
        time.sleep(random.uniform(0, 0.003))
        # Whatever goes wrong here, nothing is lost: whoever opens the file next reads the log.
        with suppress(apsw.Error):
            again = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                if key is not None:
                    unlock(again, key)
                again.pragma("user_version")
            finally:
                again.close()


def has_moved(connection: apsw.Connection) -> bool:
    """Tell whether another file, or none, is where the connection's file was when it was opened."""
    moved = ctypes.c_int(0)
    connection.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(moved))
    return bool(moved.value)


def refuse_moved(connection: apsw.Connection, path: str) -> None:
    """Refuse to read or write a file that nobody will ever see again.

    Raises:
        StoreError: Another file, or none, is at its path.
    """
    if has_moved(connection):
        raise StoreError(_REPLACED.format(path=path))


def _prepare(connection: apsw.Connection, path: str, key: str | bytes | None, busy_timeout_s: float) -> None:
    wait_for_writers(connection, busy_timeout_s)
    if key is not None:
        unlock(connection, key)
    sort_in_memory(connection)
    distrust_schema(connection)
    refuse_doubtful_quotes(connection)
    wait_for_disk(connection)
    remember_pages(connection)
    load_vector_search(connection)
    register_functions(connection)
    retry_while_busy(lambda: _claim(connection, path), busy_timeout_s)
    retry_while_busy(lambda: log_writes_ahead(connection), busy_timeout_s)
    open_vocabulary(connection)


@contextmanager
def _unreadable_without_its_key(path: str, key: str | bytes | None) -> Iterator[None]:
    """Tell a wrong key from damage, which to SQLite is the same: the first page makes no sense."""
    try:
        yield
    except apsw.NotADBError as error:
        if key is not None:
            raise AuthenticationError(
                f"the key does not open {path}: it is another one's, or the beginning of the file is damaged"
            ) from error
        if is_encrypted(read_header(path)):  # another process has just created it
            raise AuthenticationError(_NO_KEY.format(path=path)) from error
        raise


def _create_for_owner(path: str) -> None:
    """Create a missing file that only its owner may read; SQLite gives its companions the same permissions.

    Whatever hinders that hinders SQLite as well, which says it better. No other thread may open the new file
    before it is closed here: closing it would drop that one's locks.
    """
    with _creating, suppress(OSError):
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))


def _is_new(path: str, *, encrypted: bool) -> bool:
    """Tell whether a file is still to be made, without opening it; refuse a path that can not be ours."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        if not path:
            raise StoreError("the path is empty; give the path of a file, or ':memory:'") from None
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise StoreError(f"the folder {folder!r} of {path!r} does not exist; create it first") from None
        return True
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path!r} can not be opened: {error}; check the path and its permissions"
        ) from error
    if stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is a folder; give the path of a file")
    if not stat.S_ISREG(found.st_mode):
        raise NotADatabaseError(
            f"{path} is not an ordinary file; give the path of a tinymem file or a new one"
        )
    if found.st_size:
        _refuse_foreign(path, read_header(path), encrypted)
        _refuse_others_log(path)
    return not found.st_size


def read_header(path: str) -> bytes:
    """Return the first 100 bytes of a file, or as many as there are; SQLite's own layer follows no links."""
    file = apsw.VFSFile("", os.path.realpath(path), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        return file.xRead(HEADER_BYTES, 0)
    finally:
        file.xClose()


def _refuse_foreign(path: str, header: bytes, encrypted: bool) -> None:
    """Judge a header. A file of ours has the id in it from its first transaction on (see `_claim`).

    Of an encrypted one only the key can tell whose it is; until then nothing is written.
    """
    if not any(header) and _was_cut_off(path):
        return
    if is_encrypted(header):
        if not encrypted:
            raise AuthenticationError(_NO_KEY.format(path=path))
        return
    ours = header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    if header and not (header.startswith(MAGIC) and ours):
        what = "a database of another program" if header.startswith(MAGIC) else "not a database"
        raise NotADatabaseError(
            f"{path} is {what}; tinymem opens only its own files, give another path. It was left untouched."
        )
    if header and encrypted:
        raise AuthenticationError(f"{path} is not encrypted: open it without a key; rekey(key) encrypts it")
    refuse_newer(int.from_bytes(header[60:64], "big"), path)


def _refuse_others_log(path: str) -> None:
    """Refuse a copy that was put in the place of a file, beside the log of that: SQLite would mix the two.

    A copy never had a log. The log is looked for twice, because another process may just begin or end one.
    """
    log = f"{os.path.realpath(path)}-wal"
    if _size(log) and read_header(path)[18:20] == NO_LOG and _size(log):
        raise StoreError(_OTHERS_LOG.format(path=path))


def _size(path: str) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    with suppress(OSError):
        return os.path.getsize(path)
    return 0


def _was_cut_off(path: str) -> bool:
    """Tell whether the power went in a file's first transaction: by its journal the file was empty before.

    SQLite will empty it again. Source: https://sqlite.org/fileformat2.html#the_rollback_journal
    """
    with suppress(OSError), open(f"{os.path.realpath(path)}-journal", "rb") as journal:
        beginning = journal.read(20)
        return beginning.startswith(_JOURNAL) and beginning[16:] == bytes(4)
    return False


def _claim(connection: apsw.Connection, path: str) -> None:
    """Write our id into a new file, before the write-ahead log could keep it out of the header."""
    if connection.pragma("application_id") != APPLICATION_ID:
        with transaction(connection, "IMMEDIATE"):
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
            if tables and connection.pragma("application_id") != APPLICATION_ID:
                raise NotADatabaseError(f"{path} became a database of another program while it was opened")
            connection.pragma("application_id", APPLICATION_ID)
    refuse_newer(connection.pragma("user_version"), path)


def retry_while_busy(action: Callable[[], None], timeout_s: float) -> None:
    """Repeat what SQLite refuses at once, without waiting, while another process sets up the same file."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return action()
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def wait_for_writers(connection: apsw.Connection, timeout_s: float) -> None:
    """Wait for another writer instead of failing at once: several processes on one file are normal."""
    connection.set_busy_timeout(int(timeout_s * 1000))


def log_writes_ahead(connection: apsw.Connection) -> None:
    """Let readers go on while one process writes. Source: https://sqlite.org/wal.html"""
    connection.pragma("journal_mode", "wal")


def wait_for_disk(connection: apsw.Connection) -> None:
    """Make every commit survive a power cut: the file is trusted with what a call said it stored."""
    connection.pragma("synchronous", "full")


def remember_pages(connection: apsw.Connection) -> None:
    """Keep 16 MB of pages instead of 2: keyword search reads rows all over a file of 10,000 memories."""
    connection.pragma("cache_size", -16_000)


def sort_in_memory(connection: apsw.Connection) -> None:
    """Keep what SQLite sorts out of the system's folder for temporary files: memories stay in their file."""
    connection.pragma("temp_store", "memory")


def distrust_schema(connection: apsw.Connection) -> None:
    """Run no function with side effects from a schema that somebody may have tampered with."""
    connection.pragma("trusted_schema", "off")


def refuse_doubtful_quotes(connection: apsw.Connection) -> None:
    """Make a misspelt column in double quotes an error instead of a text."""
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)


def load_vector_search(connection: apsw.Connection) -> None:
    """Load sqlite-vec, and close the door to other extensions again."""
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)


def register_functions(connection: apsw.Connection) -> None:
    """Register the Python functions that compiled filters call."""
    for name, (function, n_args) in filters.SQL_FUNCTIONS.items():
        connection.create_scalar_function(name, function, n_args, deterministic=True)
