"""How much a file may hold, when the caller set a limit: measured around every write, inside its transaction.

What goes over a limit is rolled back before anybody could read it, and no other writer can come between
measuring and committing, so that two processes can not fill a file together. A file that is over its limit
already still takes what does not make it larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from tinymem.errors import MemoryQuotaExceededError


@dataclass(frozen=True)
class Quota:
    """The most memories, and the most bytes of the closed file; None is no limit."""

    memories: int | None = None
    size_bytes: int | None = None

    @contextmanager
    def kept(self, connection: apsw.Connection) -> Iterator[None]:
        """Refuse what the block wrote if the file grew over a limit by it; run it in a write transaction.

        Raises:
            MemoryQuotaExceededError: It did.
        """
        memories = 0 if self.memories is None else _count(connection)
        size = 0 if self.size_bytes is None else _size(connection)
        yield
        if self.memories is not None and self.memories < (count := _count(connection)) > memories:
            raise MemoryQuotaExceededError(
                f"this would make it {count} memories, and max_memories is {self.memories}: delete some "
                "first, or raise it. Nothing was written"
            )
        if self.size_bytes is not None and self.size_bytes < (grown := _size(connection)) > size:
            raise MemoryQuotaExceededError(
                f"the file would grow from {size} to {grown} bytes, and max_bytes is {self.size_bytes}: "
                "raise it, or make room with erase() or compact(). Nothing was written"
            )


UNLIMITED = Quota()


def _count(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM memory").get)


def _size(connection: apsw.Connection) -> int:
    """Return the size of the file as this transaction would leave it, in bytes, without its log."""
    return int(connection.pragma("page_count")) * int(connection.pragma("page_size"))
