"""An older file becomes a present one, and a copy of what it was stays beside it.

The copy is made under the lock of the migration, so it is what the migration began with, to the last write.
Whatever fails, the file itself is as it was and the copy goes; a file that needs no migration gets none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from glob import escape, glob
from itertools import chain, count
from pathlib import Path

import apsw

from tinymem.errors import StoreError
from tinymem.store.beside import write_copy
from tinymem.store.connect import mapped_errors
from tinymem.store.schema import migrate


def copies_left(path: str) -> list[str]:
    """Return the copies of a file, now or once, that migrations left beside it."""
    return sorted(glob(f"{escape(os.path.realpath(path))}.schema-*.bak"))


def _free_name(path: str, version: int) -> Path:
    """Return where the copy of a file that has this schema version may stay: nothing is there yet."""
    names = chain([f"{path}.schema-{version}.bak"], (f"{path}.schema-{version}-{n}.bak" for n in count(2)))
    return Path(next(name for name in names if not os.path.lexists(name)))


def migrate_with_copy(connection: apsw.Connection, open_again: Callable[[], apsw.Connection]) -> None:
    """Bring an opened file to the present schema; `open_again` opens it a second time.

    Raises:
        SchemaError: The file was written by a newer tinymem.
        StoreError: No copy could be made, or the migration failed.
    """
    path = connection.filename
    copies: list[Path] = []

    def keep(version: int) -> None:
        with closing(open_again()) as reader:
            copy = _free_name(path, version)
            write_copy(reader, copy)
        copies.append(copy)

    try:
        with mapped_errors(path):
            migrate(connection, keep) if path else migrate(connection)
    except StoreError as error:
        if not copies:
            raise
        for copy in copies:
            copy.unlink(missing_ok=True)
        raise type(error)(
            f"{error}. The file could not be brought to the present schema and is as it was"
        ) from error
