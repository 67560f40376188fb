"""Another key for a file, or the first one, or none: by a copy under that key that takes the file's place.

The copy is made beside the file, under a lock that keeps everybody else out, and replaces it in one step: a
crash at any moment leaves the file as it was, or as it shall be. No page of it is ever written under another
key than the new one, so only a file that shall be plain is written as plain text. Whoever was about to open
the old file is told by SQLite that it has moved, and can not write to it any more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tinymem.errors import BusyError, ConfigError, CorruptError, StoreError
from tinymem.store.beside import written_beside
from tinymem.store.connect import disconnect, load_vector_search, retry_while_busy, wait_for_writers
from tinymem.store.copies import leave_log
from tinymem.store.encryption import check_key, location, unlock
from tinymem.store.held import Held
from tinymem.store.opening import OpenFile


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
            self._connection = None
            try:
                disconnect(connection, self._key)
                with _opened(Path(os.path.realpath(self.path)), self._key) as alone:
                    be_alone(alone, self._busy_timeout_s)
                    replace_encrypted(alone, new_key)
                self._key = new_key
            finally:
                # What it holds is known by a counter of the old connection's.
                self._held = Held(self._resident_bytes)
                self._connection = self._connected()


def be_alone(connection: apsw.Connection, timeout_s: float) -> None:
    """Keep everybody else out of the file, and all of it in one file, until the connection is closed.

    Raises:
        BusyError: Somebody else has it open.
    """
    wait_for_writers(connection, timeout_s)
    try:
        retry_while_busy(lambda: leave_log(connection), timeout_s)
        connection.pragma("locking_mode", "exclusive")
        connection.execute("BEGIN EXCLUSIVE; COMMIT")
        if connection.pragma("journal_mode") != "delete":
            raise apsw.BusyError("it was opened again")
    except apsw.BusyError as error:
        raise BusyError(
            f"{connection.filename} is open elsewhere, and its key can only be changed while nobody else has "
            f"it open: close it there (SQLite: {error})"
        ) from error


def replace_encrypted(connection: apsw.Connection, key: str | bytes | None) -> None:
    """Put a copy with another key in the place of a connection's file, for good; only closing is left then.

    Raises:
        DiskFullError: There is no space for it.
        StoreError: It can not be written.
    """
    target = Path(connection.filename)
    with written_beside(target) as copy:
        _copy(connection, copy, key)
        _refuse_damaged(copy, key)
        _give_owner(copy, os.stat(target))
        if os.name == "nt":  # where no file can be replaced that is open
            connection.close()
    with suppress(PermissionError):  # Windows opens no folder
        _sync_folder(target.parent)


def _copy(connection: apsw.Connection, copy: Path, key: str | bytes | None) -> None:
    """Write what a connection reads to an empty file, under another key."""
    told = location(copy, key)
    try:
        connection.execute("VACUUM INTO ?", (told,))
    except apsw.Error as error:  # SQLite may repeat where to, and with that the key
        raise type(error)(str(error).replace(told, str(copy))) from None


def _refuse_damaged(copy: Path, key: str | bytes | None) -> None:
    """Make sure that a key opens a copy, and that all of it is there."""
    with _opened(copy, key) as connection:
        for (finding,) in connection.execute("PRAGMA quick_check"):
            if finding != "ok":
                raise CorruptError(
                    f"the file keeps its key, because it is damaged: {finding}; check() says more"
                )


@contextmanager
def _opened(path: Path, key: str | bytes | None) -> Iterator[apsw.Connection]:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(path.as_uri(), flags=flags)
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
