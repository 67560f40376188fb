"""Whole copies of a file, and the file made as small as what it holds.

A copy is one state of the file, whoever writes meanwhile. Only what a memory holds now survives compacting:
words and vectors of what was deleted stay in keyword index, vector chunks, free pages and log until then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import apsw

from tinymem.errors import CorruptError, StoreError, ValidationError
from tinymem.store.beside import COMPANIONS, remove_abandoned, write_copy, written_beside
from tinymem.store.connect import mapped_errors, read_header
from tinymem.store.encryption import MAGIC, is_encrypted, unlock
from tinymem.store.filters import Where
from tinymem.store.lines import Dump, Line, Parsed, parse_line
from tinymem.store.opening import OpenFile
from tinymem.store.outgoing import read_lines
from tinymem.store.schema import APPLICATION_ID, vectors_sql
from tinymem.store.transfer import Made, restore_lines
from tinymem.store.vectors import load_embedder
from tinymem.store.writing import start_generation


class Copies(OpenFile):
    """What a Store knows of copying and compacting its file."""

    def backup(self, target: Path) -> int:
        """Write a copy of the file, as `check_target` allows; return its size in bytes."""
        with self._open() as connection:
            self.check_target(target)
            if connection.in_transaction:
                raise StoreError("no copy can be made inside snapshot(); leave it first")
            write_copy(connection, target)
        return target.stat().st_size

    def write_part(self, target: Path, condition: Where) -> Mapping[str, int]:
        """Write the memories that meet a condition to a new file, under the same key; return how many.

        They come with their whole past; see `outgoing.read_lines`. `target` is as in `backup`.

        Raises:
            CorruptError: What is stored does not fit together, or can not be read.
        """
        with self._reading() as connection:
            self.check_target(target)
            lines = read_lines(connection, condition)
            embedder = next(lines)["embedder"]
            dimension = None if embedder is None else int(embedder["dimension"])
            parsed = self._parsed(lines, dimension)
            with written_beside(target) as part, closing(type(self)(str(part), key=self._key)) as other:
                try:
                    return other.take(Dump(self.path, embedder, parsed))
                except ValidationError as error:
                    raise CorruptError(
                        f"the file can not be copied in part ({error}); run check()"
                    ) from error

    def _parsed(self, lines: Iterator[Line], dimension: int | None) -> Iterator[tuple[str, Parsed]]:
        """Yield lines that are read from this file; what goes wrong there is this file's fault."""
        with mapped_errors(self.path):
            for line in lines:
                yield self.path, parse_line(line, dimension, self.path)

    def take(self, dump: Dump) -> Mapping[str, int]:
        """Write what a dump says into this file, which is new, and leave it without a log, as any copy."""
        with self._writing() as connection:
            counts = restore_lines(connection, dump, Made({}, {}), keep_messages=True).counts
        with self._open() as connection:
            leave_log(connection)
        return counts

    def check_target(self, target: Path) -> None:
        """Refuse to put a new file where it would destroy something else than an older copy.

        Raises:
            ValidationError: There is this Store's own file, a file in use, or none of ours.
            StoreError: There is no ordinary file.
        """
        if str(target).endswith(COMPANIONS):
            raise ValidationError(f"{target} has the name of a part of a database; give another path")
        if not os.path.lexists(target):
            return
        if not target.is_file():
            raise StoreError(f"{target} is not an ordinary file; give the path of a file, or of a new one")
        if os.path.exists(self.path) and target.samefile(self.path):
            raise ValidationError(f"{target} is the memory's own file; give another path")
        if any(os.path.exists(f"{target}{name}") for name in COMPANIONS):
            raise ValidationError(f"{target} is in use by some program; give another path")
        if target.stat().st_size and not self._knows(target):
            raise ValidationError(
                f"{target} is no tinymem file, or has another key, so it is not replaced; give another path"
            )

    def _knows(self, target: Path) -> bool:
        """Tell whether a file, which nobody has open, is a tinymem file that is not another key's."""
        header = read_header(str(target))
        if not is_encrypted(header):
            return is_ours(header)
        return self._key is not None and _opens(target, self._key)

    def compact(self) -> tuple[int, int]:
        """Give back to the disk what the file does not need; return its size in bytes before and after.

        Raises:
            BusyError: Another process read or wrote all the while; what was not given back is used again.
        """
        with self._open() as connection:
            before = _size(connection)
            with self._writing(frees=True):
                drop_leftovers(connection)
            shrink(connection)
            return before, _size(connection)


def is_ours(header: bytes) -> bool:
    """Tell whether a file that begins so is a tinymem file, or encrypted as tinymem encrypts."""
    ours = header.startswith(MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    return ours or is_encrypted(header)


def _opens(target: Path, key: str | bytes) -> bool:
    """Tell whether an encrypted file is a tinymem file of this key's, without leaving anything beside it."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(f"{target.absolute().as_uri()}?immutable=1", flags=flags)) as connection:
        unlock(connection, key)
        try:
            return bool(connection.pragma("application_id") == APPLICATION_ID)
        except apsw.NotADBError:
            return False


def leave_log(connection: apsw.Connection) -> None:
    """Put all of a file into the file itself, until somebody opens it again; nobody else may have it open."""
    connection.pragma("journal_mode", "delete")


def drop_leftovers(connection: apsw.Connection) -> None:
    """Rid keyword index and vectors of what no memory has any more; run it in a write transaction.

    Their deletions only mark: FTS5 forgets a word when it merges all of its segments, sqlite-vec never
    forgets a vector. Afterwards vectors lie elsewhere.
    """
    connection.execute("INSERT INTO memory_fts(memory_fts) VALUES ('optimize')")
    embedder = load_embedder(connection)
    if embedder is not None:
        rows = connection.execute("SELECT rowid, embedding FROM memory_vec").fetchall()
        connection.execute("DROP TABLE memory_vec")
        connection.execute(vectors_sql(int(embedder["dimension"])))
        connection.executemany("INSERT INTO memory_vec(rowid, embedding) VALUES (?, ?)", rows)
        start_generation(connection)


def shrink(connection: apsw.Connection) -> None:
    """Write the file anew without free pages, empty its log, and delete what killed copies left beside it."""
    if connection.filename:
        remove_abandoned(Path(connection.filename).parent)
    connection.execute("VACUUM")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _size(connection: apsw.Connection) -> int:
    """Return the size of the file and its log on the disk, in bytes; of one in memory that of its pages."""
    if not connection.filename:
        return int(connection.pragma("page_count") * connection.pragma("page_size"))
    size = 0
    for name in (connection.filename, connection.filename_wal):
        with suppress(OSError):
            size += os.path.getsize(name)
    return size
