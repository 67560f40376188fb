"""Another key for a file, or the first one, or none: by an encrypted copy that takes the file's place.

The copy is made beside the file, under a lock that keeps everybody else out, and replaces it in one step: a
crash at any moment leaves the file as it was, or as it shall be. Whoever was about to open the old file is
told by SQLite that it has moved, and can not write to it any more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tinymem.errors import BusyError, ConfigError, CorruptError, StoreError
from tinymem.store.beside import write_copy, written_beside
from tinymem.store.connect import disconnect, load_vector_search, retry_while_busy
from tinymem.store.encryption import check_key, relock, unlock
from tinymem.store.opening import OpenFile
from tinymem.store.vectors import VectorIndex


class Rekeying(OpenFile):
    """What a Store does about its file's key."""

    def rekey(self, key: str | bytes | None) -> None:
        """Encrypt the file with another key; None decrypts it. Nobody else may have it open meanwhile.

        Raises:
            ConfigError: The key can not be one, this SQLite can not encrypt, or there is no file.
            BusyError: Another process, or another Store of this one, has the file open.
            DiskFullError: There is no space for a second file.
            StoreError: The folder can not be written to.
        """
        if self.path == ":memory:":
            raise ConfigError("':memory:' has no file that a key could encrypt")
        new_key = check_key(key, self.path)
        with self._open() as connection:
            if new_key == self._key:
                return
            if connection.in_transaction:
                raise StoreError("the key can not be changed inside snapshot(); leave it first")
            try:
                be_alone(connection, self._busy_timeout_s)
                replace_encrypted(connection, self._key, new_key)
                self._key = new_key
            finally:
                self._connection = None
                disconnect(connection, self._key)
                self._vectors = VectorIndex()  # what it holds is known by a counter of the old connection's
                self._connection = self._connected()


def be_alone(connection: apsw.Connection, timeout_s: float) -> None:
    """Keep everybody else out of the file, and all of it in one file, until the connection is closed.

    Raises:
        BusyError: Somebody else has it open.
    """
    try:
        retry_while_busy(lambda: _leave_log(connection), timeout_s)
        connection.pragma("locking_mode", "exclusive")
        connection.execute("BEGIN EXCLUSIVE; COMMIT")
        if connection.pragma("journal_mode") != "delete":
            raise apsw.BusyError("it was opened again")
    except apsw.BusyError as error:
        raise BusyError(
            f"{connection.filename} is open elsewhere, and its key can only be changed while nobody else has "
            f"it open: close it there (SQLite: {error})"
        ) from error


def _leave_log(connection: apsw.Connection) -> None:
    connection.pragma("journal_mode", "delete")


def replace_encrypted(
    connection: apsw.Connection, old_key: str | bytes | None, new_key: str | bytes | None
) -> None:
    """Put a copy with another key in the place of a connection's file, for good; only closing is left then.

    Raises:
        DiskFullError: There is no space for it.
        StoreError: It can not be written.
    """
    target = Path(os.path.realpath(connection.filename))
    with written_beside(target) as copy:
        write_copy(connection, copy)
        _encrypt(copy, old_key, new_key)
        _give_owner(copy, os.stat(target))
        if os.name == "nt":  # where no file can be replaced that is open
            connection.close()
    with suppress(PermissionError):  # Windows opens no folder
        _sync_folder(target.parent)


def _encrypt(copy: Path, old_key: str | bytes | None, new_key: str | bytes | None) -> None:
    """Change the key of a file that nobody else knows of, and make sure that the new one opens it."""
    with _opened(copy, old_key) as connection:
        relock(connection, new_key)
    with _opened(copy, new_key) as connection:
        for (finding,) in connection.execute("PRAGMA quick_check"):
            if finding != "ok":
                raise CorruptError(
                    f"the file keeps its key, because it is damaged: {finding}; check() says more"
                )


@contextmanager
def _opened(copy: Path, key: str | bytes | None) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if key is not None:
            unlock(connection, key)
        load_vector_search(connection)
        yield connection
    finally:
        connection.close()


def _give_owner(copy: Path, found: os.stat_result) -> None:
    """Give a copy the owner and the permissions of the file that it replaces."""
    with suppress(PermissionError, AttributeError):  # only its owner gives a file away; Windows knows none
        os.chown(copy, found.st_uid, found.st_gid)
    os.chmod(copy, stat.S_IMODE(found.st_mode))


def _sync_folder(folder: Path) -> None:
    """Wait until the disk holds the folder's names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
