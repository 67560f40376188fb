"""The pages of a SQLite file, read without SQLite: what `salvage` has where SQLite gives up.

Knows the format of files and their write-ahead logs (https://sqlite.org/fileformat2.html). Every number in
them may be wrong, so each is checked before it leads anywhere, and a row that makes no sense is left out and
counted. Nothing is written, and the file is read through SQLite's file layer: closing it by another way
would drop the locks of this process.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

TABLE_INTERIOR, TABLE_LEAF, INDEX_INTERIOR, INDEX_LEAF = 0x05, 0x0D, 0x02, 0x0A
_KINDS = frozenset({TABLE_INTERIOR, TABLE_LEAF, INDEX_INTERIOR, INDEX_LEAF})

HEADER_BYTES = 100
NO_LOG = b"\1\1"
"""Bytes 18 and 19 of the header of a file that has no write-ahead log."""

_DEFAULT_PAGE_SIZE = 4096
_PAGE_SIZES = frozenset(2**power for power in range(9, 17))
_RESERVED = (0, 32)  # bytes that a page keeps for a cipher: none, or those of one that was there once
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # by the byte order of its checksums
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # by serial type


class DamageError(Exception):
    """A page, or a row on it, makes no sense. It never leaves the modules of salvaging."""


class Row(NamedTuple):
    """One row: its number (None in an index, or a table without them) and its values."""

    rowid: int | None
    values: tuple[Any, ...]


class Tree(NamedTuple):
    """A table or an index: the pages that hold its rows, and whether all of them were found."""

    pages: list[int]
    whole: bool


class Pages:
    """The pages of a file, numbered from 1, as the last commit in the file or its log left them."""

    def __init__(self, path: str, image: bytes | None = None) -> None:
        """Read the file at a path, or an image of it, which is all that its log said too."""
        self._file = _open(path) if image is None else _Image(image)
        self._log: apsw.VFSFile | None = None
        self._frames: dict[int, int] = {}
        self._committed_size = 0
        try:
            self.header = self._file.xRead(HEADER_BYTES, 0)
            self.size = _page_size(self.header)
            if image is None and has_log(path, self.header):
                self._log = _open(f"{path}-wal")
                self._frames = dict(self._committed_frames(self._log))
            if 1 in self._frames:
                self.header = self[1][:HEADER_BYTES]
            self.count = self._committed_size or self._file.xFileSize() // self.size
            reserved = self.header[20] if len(self.header) > 20 else 0
            self.usable = self.size - (reserved if reserved in _RESERVED else 0)
        except BaseException:
            self.close()
            raise

    def __getitem__(self, number: int) -> bytes:
        """Return a page.

        Raises:
            DamageError: There is no such page.
        """
        if number in self._frames and self._log is not None:
            page = self._log.xRead(self.size, self._frames[number])
        elif number >= 1:
            page = self._file.xRead(self.size, (number - 1) * self.size)
        else:
            page = b""
        if len(page) < self.size:
            raise DamageError(f"there is no page {number}")
        return bytes(page)

    def close(self) -> None:
        """Close the file and its log."""
        for file in (self._file, self._log):
            if file is not None:
                file.xClose()

    def _committed_frames(self, log: apsw.VFSFile) -> Iterator[tuple[int, int]]:
        """Yield (page, where it stands in the log) up to the last commit, in the order of writing."""
        header = log.xRead(_LOG_HEADER, 0)
        if len(header) < _LOG_HEADER:
            return
        magic, _, size, _, *salts = struct.unpack(">6I", header[:24])
        order = _LOG_MAGIC.get(magic)
        sums = (0, 0) if order is None else _checksum(header[:24], order, (0, 0))
        if order is None or sums != struct.unpack(">2I", header[24:]):
            return
        if size in _PAGE_SIZES:
            self.size = size
        pending: list[tuple[int, int]] = []
        at = _LOG_HEADER
        while len(frame := log.xRead(_FRAME_HEADER + self.size, at)) == _FRAME_HEADER + self.size:
            number, committed, *salt, one, two = struct.unpack(">6I", frame[:_FRAME_HEADER])
            sums = _checksum(frame[_FRAME_HEADER:], order, _checksum(frame[:8], order, sums))
            if salt != salts or sums != (one, two):
                return
            pending.append((number, at + _FRAME_HEADER))
            if committed:
                yield from pending
                pending.clear()
                self._committed_size = committed
            at += len(frame)


def has_log(path: str, header: bytes) -> bool:
    """Tell whether a file's own log is beside it; by its header, a copy in another file's place has none."""
    return header[18:20] != NO_LOG and os.path.exists(f"{path}-wal")


class _Image:
    """A file that is in memory; it is read as one on the disk is."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def xRead(self, amount: int, offset: int) -> bytes:
        return self._content[offset : offset + amount]

    def xFileSize(self) -> int:
        return len(self._content)

    def xClose(self) -> None:
        pass


def _open(path: str) -> apsw.VFSFile:
    return apsw.VFSFile("", path, [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])


def _page_size(header: bytes) -> int:
    """Return the size of a page in bytes as the header says it, else what it usually is."""
    said = int.from_bytes(header[16:18], "big")
    said = 65536 if said == 1 else said
    return said if said in _PAGE_SIZES else _DEFAULT_PAGE_SIZE


def _checksum(content: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    one, two = sums
    numbers = struct.unpack(f"{order}{len(content) // 4}I", content)
    for first, second in zip(numbers[::2], numbers[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


# -- trees


def walk(pages: Pages, root: int) -> Tree:
    """Return the pages that hold the rows of a table or index, found from its root."""
    found: list[int] = []
    seen = {0}
    waiting = [root]
    whole = True
    while waiting:
        number = waiting.pop()
        try:
            if number in seen:
                raise DamageError(f"page {number} has two parents")
            seen.add(number)
            page = pages[number]
            kind, cells = _cells(page, number)
        except DamageError:
            whole = False
            continue
        if kind != TABLE_INTERIOR:
            found.append(number)
        if kind in (TABLE_INTERIOR, INDEX_INTERIOR):
            start = 100 if number == 1 else 0
            children = [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]
            waiting += reversed([*children, int.from_bytes(page[start + 8 : start + 12], "big")])
    return Tree(found, whole)


def free_pages(pages: Pages) -> set[int]:
    """Return the pages that are not in use, as far as the list of them can be read."""
    free: set[int] = set()
    trunk = int.from_bytes(pages.header[32:36], "big")
    while trunk and trunk not in free:
        free.add(trunk)
        try:
            page = pages[trunk]
        except DamageError:
            break
        trunk, count = struct.unpack(">2I", page[:8])
        count = min(count, pages.size // 4 - 2)
        free.update(struct.unpack(f">{count}I", page[8 : 8 + 4 * count]))
    return free


def _cells(page: bytes, number: int) -> tuple[int, list[int]]:
    """Return what kind of page this is, and where its cells begin."""
    start = 100 if number == 1 else 0
    kind, _, count = struct.unpack(">BHH", page[start : start + 5])
    first = start + (12 if kind in (TABLE_INTERIOR, INDEX_INTERIOR) else 8)
    if kind not in _KINDS or first + 2 * count > len(page):
        raise DamageError(f"page {number} is no page of a table")
    cells = list(struct.unpack(f">{count}H", page[first : first + 2 * count]))
    if any(cell < first + 2 * count for cell in cells):
        raise DamageError(f"page {number} has rows in its header")
    return kind, cells


# -- rows


def read_rows(pages: Pages, number: int) -> tuple[list[Row], int]:
    """Return the rows on a page and how many of them make no sense.

    Raises:
        DamageError: The page as a whole makes none.
    """
    page = pages[number]
    kind, cells = _cells(page, number)
    rows: list[Row] = []
    if kind == TABLE_INTERIOR:
        return rows, 0
    for cell in cells:
        try:
            rows.append(_row(pages, page, kind, cell))
        except (DamageError, IndexError, struct.error, UnicodeDecodeError):
            continue
    return rows, len(cells) - len(rows)


def _row(pages: Pages, page: bytes, kind: int, cell: int) -> Row:
    at = cell + 4 if kind == INDEX_INTERIOR else cell
    size, at = _varint(page, at)
    rowid: int | None = None
    if kind == TABLE_LEAF:
        rowid, at = _varint(page, at)
        rowid -= (rowid >> 63) << 64  # it is signed
    return Row(rowid, _record(_payload(pages, page, kind, at, size)))


def _payload(pages: Pages, page: bytes, kind: int, at: int, size: int) -> bytes:
    """Return the bytes of a row, of which a page keeps only the first when they are many."""
    if size > pages.count * pages.size:
        raise DamageError("a row is larger than the file")
    least = (pages.usable - 12) * 32 // 255 - 23
    most = pages.usable - 35 if kind == TABLE_LEAF else (pages.usable - 12) * 64 // 255 - 23
    local = size
    if size > most:
        wanted = least + (size - least) % (pages.usable - 4)
        local = wanted if wanted <= most else least
    if at + local > pages.usable:
        raise DamageError("a row goes beyond its page")
    parts = [page[at : at + local]]
    rest = size - local
    following = int.from_bytes(page[at + local : at + local + 4], "big") if rest else 0
    while rest > 0:
        overflow = pages[following]
        following = int.from_bytes(overflow[:4], "big")
        parts.append(overflow[4 : min(pages.usable, 4 + rest)])
        rest -= len(parts[-1])
    return b"".join(parts)


def _record(payload: bytes) -> tuple[Any, ...]:
    """Return the values of a row."""
    at, kinds = 0, []
    end, at = _varint(payload, at)
    if end > len(payload):
        raise DamageError("a row ends in its header")
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise DamageError("a row is longer than its values")
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (8, 9):
        return kind - 8, at
    if kind == 0:
        return None, at
    if kind in (10, 11):
        raise DamageError("a value is of no known type")
    size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else (kind - 12) // 2)
    content = payload[at : at + size]
    if len(content) < size:
        raise DamageError("a value goes beyond its row")
    if kind in _INTEGER_BYTES:
        return int.from_bytes(content, "big", signed=True), at + size
    if kind == 7:
        return struct.unpack(">d", content)[0], at + size
    if not kind % 2:
        return content, at + size
    if 0 in content:
        raise DamageError("a text has a NUL, which no text of ours has")
    return content.decode("utf-8"), at + size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return an integer of one to nine bytes, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        byte = content[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | content[at + 8], at + 9
