"""What the tests of the file share: small Records, unit vectors, commits, and stores that are checked."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from tinymem.store.store import Store
from tinymem.types import Change, Commit, Record, Scope, Vector

ROOT = Path(__file__).absolute().parent.parent
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
DIMENSION = 8
EMBEDDER = {"name": "tests", "sha256": "5" * 64, "dimension": DIMENSION}


def record(memory_id: str = "m1", text: str | None = None, *, age: int = 0, **fields: Any) -> Record:
    """Return a Record of user maya that is `age` seconds older than NOW."""
    moment = NOW - timedelta(seconds=age)
    settings = {"scope": Scope(user_id="maya"), "created_at": moment, "updated_at": moment, **fields}
    return Record(id=memory_id, text=f"Text of {memory_id}" if text is None else text, **settings)


FULL = record(
    "full",
    "Maya's cat «Миша» 🐈 likes 東京\x00 and\nnew lines",
    scope=Scope("maya", "helper", "run 7", "shop"),
    created_at=datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=14))),
    metadata={"b": [1, 1.0, True, None, "x", {"deep": {}}], "a": -0.0, "": "emptý", "big": 2**70},
    categories=("pets", "food"),
    actor_id="maya",
    role="user",
    memory_type="procedural_memory",
    expiration_date=date(2030, 12, 31),
    immutable=True,
)
"""A Record with everything that a Record can have, at the edge of what may be stored."""


def unit(*numbers: float, dimension: int = DIMENSION) -> Vector:
    """Return a vector that begins with these numbers, normalised."""
    vector = np.zeros(dimension, dtype=np.float32)
    vector[: len(numbers)] = numbers
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def random_unit(generator: np.random.Generator, dimension: int = DIMENSION) -> Vector:
    """Return a vector in a random direction."""
    return unit(*generator.normal(size=dimension), dimension=dimension)


def commit(*changes: Change, commit_id: str | None = None, **fields: Any) -> Commit:
    """Return a Commit of these Changes, with an id of its own."""
    return Commit(commit_id or uuid.uuid4().hex, fields.pop("call", "add"), NOW, changes, **fields)


def write(store: Store, *changes: Change) -> None:
    """Write Changes in one commit, vectors by EMBEDDER."""
    store.apply(commit(*changes), embedder=EMBEDDER)


def add(store: Store, *records: Record, vectors: list[Vector] | None = None) -> None:
    """Store Records in one commit."""
    given: list[Any] = list(vectors or [None] * len(records))
    changes = [Change("ADD", after=one, vector=vector) for one, vector in zip(records, given, strict=True)]
    store.apply(commit(*changes), embedder=EMBEDDER if vectors else None)


@contextmanager
def opened(path: str | Path = ":memory:", **options: Any) -> Iterator[Store]:
    """Open a Store, examine it when the block ends, and close it."""
    store = Store(str(path), **options)
    try:
        yield store
        assert store.check() == []
    finally:
        store.close()


def files_beside(path: Path) -> list[str]:
    """Return the names of everything in the file's folder."""
    return sorted(entry.name for entry in path.parent.iterdir())


def python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start another Python process on this code, which finds tinymem and the tests."""
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, **options.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )
