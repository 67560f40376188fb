"""Limits: how much a file may hold, how large an input may be, and that every wrong value is our error."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tests.store_parts import python
from tinymem import Memory, MemoryQuotaExceededError, TinymemError, ValidationError
from tinymem.arguments import LARGEST_METADATA, LONGEST_ID, LONGEST_TEXT, MOST_IN_BATCH
from tinymem.store.filter_tree import MAX_DEPTH, MAX_VALUES
from tinymem.store.filter_values import LONGEST_VALUE
from tinymem.testing import HashEmbedder
from tinymem.understand.dialogue import LONGEST_CONVERSATION, LONGEST_NAME, MOST_MESSAGES

Factory = Callable[..., Memory]


def told(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def state(memory: Memory) -> dict[str, Any]:
    return {**memory.stats(), "all": memory.get_all(show_archived=True, show_expired=True)}


# -- quotas


def test_no_memory_more_than_max_memories_is_stored(memory_factory: Factory) -> None:
    memory = memory_factory(max_memories=2)
    memory.add(told("Likes tea", "Has a dog"), user_id="ana", infer=False)
    before = state(memory)
    for write in (
        lambda: memory.add("Plays chess", user_id="ana"),
        lambda: memory.add("Plays chess", user_id="bob", infer=False),
        lambda: memory.add_many(["Plays chess"], user_id="ana"),
        lambda: memory.import_([{"memory": "Plays chess", "user_id": "ana"}]),
    ):
        with pytest.raises(MemoryQuotaExceededError, match="3 memories, and max_memories is 2: delete some"):
            write()
        assert state(memory) == before


def test_a_full_file_may_still_be_read_changed_and_emptied(memory_factory: Factory) -> None:
    memory = memory_factory(max_memories=2)
    first, _ = (row["id"] for row in memory.add(told("A", "B"), user_id="ana", infer=False)["results"])
    memory.update(first, "Likes tea")
    memory.archive(first)
    memory.unarchive(first)
    memory.add("Likes green tea", user_id="ana")  # supersedes the other one
    deleted = memory.delete(first)
    memory.add("Has a cat", user_id="ana", infer=False)
    with pytest.raises(MemoryQuotaExceededError):
        memory.undo(deleted["commit_id"])
    assert memory.delete_all(user_id="ana")["deleted"] == 2
    memory.undo(deleted["commit_id"])
    assert memory.count(show_archived=True) == 1


def test_a_call_is_refused_as_a_whole(memory_factory: Factory) -> None:
    memory = memory_factory(max_memories=5)
    with pytest.raises(MemoryQuotaExceededError, match="make it 6 memories"):
        memory.add(told(*"ABCDEF"), user_id="ana", infer=False)
    assert memory.count() == 0
    memory.add(told(*"ABCDE"), user_id="ana", infer=False)
    assert memory.count() == 5


def test_a_dry_run_is_no_write(memory_factory: Factory) -> None:
    memory = memory_factory(max_memories=1)
    memory.add("Likes tea", user_id="ana", infer=False)
    assert memory.add("Has a dog", user_id="ana", infer=False, dry_run=True)["results"][0]["event"] == "ADD"


def test_a_file_that_holds_more_than_a_lower_quota_only_shrinks(memory_factory: Factory) -> None:
    memory_factory().add(told(*"ABCDE"), user_id="ana", infer=False)
    memory = memory_factory(max_memories=2)
    with pytest.raises(MemoryQuotaExceededError):
        memory.add("F", user_id="ana", infer=False)
    memory.update(memory.get_all()["results"][0]["id"], "Likes tea")
    memory.delete_all(filters={"text": "tea"})
    assert memory.count() == 4


def test_the_file_does_not_grow_over_max_bytes(memory_factory: Factory, tmp_path: Path) -> None:
    memory_factory().close()
    most = (tmp_path / "memory.db").stat().st_size + 200_000
    memory = memory_factory(max_bytes=most)
    stored = 0

    def fill() -> None:
        nonlocal stored
        for number in range(1000):
            memory.add(f"{number} " + "word " * 1000, user_id="ana", infer=False)
            stored += 1

    with pytest.raises(MemoryQuotaExceededError, match=f"max_bytes is {most}: raise it, or make room"):
        fill()
    assert memory.count() == stored > 5
    before = state(memory)
    with pytest.raises(MemoryQuotaExceededError, match="Nothing was written"):
        memory.update(memory.get_all(limit=1)["results"][0]["id"], "x" * 90_000)
    assert state(memory) == before
    memory.delete_all(user_id="ana")
    memory.erase(user_id="ana")
    memory.add("word " * 1000, user_id="ana", infer=False)
    memory.close()
    assert (tmp_path / "memory.db").stat().st_size <= most


def test_two_processes_can_not_fill_a_file_together(tmp_path: Path) -> None:
    code = """
import sys
from tinymem import Memory, MemoryQuotaExceededError
from tinymem.testing import HashEmbedder
memory = Memory(sys.argv[1], embedder=HashEmbedder(), max_memories=30, busy_timeout_s=30)
refused = 0
for number in range(40):
    try:
        memory.add(f"{sys.argv[2]} {number}", user_id="ana", infer=False)
    except MemoryQuotaExceededError:
        refused += 1
memory.close()
print(refused)
"""
    workers = [python(code, tmp_path / "memory.db", name) for name in "abc"]
    refused = [int(worker.communicate(timeout=120)[0]) for worker in workers]
    with Memory(tmp_path / "memory.db") as memory:
        assert memory.count() == 30
        assert memory.check() == []
    assert sum(refused) == 120 - 30


@pytest.mark.parametrize("name", ["max_memories", "max_bytes", "max_resident_bytes"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "5", 2**63, [1]])
def test_a_quota_is_a_number(name: str, wrong: Any) -> None:
    with pytest.raises(ValidationError, match=f"{name} must be a whole number above 0"):
        Memory(":memory:", **{name: wrong})


def test_a_quota_may_stand_in_a_dictionary() -> None:
    with Memory.from_config({"path": ":memory:", "max_memories": 1, "max_bytes": 10**9}) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        with pytest.raises(MemoryQuotaExceededError):
            memory.add("Has a dog", user_id="ana", infer=False)


def test_a_file_with_more_vectors_than_may_be_in_memory_finds_the_same(tmp_path: Path) -> None:
    path, texts = tmp_path / "memory.db", [f"Likes tea number {number}" for number in range(30)]
    with (
        Memory(path, embedder=HashEmbedder(), max_resident_bytes=5 * 4 * 64) as little,
        Memory(path, embedder=HashEmbedder()) as much,
    ):
        little.add_many(texts, user_id="ana")
        assert little.search("tea 17", user_id="ana") == much.search("tea 17", user_id="ana")
        assert little._store._held.vectors._resident_bytes == 5 * 4 * 64


# -- how large an input may be


def at_most(memory: Memory, call: Callable[..., Any], words: str) -> None:
    """Assert that a call is refused in these words, and nothing is stored."""
    before = state(memory)
    with pytest.raises(ValidationError, match=words) as caught:
        call()
    assert len(str(caught.value)) < 500
    assert state(memory) == before


def test_how_many_messages_and_how_long(memory: Memory) -> None:
    add = memory.add
    many, part = told("Hello?") * MOST_MESSAGES, "x" * (LONGEST_CONVERSATION // 2)
    assert add(many, user_id="ana", dry_run=True)["results"] == []
    at_most(memory, lambda: add([*many, *told("A")], user_id="ana"), "10001 entries, at most 10000")
    assert add(told(part + "?", part[2:] + "?"), user_id="ana")["results"] == []
    at_most(memory, lambda: add(told(part, part, "A"), user_id="ana"), "2000001 characters, at most 2000000")
    at_most(memory, lambda: add("x" * (LONGEST_CONVERSATION + 1), user_id="ana"), "at most 2000000")
    parts = [{"type": "text", "text": "a"}] * (MOST_MESSAGES + 1)
    at_most(memory, lambda: add([{"role": "user", "content": parts}], user_id="ana"), "content of .* at most")
    calls = [{"role": "assistant", "tool_calls": [{"name": "f"}] * (MOST_MESSAGES + 1)}]
    procedure = {"agent_id": "bot", "memory_type": "procedural_memory"}
    at_most(memory, lambda: add(calls, **procedure), "tool_calls of .* at most 10000")


def test_how_long_a_name_and_a_text(memory: Memory) -> None:
    for name, good in (("a" * LONGEST_NAME, True), ("a" * (LONGEST_NAME + 1), False)):
        talk = [{"role": "user", "content": "Likes tea", "name": name}]
        if good:
            assert memory.add(talk, user_id="ana", infer=False)["results"][0]["actor_id"] == name
        else:
            at_most(memory, lambda: memory.add(talk, user_id="ana"), "1 to 256 characters")  # noqa: B023
    long = "x" * LONGEST_TEXT
    kept = memory.add(long, user_id="ana", infer=False)["results"][0]["id"]
    at_most(memory, lambda: memory.add(long + "x", user_id="ana", infer=False), "100001 characters, at most")
    at_most(memory, lambda: memory.update(kept, long + "x"), "at most 100000")
    at_most(memory, lambda: memory.add_many([long + "x"], user_id="ana"), r"items\[0\].*at most 100000")
    at_most(memory, lambda: memory.feedback(kept, "POSITIVE", long + "x"), "at most 100000")
    at_most(memory, lambda: memory.search(long + "x"), "query has 100001")
    at_most(memory, lambda: memory.add("A", user_id="a" * (LONGEST_ID + 1)), "1 to 256 characters")


def test_how_large_metadata_may_be_in_one_call_and_after_many(memory: Memory) -> None:
    fits = {"k": "x" * (LARGEST_METADATA - 10)}
    kept = memory.add("Likes tea", user_id="ana", infer=False, metadata=fits)["results"][0]["id"]
    wide = {"k": "é" * (LARGEST_METADATA - 10)}
    at_most(memory, lambda: memory.add("A", user_id="ana", metadata=wide), "1999989 bytes as JSON, at most")
    at_most(memory, lambda: memory.add("A", user_id="ana", metadata={"k": [0] * 10**6}), "too large")
    at_most(memory, lambda: memory.update(kept, {"other": "x" * 20}), "merged with what is there, takes")
    assert memory.update(kept, {"k": None, "other": "x" * 20})["commit_id"]
    doubled = reduce(lambda inner, _: [inner, inner], range(45), 1)
    at_most(memory, lambda: memory.add("A", user_id="ana", metadata={"k": doubled}), "too large")
    deep = reduce(lambda inner, _: {"k": inner}, range(60), 1)
    at_most(memory, lambda: memory.add("A", user_id="ana", metadata=deep), "50 levels deep")


def test_how_large_a_filter_may_be(memory: Memory) -> None:
    assert memory.count(filters={"k": {"contains": "x" * (LONGEST_VALUE - 2)}}) == 0
    for long in ({"k": "x" * (LONGEST_VALUE + 1)}, {"user_id": {"contains": "x" * (LONGEST_VALUE + 1)}}):
        at_most(memory, lambda: memory.count(filters=long), "100001 characters, at most 100000")  # noqa: B023
    at_most(memory, lambda: memory.count(filters={"x" * 10**6: 1}), "at most 100000")
    assert memory.count(filters={"k": {"in": list(range(MAX_VALUES - 2))}}) == 0
    at_most(memory, lambda: memory.count(filters={"k": list(range(MAX_VALUES))}), "more than 200000 values")
    doubled = reduce(lambda inner, _: {"OR": [inner, inner]}, range(25), {"k": 1})
    at_most(memory, lambda: memory.count(filters=doubled), "more than 200000 values")
    deep = reduce(lambda inner, _: {"NOT": inner}, range(MAX_DEPTH + 2), {"k": 1})
    at_most(memory, lambda: memory.count(filters=deep), f"{MAX_DEPTH} levels deep")


def test_how_many_memories_a_batch_may_change(memory: Memory) -> None:
    ids = [str(number) for number in range(MOST_IN_BATCH + 1)]
    at_most(memory, lambda: memory.batch_delete(ids), "at most 10000 memories")
    changes = [{"memory_id": one, "text": "A"} for one in ids]
    at_most(memory, lambda: memory.batch_update(changes), "at most 10000 memories")


def test_how_long_lists_of_names_and_topics_may_be(memory: Memory) -> None:
    many = [f"topic {number}" for number in range(20_000)]
    at_most(memory, lambda: memory.add("A", user_id="ana", includes=many), "too large")
    at_most(memory, lambda: memory.add("A", user_id="ana", excludes=", ".join(many)), "too large")
    at_most(memory, lambda: memory.configure(includes=many), "too large")
    at_most(memory, lambda: memory.recategorize(custom_categories=[{"a": "b" * 10**6}]), "too large")
    at_most(memory, lambda: memory.get_all(categories=many), "categories is too large")
    at_most(memory, lambda: memory.search("tea", fields=many), "fields is too large")


# -- every parameter of every method

UNUSED = {
    *("version", "async_mode", "keyword_search", "filter_memories", "latest_only"),
    "n_ctx",  # means something only beside a GGUF
}
"""Parameters that are accepted for mem0's callers, whatever they are."""

DEEP = reduce(lambda inner, _: [inner], range(2000), 1)
NONSENSE: dict[str, Any] = {
    "an object": object(),
    "bytes": b"\xff\xfe",
    "a number": 10**30,
    "no number": float("nan"),
    "a long text": "x" * (LONGEST_CONVERSATION + 1),
    "half a character": "\ud800",
    "a deep list": DEEP,
    "a deep dict": {"k": DEEP},
    "a long list": [object()] * 250_000,
    "a dict of objects": {1: object()},
    "a list in a list": [[["x"]]],
}


def parameters() -> list[tuple[str, str]]:
    """Return (method, parameter) of everything public."""
    methods = [name for name, method in inspect.getmembers(Memory, inspect.isfunction) if name[0] != "_"]
    return [
        (method, name)
        for method in ("__init__", *methods)
        for name in inspect.signature(getattr(Memory, method)).parameters
        if name != "self" and name not in UNUSED
    ]


BASE: dict[str, dict[str, Any]] = {
    "add": {"messages": "Has a dog", "user_id": "ana", "infer": False},
    "add_many": {"items": ["Has a dog"], "user_id": "ana"},
    "archive": {"memory_id": "id-1"},
    "backup": {"path": "copy.db"},
    "batch_delete": {"memories": ["id-1"]},
    "batch_update": {"memories": [{"memory_id": "id-1", "text": "A"}]},
    "delete": {"memory_id": "id-1"},
    "delete_all": {"user_id": "ana"},
    "delete_users": {"user_id": "ana"},
    "erase": {},
    "export": {"path": "all.jsonl"},
    "feedback": {"memory_id": "id-1", "feedback": "POSITIVE"},
    "from_config": {},
    "get": {"memory_id": "id-1"},
    "history": {"memory_id": "id-1"},
    "import_": {"source": "all.jsonl"},
    "rekey": {},
    "related": {"memory_id": "id-1"},
    "search": {"query": "tea"},
    "snapshot": {"path": "part.db"},
    "unarchive": {"memory_id": "id-1"},
    "undo": {"commit_id": "id-2"},
    "update": {"memory_id": "id-1", "text": "Likes green tea"},
    "why": {"memory_id": "id-1"},
}


def call_with(memory: Memory, method: str, name: str, value: Any) -> Any:
    if method == "__init__":
        return Memory(**{"path": ":memory:", name: value})
    return getattr(memory, method)(**{**BASE.get(method, {}), name: value})


@pytest.mark.parametrize(("method", "name"), parameters())
def test_nonsense_in_any_parameter_is_our_error_and_nothing_is_written(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    memory.add("Likes tea", user_id="ana", metadata={"a": 1}, infer=False)
    before, files = state(memory), sorted(path.name for path in tmp_path.iterdir())
    wrongly = []
    for what, value in NONSENSE.items():
        if (name, what) == ("path", "bytes"):
            continue  # which name files on some systems
        try:
            wrongly.append((what, repr(call_with(memory, method, name, value))[:200]))
        except TinymemError as error:
            if not 10 < len(str(error)) < 600:
                wrongly.append((what, f"{len(str(error))} characters: {str(error)[:300]}"))
        except Exception as error:  # noqa: BLE001  # whatever else it is, it is wrong
            wrongly.append((what, repr(error)[:300]))
    assert wrongly == []
    assert state(memory) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == files
