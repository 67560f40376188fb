"""A process that forks while it has files open: the child must not touch them, and must be able to open them.

SQLite keeps one account of the locks that its process has on a file. A forked child inherits the account
without the locks: whatever it opened then would be locked on paper only, and its log deleted under it. So the
child gives up what it inherited, without a trace in the file, before it can open anything. For that no thread
may be inside SQLite at the moment of forking.

Source: https://sqlite.org/howtocorrupt.html (2.6)
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Protocol

import apsw

from tinymem.errors import StoreError

PATIENCE_S = 5.0  # how long a fork waits for threads that are inside SQLite


class Watched(Protocol):
    """A file that is open."""

    def _pause(self, timeout_s: float) -> bool: ...

    def _resume(self) -> None: ...

    def _leave(self, *, paused: bool) -> None: ...


_watched: weakref.WeakSet[Watched] = weakref.WeakSet()
_watching = threading.Lock()
_paused: list[Watched] = []
_inherited: set[tuple[int, int]] = set()  # device and inode of files that this child could not give up


def watch(file: Watched) -> None:
    """Give up a file in every child that is forked while it is open."""
    with _watching:
        _watched.add(file)


def refuse_inherited(path: str) -> None:
    """Refuse to open a file that would be locked on paper only.

    Raises:
        StoreError: The process was forked while a thread was using the file.
    """
    if _inherited and os.path.exists(path):
        found = os.stat(path)
        if (found.st_dev, found.st_ino) in _inherited:
            raise StoreError(
                f"{path} was in use when this process was forked, and can not be opened safely in it: close "
                "it before forking, or start processes by spawn or forkserver"
            )


def give_up(connection: apsw.Connection, place: str, *, paused: bool) -> None:
    """Close an inherited connection without writing anything, or see to it that it is never closed.

    `place` is the whole path of its file: a connection that another thread was using does not say it.
    """
    if paused and not connection.in_transaction:
        with suppress(apsw.Error):
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            return connection.close()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    with suppress(OSError):
        found = os.stat(place)
        _inherited.add((found.st_dev, found.st_ino))


def _before() -> None:
    """Wait until no thread is inside SQLite; never hold one file while waiting for another."""
    deadline = time.monotonic() + PATIENCE_S
    busy: list[Watched] = []
    while True:
        waited_for = [file for file in busy if file._pause(max(0.0, deadline - time.monotonic()))]
        _watching.acquire()
        files = list(_watched)
        _paused[:] = [*waited_for, *(file for file in files if file._pause(0.0))]
        busy = [file for file in files if file not in _paused][:1]
        if not busy or time.monotonic() > deadline:
            return
        _after_in_parent()


def _after_in_parent() -> None:
    for file in _paused:
        file._resume()
    _paused.clear()
    _watching.release()


def _after_in_child() -> None:
    for file in list(_watched):
        file._leave(paused=file in _paused)
    _after_in_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
