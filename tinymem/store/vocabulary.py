"""FTS5's index seen as tables: which words there are, in how many memories, and every place of each.

Source: https://sqlite.org/fts5.html#the_fts5vocab_virtual_table_module
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import apsw

from tinymem.store.schema import TOKENIZER

Tokenize = Callable[[str], list[str]]
"""Takes a text apart as FTS5 does it."""

_TABLES = (
    "CREATE VIRTUAL TABLE temp.indexed_words USING fts5vocab(main, memory_fts, row)",
    "CREATE VIRTUAL TABLE temp.indexed_places USING fts5vocab(main, memory_fts, instance)",
)
_TOKENIZER, *_ARGUMENTS = TOKENIZER.split()


def open_vocabulary(connection: apsw.Connection) -> None:
    """Make temp.indexed_words(term, doc, cnt) and temp.indexed_places(term, doc, col, offset) readable.

    This is done once, outside of transactions: what changes the schema makes SQLite prepare every statement
    again, and is undone with its transaction.
    """
    for statement in _TABLES:
        connection.execute(statement)


def tokenizer(connection: apsw.Connection) -> Tokenize:
    """Return what takes texts apart as FTS5 does it."""
    cut = connection.fts5_tokenizer(_TOKENIZER, _ARGUMENTS)

    def tokenize(text: str) -> list[str]:
        found = cut(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False)
        return [token[0] for token in cast("list[tuple[str]]", found)]

    return tokenize
