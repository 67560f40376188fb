"""mem0's Qdrant and Chroma folders, alone and with its history; skipped where their libraries are missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.test_foreign import EVENING, MORNING, NOON, NOW, PAST, kept, read, told, write_history
from tinymem.errors import ConfigError, ValidationError
from tinymem.foreign_stores import render_point
from tinymem.types import Scope

Points = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Payloads, by name of a collection and id."""

M1, M3 = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000003"
VECTOR = [0.6, 0.8]
PAYLOAD = {
    "data": "Likes green tea",
    "hash": "ignored",
    "text_lemmatized": "like green tea",
    "created_at": MORNING,
    "updated_at": EVENING,
    "user_id": "ana",
    "run_id": "r1",
    "actor_id": "Ana M.",
    "role": "user",
    "expiration_date": "2030-12-31",
    "topic": "drinks",
    "id": 7,
    "memory_type": "procedural_memory",
}
STORED = {"mem0": {M1: PAYLOAD, M3: {"data": "Uses pnpm", "agent_id": "dev", "created_at": NOON}}}
ASIDE = {
    "mem0_entities": {
        M3: {"data": "Ana", "entity_type": "PROPER", "linked_memory_ids": [M1], "user_id": "ana"}
    },
    "mem0migrations": {M1: {"user_id": "someone", "type": "user_identity"}},
}


def write_qdrant(folder: Path, points: Points) -> None:
    models = pytest.importorskip("qdrant_client.models")
    client = pytest.importorskip("qdrant_client").QdrantClient(path=str(folder))
    space = models.VectorParams(size=2, distance=models.Distance.COSINE)
    for name, payloads in points.items():
        client.create_collection(name, vectors_config=space)
        client.upsert(
            name,
            [models.PointStruct(id=each, vector=VECTOR, payload=payloads[each]) for each in payloads],
        )
    client.close()


def write_chroma(folder: Path, points: Points) -> None:
    library = pytest.importorskip("chromadb")
    client = library.PersistentClient(str(folder), library.config.Settings(anonymized_telemetry=False))
    for name, payloads in points.items():
        collection = client.create_collection(name, embedding_function=None)
        flat = [
            {key: value for key, value in each.items() if not isinstance(value, list)}
            for each in payloads.values()
        ]
        collection.add(ids=list(payloads), embeddings=[VECTOR] * len(flat), metadatas=flat)


@pytest.fixture(params=[write_qdrant, write_chroma], ids=["qdrant", "chroma"])
def write(request: pytest.FixtureRequest) -> Callable[[Path, Points], None]:
    function: Callable[[Path, Points], None] = request.param
    return function


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_read_and_left_as_it_is(tmp_path: Path, write: Callable[[Path, Points], None]) -> None:
    write(tmp_path / "store", {**STORED, **ASIDE})
    before = contents(tmp_path)
    commits = read(tmp_path / "store")
    assert told(commits) == [
        (NOON, "ADD", None, "Uses pnpm"),
        (EVENING, "ADD", None, "Likes green tea"),
    ]
    records = kept(commits)
    assert records[M3].scope == Scope(agent_id="dev")
    tea = records[M1]
    assert (tea.scope, tea.actor_id, tea.role) == (Scope("ana", run_id="r1"), "Ana M.", "user")
    assert (tea.metadata, tea.memory_type) == ({"topic": "drinks", "id": 7}, "procedural_memory")
    assert str(tea.expiration_date) == "2030-12-31"
    assert contents(tmp_path) == before


@pytest.mark.parametrize("listed", [True, False])
def test_history_and_folder_belong_together(
    tmp_path: Path, write: Callable[[Path, Points], None], listed: bool
) -> None:
    """What was deleted, what was lost and what was changed behind the history's back all end as stored."""
    write(
        tmp_path / "store", {"mem0": {M1: PAYLOAD, M3: {**PAYLOAD, "data": "Uses uv", "updated_at": EVENING}}}
    )
    history = write_history(
        tmp_path / "history.db",
        (M1, None, "Likes tea", "ADD", MORNING),
        (M1, "Likes tea", "Likes green tea", "UPDATE", MORNING, NOON),
        (M3, None, "Uses pnpm", "ADD", MORNING),
        *PAST[1:2],
        PAST[3],
        ("lost", None, "Plays chess", "ADD", NOON),
    )
    commits = read([str(tmp_path / "store"), history] if listed else tmp_path)
    assert told(commits) == [
        (MORNING, "ADD", None, "Likes tea"),
        (MORNING, "ADD", None, "Uses pnpm"),
        ("2025-03-01T09:00:00+00:00", "ADD", None, "Lives in Oslo"),
        ("2025-03-01T09:00:00+00:00", "DELETE", "Lives in Oslo", None),
        (NOON, "UPDATE", "Likes tea", "Likes green tea"),
        (NOON, "ADD", None, "Plays chess"),
        (EVENING, "UPDATE", "Uses pnpm", "Uses uv"),
        (NOW, "DELETE", "Plays chess", None),
    ]
    assert {memory_id: record.text for memory_id, record in kept(commits).items()} == {
        M1: "Likes green tea",
        M3: "Uses uv",
    }
    assert kept(commits)[M1].updated_at.isoformat() == EVENING


def test_an_empty_store_says_that_everything_is_gone(
    tmp_path: Path, write: Callable[[Path, Points], None]
) -> None:
    write(tmp_path / "store", {"mem0migrations": ASIDE["mem0migrations"]})
    write_history(tmp_path / "history.db", ("lost", None, "Plays chess", "ADD", NOON))
    assert read(tmp_path / "store") == []
    assert told(read(tmp_path)) == [(NOON, "ADD", None, "Plays chess"), (NOW, "DELETE", "Plays chess", None)]


def test_a_history_that_is_none_is_not_passed_over(
    tmp_path: Path, write: Callable[[Path, Points], None]
) -> None:
    write(tmp_path / "store", STORED)
    (tmp_path / "history.db").write_bytes(b"\xff" * 8192)
    with pytest.raises(ValidationError, match=r"history.db is no history of mem0"):
        read(tmp_path)
    assert kept(read(tmp_path / "store")).keys() == {M1, M3}


def test_a_broken_point_is_refused_by_name(tmp_path: Path, write: Callable[[Path, Points], None]) -> None:
    write(tmp_path / "store", {"mine": {M1: {"user_id": "ana", "topic": "tea"}}})
    with pytest.raises(ValidationError, match=rf"{M1}' in \w+'s 'mine'.*memory is empty"):
        read(tmp_path)


def test_many_memories_come_page_by_page(tmp_path: Path, write: Callable[[Path, Points], None]) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(1203)]
    write(tmp_path / "store", {"mem0": {each: {"data": each, "user_id": "ana"} for each in ids}})
    assert sorted(commit.changes[0].memory_id for commit in read(tmp_path) or []) == ids


def test_a_damaged_folder_is_refused(tmp_path: Path, write: Callable[[Path, Points], None]) -> None:
    write(tmp_path / "store", STORED)
    for path in [*tmp_path.rglob("storage.sqlite"), *tmp_path.rglob("chroma.sqlite3")]:
        path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(ValidationError, match=r"store can not be read .*damaged"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("library", "files", "line"),
    [
        ("qdrant_client", ["meta.json", "collection/mem0/storage.sqlite"], "pip install qdrant-client"),
        ("chromadb", ["chroma.sqlite3"], "pip install chromadb"),
    ],
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, files: list[str], line: str
) -> None:
    for name in files:
        (tmp_path / "store" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / name).write_text("{}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    with pytest.raises(ConfigError, match=line):
        read(tmp_path)
    (tmp_path / "store").rename(tmp_path / "migrations_qdrant")  # where mem0 keeps what it reports
    assert read(tmp_path) is None


def test_a_point_without_payload_is_no_memory() -> None:
    assert render_point("m1", None) is None
    assert render_point("m1", {"data": "x", "memory": "y"}) == {
        "id": "m1",
        "memory": "x",
        "metadata": {"memory": "y"},
    }
