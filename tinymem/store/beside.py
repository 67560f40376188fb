"""A file that takes its place only when it is whole: written beside it under another name, then renamed.

Whoever looks at the place sees what stood there before or the finished file, whatever happens between.
What is written is for its owner's eyes only, as the file itself.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tinymem.errors import DiskFullError, StoreError

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite adds to a file's name for the files that it keeps beside it."""


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give the path of a new, empty, private file; it takes the target's place when the block ends well.

    If the block does not, it goes, and what stood at the target stands there still.

    Raises:
        StoreError: The folder is missing or can not be written to.
    """
    part = target.with_name(f".tinymem-{secrets.token_hex(8)}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
        _flush(part)
        os.replace(part, target)
    except OSError as error:
        raise StoreError(
            f"{target} can not be written: {error}; check the folder, its permissions and its space"
        ) from error
    finally:
        for name in ("", *COMPANIONS):
            with suppress(OSError):  # it has taken its place, or never came to be
                os.unlink(f"{part}{name}")


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


def _flush(path: Path) -> None:
    """Make the disk hold what was written; nobody else has this file open."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
