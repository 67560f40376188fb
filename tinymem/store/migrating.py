"""An older file becomes a present one, and a copy of what it was stays beside it.

The copy is made under the lock of the migration, so it is what the migration began with, to the last write.
Whatever fails, the file itself is as it was; a file that needs no migration gets no copy.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from tinymem.errors import StoreError
from tinymem.store.beside import write_copy
from tinymem.store.connect import mapped_errors
from tinymem.store.schema import migrate


def copy_name(path: str, version: int) -> Path:
    """Return where the copy of a file stays that had this schema version."""
    return Path(f"{path}.schema-{version}.bak")


def migrate_with_copy(connection: apsw.Connection, open_again: Callable[[], apsw.Connection]) -> None:
    """Bring an opened file to the present schema; `open_again` opens it a second time.

    Raises:
        SchemaError: The file was written by a newer tinymem.
        StoreError: No copy could be made, or the migration failed; says where the copy is.
    """
    path = connection.filename
    copies: list[Path] = []

    def keep(version: int) -> None:
        with closing(open_again()) as reader:
            write_copy(reader, copy_name(path, version))
        copies.append(copy_name(path, version))

    try:
        with mapped_errors(path):
            migrate(connection, keep) if path else migrate(connection)
    except StoreError as error:
        if not copies:
            raise
        raise type(error)(
            f"{error}. The file could not be brought to the present schema and is as it was; a copy of it is "
            f"{copies[0]}"
        ) from error
