"""What a tinymem file is made of: its identity, every table and index, and the numbered migrations.

A migration is one function; its number is its place in `MIGRATIONS` and becomes the file's
`user_version`. All that a file lacks run in one transaction, so a file has either its old schema or
the present one. A released migration is never edited, and no other module may hold DDL.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from tinymem.errors import SchemaError
from tinymem.store.keywords import index_text
from tinymem.store.transaction import transaction

APPLICATION_ID = 0x74696E79
"""What `PRAGMA application_id` says in our files: "tiny" in ASCII."""

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""How FTS5 reads what `keywords.index_text` gives it: English endings stemmed.

BM25 alone then finds 0.604 of the evidence in LoCoMo's five dev conversations among the first 10; without
stems 0.566, with FTS5's trigrams 0.584.
"""

# Contentless: the text stands in `memory` already; keywords.index_text decides what is indexed.
KEYWORDS_SQL = f"""
    CREATE VIRTUAL TABLE memory_fts USING fts5(
        text, context, content='', contentless_delete=1, tokenize='{TOKENIZER}'
    )
    """
"""The DDL of the keyword index: a memory's text, and what was said around it (see `context`)."""

_TABLES = (
    """
    CREATE TABLE memory(
        rowid INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        text TEXT NOT NULL,
        hash TEXT NOT NULL,
        user_id TEXT,
        agent_id TEXT,
        run_id TEXT,
        app_id TEXT,
        actor_id TEXT,
        role TEXT,
        memory_type TEXT,
        metadata TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        expiration_date TEXT,
        immutable INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE memory_category(
        memory_rowid INTEGER NOT NULL,
        category TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (memory_rowid, category)
    ) STRICT, WITHOUT ROWID
    """,
    f"""
    CREATE VIRTUAL TABLE memory_fts USING fts5(
        text, content='', contentless_delete=1, tokenize='{TOKENIZER}'
    )
    """,
    """
    CREATE TABLE commits(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        call TEXT NOT NULL,
        at TEXT NOT NULL,
        scope TEXT NOT NULL,
        engine TEXT NOT NULL
    ) STRICT
    """,
    # `vector_before` is the float32 vector that stood before the change, NULL where none stood.
    """
    CREATE TABLE changes(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        commit_seq INTEGER NOT NULL,
        memory_id TEXT NOT NULL,
        memory_rowid INTEGER NOT NULL,
        event TEXT NOT NULL,
        before TEXT,
        after TEXT,
        vector_before BLOB,
        evidence TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE messages(
        commit_seq INTEGER NOT NULL,
        position INTEGER NOT NULL,
        role TEXT NOT NULL,
        name TEXT,
        content TEXT NOT NULL,
        at TEXT,
        PRIMARY KEY (commit_seq, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE identity(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)

# The scope indexes also hold what the everyday query reads: order by age, leave out what has expired.
_INDEXES = (
    *(
        f"CREATE INDEX memory_by_{name} ON memory({name}_id, created_at, expiration_date) "
        f"WHERE {name}_id IS NOT NULL"
        for name in ("user", "agent", "run", "app")
    ),
    "CREATE INDEX memory_by_age ON memory(created_at, expiration_date)",
    "CREATE INDEX memory_by_update ON memory(updated_at)",
    "CREATE INDEX memory_by_hash ON memory(hash)",
    "CREATE INDEX memory_category_by_name ON memory_category(category)",
    "CREATE INDEX changes_by_memory ON changes(memory_id, seq)",
    "CREATE INDEX changes_by_commit ON changes(commit_seq)",
)


def m001_first(connection: apsw.Connection) -> None:
    """Create every table of the first release, except the vectors, whose dimension is not known yet."""
    for statement in (*_TABLES, *_INDEXES):
        connection.execute(statement)


_SECOND = (
    "ALTER TABLE memory ADD COLUMN archived INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE memory ADD COLUMN event_date TEXT",
    "ALTER TABLE memory ADD COLUMN event_end TEXT",
    "ALTER TABLE memory ADD COLUMN event_precision TEXT",
    "ALTER TABLE memory ADD COLUMN relations TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE memory ADD COLUMN follows TEXT",
    "CREATE INDEX memory_by_event ON memory(event_date) WHERE event_date IS NOT NULL",
    "CREATE INDEX memory_by_follows ON memory(follows) WHERE follows IS NOT NULL",
    "CREATE INDEX memory_by_actor ON memory(actor_id COLLATE NOCASE) WHERE actor_id IS NOT NULL",
    # `key` is the normalised name; `owner` says whose entity it is, so that no two users share one.
    """
    CREATE TABLE entity(
        rowid INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        vector BLOB,
        UNIQUE (owner, key)
    ) STRICT
    """,
    """
    CREATE TABLE memory_entity(
        memory_rowid INTEGER NOT NULL,
        entity_rowid INTEGER NOT NULL,
        PRIMARY KEY (memory_rowid, entity_rowid)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX memory_entity_by_entity ON memory_entity(entity_rowid)",
    """
    CREATE TABLE feedback(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        memory_id TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reason TEXT,
        at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX feedback_by_memory ON feedback(memory_id, seq)",
)


def m002_graph_and_events(connection: apsw.Connection) -> None:
    """Add what is archived, when facts happen, what was said around them, the graph, and feedback."""
    for statement in _SECOND:
        connection.execute(statement)
    for name in ("user", "agent", "run", "app"):
        connection.execute(f"DROP INDEX memory_by_{name}")
        connection.execute(
            f"CREATE INDEX memory_by_{name} ON memory({name}_id, created_at, expiration_date, archived) "
            f"WHERE {name}_id IS NOT NULL"
        )
    connection.execute("DROP INDEX memory_by_age")
    connection.execute("CREATE INDEX memory_by_age ON memory(created_at, expiration_date, archived)")
    connection.execute("DROP TABLE memory_fts")
    connection.execute(KEYWORDS_SQL)
    connection.executemany(
        "INSERT INTO memory_fts(rowid, text, context) VALUES (?, ?, '')",
        [
            (rowid, index_text(str(text)))
            for rowid, text in connection.execute("SELECT rowid, text FROM memory").fetchall()
        ],
    )


MIGRATIONS: tuple[Callable[[apsw.Connection], None], ...] = (m001_first, m002_graph_and_events)

SCHEMA_VERSION = len(MIGRATIONS)
"""The `user_version` of a file that this release writes."""


STAGED_SQL = "CREATE TABLE staged_vector(hash TEXT PRIMARY KEY, vector BLOB NOT NULL) STRICT, WITHOUT ROWID"
"""The DDL of what `staging` collects; the table exists only while a file is re-embedded."""


def vectors_sql(dimension: int) -> str:
    """Return the DDL of the vector table, created when the first vector arrives.

    Chunks of 8 instead of sqlite-vec's 1,024 vectors: a small file stays small (12 KB instead of 1.5 MB for
    the first vector of 384 numbers), and one of many is read in 7 microseconds instead of 23 as in chunks of
    64, because SQLite reads a chunk from its beginning.
    """
    return (
        f"CREATE VIRTUAL TABLE memory_vec USING vec0("
        f"embedding float[{dimension:d}] distance_metric=cosine, chunk_size=8)"
    )


def refuse_newer(version: int, path: str) -> None:
    """Refuse a schema version that this release does not know.

    Raises:
        SchemaError: The file was written by a newer tinymem.
    """
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"{path} has schema version {version}, and this tinymem knows versions up to {SCHEMA_VERSION}; "
            "upgrade tinymem to open it. The file was left untouched."
        )


def migrate(connection: apsw.Connection, keep: Callable[[int], None] = lambda version: None) -> None:
    """Bring an opened file to the present schema; a file that has it is not written to.

    `keep` is told the version of an older file before its first step, when nobody else can write any more.

    Raises:
        SchemaError: The file was written by a newer tinymem.
    """
    if connection.pragma("user_version") == SCHEMA_VERSION:
        return
    with transaction(connection, "IMMEDIATE"):
        version = connection.pragma("user_version")  # another process may have been faster
        refuse_newer(version, connection.filename)
        if 0 < version < SCHEMA_VERSION:
            keep(version)
        for step in MIGRATIONS[version:]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
