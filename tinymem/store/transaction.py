"""One transaction context manager for everything that touches the file.

A block is all there or not there at all: whatever leaves it, a KeyboardInterrupt included, rolls
it back. It never nests, so a writer can not end up inside somebody's read by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import apsw


@contextmanager
def transaction(connection: apsw.Connection, mode: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
    """Run the block in one transaction: IMMEDIATE to write, DEFERRED to read, which never commits."""
    try:
        connection.execute(f"BEGIN {mode}")
        yield
        connection.execute("COMMIT" if mode == "IMMEDIATE" else "ROLLBACK")
    except BaseException:
        # SQLite itself rolls back after some errors (disk full, input/output).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
