"""A file that takes its place only when it is whole: written beside it under another name, then renamed.

Whoever looks at the place sees what stood there before or the finished file, whatever happens between.
What is written is for its owner's eyes only, as the file itself, and its writer holds a lock on the folder
that it is written in: so what a killed one left is known, and goes when the next file is opened or written.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tinymem.errors import DiskFullError, StoreError, ValidationError, shown

if sys.platform != "win32":  # which locks no folder, so nobody can tell there who still writes
    import fcntl

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite adds to a file's name for the files that it keeps beside it."""

LONGEST_PATH = 4096  # characters; no system takes more

_PARTS = ".tinymem-*.part"


def parse_path(path: object) -> str:
    """Return a path as text.

    Raises:
        ValidationError: It can not be one.
    """
    try:
        text = os.fsdecode(os.path.expanduser(path))  # type: ignore[call-overload]
        if 0 < len(text) <= LONGEST_PATH and b"\x00" not in os.fsencode(text):
            return text
    except (TypeError, ValueError):
        pass
    raise ValidationError(f"the path of a file is needed, got {type(path).__name__}: {shown(path)}")


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give the path of a new, empty, private file; it takes the target's place when the block ends well.

    If the block does not, it goes, and what stood at the target stands there still.

    Raises:
        StoreError: The folder is missing or can not be written to.
    """
    try:
        with private_file(target.parent) as part:
            yield part
            _flush(part)
            os.replace(part, target)
    except OSError as error:
        raise StoreError(
            f"{target} can not be written: {error}; check the folder, its permissions and its space"
        ) from error


@contextmanager
def private_file(folder: Path) -> Iterator[Path]:
    """Give the path of a new, empty file that is its owner's alone; it goes when the block ends.

    Raises:
        OSError: The folder is missing or can not be written to.
    """
    remove_abandoned(folder)
    held, lock = _held_folder(folder)
    try:
        part = held / "part"
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
    finally:
        shutil.rmtree(held, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_abandoned(folder: Path) -> None:
    """Delete what killed writers left in a folder, as far as that is possible."""
    with suppress(OSError):
        for left in folder.glob(_PARTS):
            with suppress(OSError):  # its writer is alive, or it is another user's
                lock = _locked(left, wait=False)
                if lock is not None:
                    shutil.rmtree(left, ignore_errors=True)
                    os.close(lock)


def write_copy(connection: apsw.Connection, target: Path) -> None:
    """Write one state of a connection's file to a file of its own, without free pages, while others go on.

    Raises:
        StoreError: It can not be written; what stood at the target stands there still.
    """
    with written_beside(target) as part:
        try:
            connection.execute("VACUUM INTO ?", (str(part),))
        except apsw.FullError as error:
            raise DiskFullError(
                f"no space is left for the copy {target}; free some and try again (SQLite: {error})"
            ) from error


def _held_folder(folder: Path) -> tuple[Path, int | None]:
    """Make a folder of one's own in another, and lock it for as long as the descriptor is open."""
    while True:
        held = folder / _PARTS.replace("*", secrets.token_hex(8))
        held.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            lock = _locked(held, wait=True)
            if held.exists():  # else somebody took it for an abandoned one, before it was locked
                return held, lock
            if lock is not None:
                os.close(lock)


def _locked(held: Path, *, wait: bool) -> int | None:
    """Lock a folder and return the descriptor that keeps it so; None where no folder can be locked.

    Raises:
        OSError: Another one has locked it, or it is no folder.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(held, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks: nothing is ever taken for abandoned there
        os.close(descriptor)
        return None
    return descriptor


def _flush(path: Path) -> None:
    """Make the disk hold what was written; nobody else has this file open."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
