"""The pages of a damaged file that is encrypted, as far as their seals are whole: what `salvage` reads of it.

SQLite opens no encrypted file whose first page was changed, and reads no further than to the next such page.
So a copy is made, encrypted as it is. Its first page is sealed anew, and every other one that was changed
gives way to an empty one, sealed with the same key and salt. Nothing is written as plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tinymem.errors import AuthenticationError
from tinymem.store.beside import private_file
from tinymem.store.encryption import SALT_BYTES, unlock
from tinymem.store.pages import HEADER_BYTES, has_log
from tinymem.store.schema import APPLICATION_ID

_AT_ONCE = 1 << 20  # bytes that are copied


def unsealed(path: str, key: str | bytes, folder: Path) -> bytes:
    """Return all pages of an encrypted file, in plain, and zeros for those that were changed.

    `folder` is where the encrypted copy stands meanwhile.

    Raises:
        AuthenticationError: The key does not open the file, or its beginning is lost.
        OSError: The folder can not be written to.
    """
    with private_file(folder) as copy, private_file(folder) as spare:
        header = _copy(path, copy)
        if has_log(path, header):
            _copy(f"{path}-wal", Path(f"{copy}-wal"))
        if not _is_sealed_anew(copy, key):
            raise AuthenticationError(
                f"the key does not open {path}: it is another one's, or the beginning of the file is lost"
            )
        with _opened(spare, key, salt=header[:SALT_BYTES]) as connection:
            connection.execute("CREATE TABLE spare(content)")
            connection.execute("INSERT INTO spare VALUES (zeroblob(?))", (copy.stat().st_size,))
        with _opened(copy, key) as connection:
            return _read(connection, copy, spare)


def _is_sealed_anew(copy: Path, key: str | bytes) -> bool:
    """Seal the first page of a copy, changed or not; False if it is none of ours under this key."""
    try:
        with _opened(copy, key, checked=False) as connection:
            connection.pragma("user_version", connection.pragma("user_version"))
            return bool(connection.pragma("application_id") == APPLICATION_ID)
    except (apsw.NotADBError, apsw.CorruptError, apsw.ReadOnlyError):
        return False


def _read(connection: apsw.Connection, copy: Path, spare: Path) -> bytes:
    """Read all pages of a copy, putting a spare one in the place of each that can not be read."""
    size = connection.pragma("page_size")
    changed: set[int] = set()
    with open(copy, "r+b", buffering=0) as file, open(spare, "rb") as spares:
        while True:
            pages = bytearray(connection.serialize("main"))
            first = -(-len(pages.rstrip(b"\0")) // size)  # SQLite gives zeros from there on
            for number in changed:
                pages[number * size : (number + 1) * size] = bytes(size)
            if first * size >= len(pages):
                return bytes(pages)
            changed.add(first)
            spares.seek(first * size)
            file.seek(first * size)
            file.write(spares.read(size))


def _copy(source: str, copy: Path) -> bytes:
    """Copy a file that SQLite may have open in this process, and return its first bytes."""
    found = apsw.VFSFile("", source, [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        with open(copy, "wb") as file:
            for place in range(0, found.xFileSize(), _AT_ONCE):
                file.write(found.xRead(_AT_ONCE, place))
        return found.xRead(HEADER_BYTES, 0)
    finally:
        found.xClose()


@contextmanager
def _opened(
    path: Path, key: str | bytes, *, checked: bool = True, salt: bytes | None = None
) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        unlock(connection, key, checked=checked, salt=salt)
        connection.pragma("writable_schema", True)  # a table of contents that makes no sense is no reason
        yield connection
    finally:
        connection.close()
