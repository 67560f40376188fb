"""A tinymem file, opened: the connection, the lock, and the three ways of using it.

One connection and one lock serve all threads of a process; other processes open the file themselves. Every
part of `Store` reads inside `_reading` or `_open` and writes inside `_writing`, and nowhere else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from tinymem.errors import StoreError
from tinymem.store import forking
from tinymem.store.connect import connect, disconnect, mapped_errors, nothing_unreadable, refuse_moved
from tinymem.store.encryption import check_key
from tinymem.store.held import Held
from tinymem.store.migrating import migrate_with_copy
from tinymem.store.quota import UNLIMITED, Quota
from tinymem.store.transaction import transaction
from tinymem.store.vectors import RESIDENT_BYTES


class OpenFile:
    """The connection to one file; see `Store` for what it is opened with."""

    def __init__(
        self,
        path: str,
        *,
        key: str | bytes | None = None,
        busy_timeout_s: float = 5.0,
        quota: Quota = UNLIMITED,
        resident_bytes: int = RESIDENT_BYTES,
    ) -> None:
        self.path = os.fspath(path)
        self._key = check_key(key, self.path)
        self._busy_timeout_s = busy_timeout_s
        self._quota = quota
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._resident_bytes = resident_bytes
        self._held = Held(resident_bytes)
        self._connection: apsw.Connection | None = self._connected()
        self._place = self._connection.filename
        forking.watch(self)
        try:
            with self._open() as connection:
                migrate_with_copy(connection, self._connected)
        except BaseException:
            self.close()
            raise

    def _connected(self) -> apsw.Connection:
        forking.refuse_inherited(self.path)
        return connect(self.path, key=self._key, busy_timeout_s=self._busy_timeout_s)

    @contextmanager
    def _locked(self) -> Iterator[apsw.Connection]:
        """Hold the lock and give the connection, with SQLite's errors mapped."""
        if os.getpid() != self._process:
            raise StoreError(
                f"{self.path} was opened before this process was forked; open it anew in each process"
            )
        with self._lock, mapped_errors(self.path):
            if self._connection is None:
                raise StoreError(f"{self.path} was closed; open it again")
            refuse_moved(self._connection, self.path)
            yield self._connection

    @contextmanager
    def _open(self) -> Iterator[apsw.Connection]:
        """Give the connection, see `_locked`, to who reads rows: those that make no sense are damage."""
        with self._locked() as connection, nothing_unreadable(self.path):
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """Give the connection inside a read transaction, the caller's if there is one."""
        with self._open() as connection, _one_state(connection):
            yield connection

    @contextmanager
    def _writing(self, *, frees: bool = False) -> Iterator[apsw.Connection]:
        """Give the connection inside a write transaction; unless it `frees`, the quota may refuse it."""
        with self._open() as connection:
            if connection.in_transaction:
                raise StoreError("nothing can be written inside snapshot(); leave it first")
            with transaction(connection, "IMMEDIATE"), (UNLIMITED if frees else self._quota).kept(connection):
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let several reads see one state of the file; other threads of this process wait meanwhile.

        Errors of the block that are no read's stay what they are: it may run code of the caller's.
        """
        with self._locked() as connection, _one_state(connection):
            yield

    def close(self) -> None:
        """Close the file; the last one to do so leaves a single file behind. Closing twice is fine."""
        if os.getpid() != self._process:
            return  # the connection is the parent's; closing it here would end the parent's locks
        with self._lock, mapped_errors(self.path):
            connection, self._connection = self._connection, None
            if connection is not None:
                disconnect(connection, self._key)

    # -- while the process forks (see `forking`)

    def _pause(self, timeout_s: float) -> bool:
        """Keep the other threads out, waiting for one that is in; tell whether it left in time."""
        return self._lock.acquire(timeout=timeout_s)

    def _resume(self) -> None:
        """Let the other threads in again."""
        self._lock.release()

    def _leave(self, *, paused: bool) -> None:
        """Give up the connection, in a forked child; `paused` if no thread was using it."""
        if self._connection is not None:
            forking.give_up(self._connection, self._place, paused=paused)
            self._connection = None


@contextmanager
def _one_state(connection: apsw.Connection) -> Iterator[None]:
    if connection.in_transaction:
        yield
    else:
        with transaction(connection, "DEFERRED"):
            yield
