"""mem0's local stores, read: `history.db`, and the Qdrant or Chroma folder in which its memories lie.

A Qdrant or Chroma folder is read by its own library, from a copy in a temporary directory, because opening
one locks it and may change it. What is read comes out as mem0's `get_all` would show it; nothing is judged
here, and no vector is read.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from tinymem.errors import ConfigError, ValidationError
from tinymem.store.mem0_history import HistoryRow, load_mem0_history

Item = tuple[str, Any]
"""Where a memory stands, for messages, and what stands there."""

HISTORY = "history.db"
PAGE = 500  # memories that Chroma is asked for at once: it binds each id to a place in an SQL statement
TELEMETRY = "migrations_qdrant"  # a folder beside history.db that is no store of memories
ENTITIES = "_entities"  # ends the name of the collection with mem0's links between memories
OWN_KEYS = (
    *("user_id", "agent_id", "run_id", "actor_id", "role", "attributed_to", "expiration_date"),
    *("hash", "text_lemmatized", "created_at", "updated_at"),
)


@dataclass(frozen=True)
class Found:
    """What a source holds: memories (None where there is nothing that would hold them), and their past."""

    items: list[Item] | None
    history: list[HistoryRow]


def read_stores(paths: Sequence[str]) -> Found | None:
    """Return what the stores at these paths hold together; None if none is a store.

    A path is a `history.db`, or a folder that is or directly contains stores.

    Raises:
        ConfigError: the library that reads a store is not installed.
        ValidationError: a store can not be read, or only some of the paths hold a store.
    """
    items: list[Item] | None = None
    history: list[HistoryRow] = []
    empty = []
    for path in paths:
        rows, collections = _read_path(os.path.expanduser(path))
        if rows is None and collections is None:
            empty.append(path)
        history += rows or []
        if collections is not None:
            items = (items or []) + collections
    if len(empty) == len(paths):
        return None
    if empty:
        raise ValidationError(
            f"{empty[0]!r} is none of mem0's local stores: give history.db, or a folder of Qdrant or Chroma"
        )
    return Found(items, history)


def _read_path(path: str) -> tuple[list[HistoryRow] | None, list[Item] | None]:
    """Return the rows and the memories that lie at a path, None for what does not lie there."""
    if os.path.isfile(path):
        return load_mem0_history(path), None
    rows: list[HistoryRow] | None = None
    items: list[Item] | None = None
    strange = []
    for folder in _folders(path):
        history = os.path.join(folder, HISTORY)
        if os.path.isfile(history):
            more = load_mem0_history(history)
            rows = rows if more is None else (rows or []) + more
            strange += [history] if more is None else []
        for read in (_read_qdrant, _read_chroma):
            if (found := read(folder)) is not None:
                items = (items or []) + found
    if strange and items is not None:
        raise ValidationError(
            f"{strange[0]} is no history of mem0: if it is damaged, restore it; if it is of another program, "
            "give the paths of mem0's stores one by one, in a list"
        )
    return rows, items


def _folders(path: str) -> list[str]:
    """Return a folder and those directly in it; nothing if the path is no folder."""
    if not os.path.isdir(path):
        return []
    with _readable(path):
        below = [entry.path for entry in os.scandir(path) if entry.is_dir() and entry.name != TELEMETRY]
    return [path, *sorted(below)]


def _read_qdrant(folder: str) -> list[Item] | None:
    """Return the memories of an embedded Qdrant; None if the folder is none."""
    meta = os.path.join(folder, "meta.json")
    if not (os.path.isfile(meta) and os.path.isdir(os.path.join(folder, "collection"))):
        return None
    library = _library("qdrant_client", "qdrant-client", folder)
    with _copy(folder, ("meta.json", "collection")) as copy, _readable(folder):
        client = library.QdrantClient(path=copy)
        try:
            names = _of_memories(each.name for each in client.get_collections().collections)
            return [
                (f"point {point.id!r} in Qdrant's {name!r}", render_point(point.id, point.payload))
                for name in names
                for point in client.scroll(name, limit=client.count(name).count + 1)[0]
                if not _is_telemetry(point.payload)
            ]
        finally:
            client.close()


def _read_chroma(folder: str) -> list[Item] | None:
    """Return the memories of an embedded Chroma; None if the folder is none."""
    database = "chroma.sqlite3"
    if not os.path.isfile(os.path.join(folder, database)):
        return None
    library = _library("chromadb", "chromadb", folder)
    with _copy(folder, (database, f"{database}-journal", f"{database}-wal")) as copy, _readable(folder):
        silent = library.config.Settings(anonymized_telemetry=False)
        client = library.PersistentClient(path=copy, settings=silent)
        try:
            names = _of_memories(getattr(each, "name", each) for each in client.list_collections())
            return [
                (f"record {record_id!r} in Chroma's {name!r}", render_point(record_id, payload))
                for name in names
                for record_id, payload in _chroma_records(client, name)
                if not _is_telemetry(payload)
            ]
        finally:
            getattr(client, "close", int)()  # clients of older versions have none


def _chroma_records(client: Any, name: str) -> Iterator[tuple[str, Any]]:
    collection = client.get_collection(name, embedding_function=None)
    for start in range(0, collection.count(), PAGE):
        page = collection.get(include=["metadatas"], limit=PAGE, offset=start)
        yield from zip(page["ids"], page["metadatas"], strict=True)


def _of_memories(names: Iterable[str]) -> list[str]:
    """Return the names of the collections that hold memories, not links between them."""
    every = list(names)
    return [name for name in every if not (name.endswith(ENTITIES) and name.removesuffix(ENTITIES) in every)]


def _is_telemetry(payload: Any) -> bool:
    """Tell whether this is the row under which mem0 remembers whom it reports about."""
    return isinstance(payload, dict) and payload.get("type") == "user_identity" and "data" not in payload


def render_point(point_id: Any, payload: Any) -> Any:
    """Return what mem0 stored with a vector as an item of its `get_all`.

    mem0 keeps its own keys and those of the caller's metadata in one flat dictionary; the caller's are
    all that it does not know.

    Example:
        >>> render_point("m1", {"data": "Likes tea", "user_id": "ana", "topic": "drinks"})
        {'id': 'm1', 'memory': 'Likes tea', 'user_id': 'ana', 'metadata': {'topic': 'drinks'}}
    """
    if not isinstance(payload, dict):
        return payload
    own = {key: payload[key] for key in OWN_KEYS if key in payload}
    others = {key: value for key, value in payload.items() if key not in (*OWN_KEYS, "data")}
    return {"id": point_id, "memory": payload.get("data"), **own, "metadata": others}


def _library(name: str, package: str, folder: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise ConfigError(f"{folder} can only be read with {package}: pip install {package}") from problem


@contextmanager
def _copy(folder: str, names: Iterable[str]) -> Iterator[str]:
    """Give a temporary folder with copies of those of the named files and folders that are there."""
    with TemporaryDirectory(prefix="tinymem-", ignore_cleanup_errors=True) as copy:
        with _readable(folder):
            for name in names:
                original, place = os.path.join(folder, name), os.path.join(copy, name)
                if os.path.isdir(original):
                    shutil.copytree(original, place)
                elif os.path.isfile(original):
                    shutil.copyfile(original, place)
        yield copy


@contextmanager
def _readable(folder: str) -> Iterator[None]:
    """Turn whatever a foreign library, or the disk, says of a folder into our error."""
    try:
        yield
    except Exception as problem:  # each library has its own, and the pickled points of Qdrant raise any
        raise ValidationError(
            f"{folder} can not be read ({type(problem).__name__}: {problem}); is it damaged, or written by "
            "another version of its library?"
        ) from problem
