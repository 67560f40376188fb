"""What mem0 stored comes in whole: its answers, its JSON files and its history."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.errors import TinymemError, ValidationError
from tinymem.foreign import read_foreign
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store
from tinymem.testing import FrozenClock, counting_ids
from tinymem.types import Commit, Record, Scope, Triple

NOW = "2026-01-10T12:00:00+00:00"
MORNING, NOON, EVENING = (f"2025-03-01T{hour}:00:00+00:00" for hour in ("08", "12", "20"))
COLUMNS = ("id", "memory_id", "old_memory", "new_memory", "event", "created_at", "updated_at", "is_deleted")
COLUMNS += ("actor_id", "role")


def read(source: object, **ids: str) -> list[Commit] | None:
    return read_foreign(source, Scope(**ids), FrozenClock(NOW), counting_ids())


def kept(commits: Sequence[Commit] | None) -> dict[str, Record]:
    """Return what the file holds when all was written, by id; it takes every Commit and is sound."""
    assert commits is not None
    store = Store(":memory:")
    for commit in commits:
        assert commit.call == "import"
        store.apply(commit)
    assert store.check() == []
    records = {record.id: record for record in store.select(EVERYTHING)}
    store.close()
    return records


def told(commits: Sequence[Commit] | None) -> list[tuple[str, str, str | None, str | None]]:
    """Return of every Change when it was made, its event, and the texts before and after."""
    kept(commits)
    return [
        (each.at.isoformat(), one.event, one.before and one.before.text, one.after and one.after.text)
        for each in commits or []
        for one in each.changes
    ]


def item(memory_id: str = "m1", text: str = "Likes tea", **fields: object) -> dict[str, object]:
    return {"id": memory_id, "memory": text, "user_id": "ana", "created_at": MORNING, **fields}


# -- answers


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda items: items,
        tuple,
        lambda items: {"results": items},
        lambda items: {"results": items, "relations": [{"source": "ana", "target": "tea"}]},
        lambda items: {"count": len(items), "next": None, "previous": None, "results": items},
    ],
)
def test_every_version_of_the_answer_is_read(wrapped: Callable[[list[object]], object]) -> None:
    commits = read(wrapped([item(), item("m2", "Lives in Oslo", updated_at=NOON)]))
    assert told(commits) == [(MORNING, "ADD", None, "Likes tea"), (NOON, "ADD", None, "Lives in Oslo")]


def test_nothing_of_an_item_is_lost() -> None:
    given = item(
        text="  Likes green tea\n",
        hash="not its hash",
        metadata={"topic": "drinks", "deep": [1, {"a": None}]},
        categories=["food", "drink", "food"],
        created_at="2025-03-01T00:00:00.250000-08:00",
        updated_at="2025-03-01T12:00:00",
        agent_id="helper",
        session_id="r1",
        app_id="shop",
        actor_id="Ana M.",
        role="user",
        expiration_date="2030-12-31",
        immutable=True,
        score=0.7,
        structured_attributes={"day": 1},
        relations=[{"source": "Ana", "relationship": "likes", "destination": "tea"}],
        replaced_by="m9",
        organization=None,
    )
    assert kept(read([given]))["m1"] == Record(
        id="m1",
        text="  Likes green tea\n",
        scope=Scope("ana", "helper", "r1", "shop"),
        created_at=datetime(2025, 3, 1, 8, 0, 0, 250000, tzinfo=timezone.utc),
        updated_at=datetime(2025, 3, 1, 12, tzinfo=timezone.utc),
        metadata={"topic": "drinks", "deep": [1, {"a": None}], "replaced_by": "m9"},
        categories=("food", "drink"),
        actor_id="Ana M.",
        role="user",
        expiration_date=date(2030, 12, 31),
        immutable=True,
        relations=(Triple("Ana", "likes", "tea"),),
    )


@pytest.mark.parametrize("name", ["memory", "data", "text"])
def test_the_text_has_three_names(name: str) -> None:
    assert told(read([{name: "Likes tea", "user_id": "ana", "created_at": MORNING}])) == [
        (MORNING, "ADD", None, "Likes tea")
    ]


def test_what_is_left_out_is_filled_in() -> None:
    (commit,) = (
        read([{"memory": "Likes tea", "run_id": 7, "attributed_to": "assistant"}], user_id="ana") or []
    )
    record = commit.changes[0].after
    assert record is not None
    assert (record.id, record.role, commit.at.isoformat()) == ("id-1", "assistant", NOW)
    assert record.scope == commit.scope == Scope(user_id="ana", run_id="7")
    assert record.created_at == record.updated_at == commit.at


def test_the_ids_of_an_item_win() -> None:
    assert kept(read([item()], user_id="bo", app_id="shop"))["m1"].scope == Scope("ana", app_id="shop")


def test_a_procedure_stays_one() -> None:
    records = kept(
        read([item(metadata={"memory_type": "procedural_memory"}), item("m2", metadata={"memory_type": "x"})])
    )
    assert (records["m1"].memory_type, records["m1"].metadata) == ("procedural_memory", {})
    assert (records["m2"].memory_type, records["m2"].metadata) == (None, {"memory_type": "x"})


def test_no_commit_is_later_than_now() -> None:
    (commit,) = read([item(created_at="2030-01-01T00:00:00Z")]) or []
    assert commit.at.isoformat() == NOW
    assert commit.changes[0].after is not None
    assert commit.changes[0].after.created_at.year == 2030


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"memories": []}, "'results'"),
        ({"results": {"id": 1}}, "'results'"),
        ({"results": [item()], "count": 3}, "results of all pages"),
        ({"results": [item()], "next": "https://api/?page=2"}, "results of all pages"),
        ({"results": [item()], "previous": 1}, "results of all pages"),
        ([item(), "tea"], r"results\[1\] is no memory"),
        ([item(), item()], r"results\[1\]: memory 'm1' stands there for the second time"),
        ([{"id": "m1", "memory": "tea"}], r"results\[0\] \(id is str: 'm1'\).*give user_id="),
        ([item(text="x" * 100_001)], r"results\[0\].*100001 characters"),
        ([item(text=" \n")], "memory is empty"),
        ([item(text=None)], "memory is empty"),
        ([item(text="a\0b")], "NUL"),
        ([item(text={"memory": "tea"})], "memory must be a string"),
        ([item(memory_id="")], "id must have 1 to 256 characters"),
        ([item(user_id=["ana"])], "user_id must be a string"),
        ([item(run_id="r1", session_id="r2")], "name the same thing"),
        ([item(actor_id=" ")], "actor_id must have"),
        ([item(role=True)], "role must be a string"),
        ([item(metadata=[1])], "metadata must be a dict"),
        ([item(metadata={"a": float("nan")})], r"metadata\.a must hold what JSON can hold"),
        ([item(metadata={"a": date(2025, 1, 1), 2: 3})], "keys must be strings"),
        ([item(replaced_by={1, 2})], "must hold what JSON can hold"),
        ([item(owner="ana", metadata={"owner": "bo"})], "'owner' is str: 'ana' beside metadata"),
        ([item(categories="food")], "categories must be a list"),
        ([item(categories=[""])], "a category is empty"),
        ([item(relations=["likes"])], "relations must be a list of dicts"),
        ([item(relations=[{"source": "Ana", "target": "tea"}])], "the relationship of a relation"),
        ([item(created_at="yesterday")], r"results\[0\].*created_at has the timestamp 'yesterday'"),
        ([item(updated_at=True)], "updated_at"),
        ([item(expiration_date="soon")], "expiration_date must be"),
        ([item(immutable="no")], "immutable must be True or False"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(source: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        read(source)


@pytest.mark.parametrize(
    "source", [None, 5, 0.5, True, b"x.json", "", "no/such/file.json", "a\0b", ["x", "y"]]
)
def test_other_sources_are_not_ours_to_judge(source: object) -> None:
    assert read(source) is None


# -- files


def test_a_json_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "All.JSON"
    path.write_text("\ufeff" + json.dumps({"results": [item(text="Likes «чай» 🍵")]}), encoding="utf-8")
    assert told(read(path)) == told(read(str(path))) == [(MORNING, "ADD", None, "Likes «чай» 🍵")]


@pytest.mark.parametrize(
    "content", [b'{"results": [', b"\xff\xfe", b"[" * 100_000, b'["/tmp"]', b'{"results": [{"memory": NaN}]}']
)
def test_a_broken_json_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "all.json"
    path.write_bytes(content)
    with pytest.raises(ValidationError):
        read(path, user_id="ana")


@pytest.mark.parametrize("content", ["5", '{"kind": "header"}\n{"kind": "memory"}\n'])
def test_another_json_file_is_not_ours_to_judge(tmp_path: Path, content: str) -> None:
    path = tmp_path / "all.json"
    path.write_text(content, encoding="utf-8")
    assert read(path) is None


def test_files_and_folders_without_memories_are_not_ours_to_judge(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
    (tmp_path / "meta.json").write_text("[]", encoding="utf-8")
    Store(str(tmp_path / "own.db")).close()
    assert [read(tmp_path / name) for name in ("", "notes.db", "own.db")] == [None, None, None]


# -- mem0's history


def write_history(path: Path, *rows: Sequence[object], without: Sequence[str] = ()) -> Path:
    """Write rows of (memory_id, old, new, event, created_at, updated_at, actor_id, role), or fewer."""
    columns = [name for name in COLUMNS if name not in without]
    connection = apsw.Connection(str(path))
    connection.execute(f"CREATE TABLE history (id TEXT PRIMARY KEY, {', '.join(columns[1:])})")
    for place, row in enumerate(rows):
        memory_id, old, new, event, created, updated, actor, role = (*row, *[None] * (8 - len(row)))
        full = (f"h{place}", memory_id, old, new, event, created, updated, new is None, actor, role)
        values = [value for name, value in zip(COLUMNS, full, strict=True) if name in columns]
        connection.execute(f"INSERT INTO history VALUES ({', '.join('?' * len(values))})", values)
    connection.close()
    return path


PAST = (
    ("m1", None, "Likes tea", "ADD", MORNING, MORNING, "Ana M.", "user"),
    ("m2", None, "Lives in Oslo", "ADD", "2025-03-01T01:00:00-08:00"),
    ("m1", "Likes tea", "Likes green tea", "UPDATE", MORNING, NOON),
    ("m2", "Lives in Oslo", None, "DELETE"),
    ("m1", "Likes green tea", "Likes green tea", "UPDATE", MORNING, EVENING),
)
STORY = [
    (MORNING, "ADD", None, "Likes tea"),
    ("2025-03-01T09:00:00+00:00", "ADD", None, "Lives in Oslo"),
    (NOON, "UPDATE", "Likes tea", "Likes green tea"),
    (NOON, "DELETE", "Lives in Oslo", None),
    (EVENING, "UPDATE", "Likes green tea", "Likes green tea"),
]


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_history_becomes_its_commits(tmp_path: Path, as_folder: bool) -> None:
    path = write_history(tmp_path / "history.db", *PAST)
    commits = read(tmp_path if as_folder else path, user_id="ana")
    assert told(commits) == STORY
    record = kept(commits)["m1"]
    assert (record.actor_id, record.role, record.scope) == ("Ana M.", "user", Scope("ana"))
    assert (record.created_at.isoformat(), record.updated_at.isoformat()) == (MORNING, EVENING)
    assert [left.name for left in tmp_path.iterdir()] == ["history.db"]


def test_a_history_of_an_older_mem0_names_nobody(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.db", *PAST, without=("actor_id", "role"))
    assert told(read(path, run_id="r1")) == STORY
    assert kept(read(path, run_id="r1"))["m1"].role is None


def test_a_history_alone_needs_to_be_told_whose_it_is(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.db", *PAST)
    with pytest.raises(ValidationError, match=r"whose memory 'm1' is: give user_id=.* one list"):
        read(path)


def test_what_mem0_did_not_write_down_is_made_up_for(tmp_path: Path) -> None:
    rows = (
        ("m1", "Likes tea", "Likes mate", "UPDATE", MORNING, NOON),
        ("m1", "Likes milk", "Likes water", "UPDATE", MORNING, MORNING),
        ("m2", "Lives in Oslo", None, "DELETE", MORNING, EVENING),
    )
    assert told(read(write_history(tmp_path / "history.db", *rows), user_id="ana")) == [
        (MORNING, "ADD", None, "Likes tea"),
        (MORNING, "ADD", None, "Lives in Oslo"),
        (NOON, "UPDATE", "Likes tea", "Likes mate"),
        (NOON, "UPDATE", "Likes mate", "Likes milk"),
        (NOON, "UPDATE", "Likes milk", "Likes water"),
        (EVENING, "DELETE", "Lives in Oslo", None),
    ]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("m1", None, "tea", "ADD", MORNING), "adds memory 'm1', which is there already"),
        (("m2", None, None, "DELETE"), "has to say the text"),
        (("m1", "Likes tea", None, "UPDATE", MORNING, NOON), "has to say the text"),
        (("m2", None, b"tea", "ADD", MORNING), "new_memory must be a string"),
        (("m2", 7, "tea", "UPDATE", MORNING), "old_memory must be a string"),
        (("m2", None, "tea", "MERGE", MORNING), "event must be ADD, UPDATE or DELETE"),
        (("m2", None, "tea", None, MORNING), "event must be"),
        ((None, None, "tea", "ADD", MORNING), "memory_id must be a string"),
        (("m2", None, "tea", "ADD", "noon"), "created_at has the timestamp 'noon'"),
        (("m2", None, "tea", "ADD", MORNING, MORNING, "\0"), "actor_id must"),
    ],
)
def test_a_broken_row_is_refused_by_name(tmp_path: Path, row: Sequence[object], complaint: str) -> None:
    path = write_history(tmp_path / "history.db", PAST[0], row)
    with pytest.raises(ValidationError, match=rf"history row str: 'h1': .*{complaint}"):
        read(path, user_id="ana")


def test_a_damaged_or_busy_history_is_refused(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.db", *PAST * 100)
    (tmp_path / "history.db-journal").write_bytes(b"half a write")
    with pytest.raises(ValidationError, match="Close mem0"):
        read(path, user_id="ana")
    (tmp_path / "history.db-journal").write_bytes(b"")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(ValidationError, match="damaged"):
        read(path, user_id="ana")


def test_a_list_of_paths_holds_nothing_but_stores(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.db", *PAST)
    with pytest.raises(ValidationError, match=r"'nowhere' is none of mem0's local stores"):
        read([str(path), "nowhere"], user_id="ana")


# -- anything at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYS = "id memory data text hash metadata created_at updated_at user_id agent_id run_id session_id app_id"
KEYS += " actor_id role attributed_to categories expiration_date immutable relations score"
times = st.sampled_from(
    [MORNING, "2025-03-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-08:00", 1e300, 5]
)
items = st.dictionaries(st.sampled_from(KEYS.split()), anything | times, max_size=6).map(
    lambda drawn: {"memory": "Likes tea", **drawn}
)
answers = st.lists(items | anything, max_size=3) | st.dictionaries(
    st.sampled_from(["results", "count", "next", "relations"]),
    st.lists(items, max_size=3) | anything,
    max_size=3,
)


@settings(max_examples=500, deadline=None)
@given(anything | answers, st.booleans())
def test_any_json_gives_commits_that_can_be_written_or_an_error_of_ours(source: object, scoped: bool) -> None:
    try:
        commits = read(source, **({"user_id": "ana"} if scoped else {}))
    except TinymemError:
        return
    if commits is not None:
        told(commits)


moments = st.sampled_from([None, MORNING, NOON, EVENING, "2025-03-01T04:00:00-08:00"])
texts = st.sampled_from([None, "a", "b", "", 5])
rows = st.tuples(
    st.sampled_from(["m1", "m2"]),
    texts,
    texts,
    st.sampled_from(["ADD", "UPDATE", "DELETE"]),
    moments,
    moments,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(rows, max_size=5))
def test_any_history_gives_commits_that_can_be_written_or_an_error_of_ours(drawn: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        path = write_history(Path(folder) / "history.db", *drawn)
        try:
            commits = read(path, user_id="ana")
        except TinymemError:
            return
    told(commits)
