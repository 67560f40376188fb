"""Every memory can say which words, call and model it comes from; the log says what each call did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.portable_parts import fresh
from tests.store_parts import commit
from tinymem import CorruptError, Memory, MemoryNotFoundError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm, counting_ids
from tinymem.types import Message, Scope
from tinymem.understand.prompts import PROMPT_VERSION

TALK = [
    {"role": "user", "name": "Maya", "content": "Likes tea", "timestamp": "2026-01-01T08:00:00Z"},
    {"role": "assistant", "content": "Noted!"},
    {"role": "user", "content": "Works at Acme"},
]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock("2026-01-10T12:00:00+00:00")


@pytest.fixture
def memory(memory_factory: Callable[..., Memory], clock: FrozenClock) -> Memory:
    return memory_factory(clock=clock, new_id=counting_ids())


def ids_of(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["results"]]


def test_why_names_the_call_the_model_the_messages_and_the_words(memory: Memory) -> None:
    added = memory.add(TALK, user_id="ana")
    tea, acme = ids_of(added)
    said = [
        {
            "index": 0,
            "role": "user",
            "name": "Maya",
            "content": "Likes tea",
            "at": "2026-01-01T08:00:00.000000+00:00",
        },
        {"index": 1, "role": "assistant", "name": None, "content": "Noted!", "at": None},
        {"index": 2, "role": "user", "name": None, "content": "Works at Acme", "at": None},
    ]
    change = {
        "commit_id": added["commit_id"],
        "call": "add",
        "at": "2026-01-10T12:00:00.000000+00:00",
        "memory": "Likes tea",
        "event": "ADD",
        "engine": {"model": "bundled", "extractor": "EveryMessage", "reconciler": "SameBeginning"},
        "source": "kept",
        "messages": said,
        "evidence": [{"text": "Likes tea", "message": 0, "role": "user", "start": 0, "end": 9}],
    }
    assert memory.why(tea) == {"id": tea, "memory": "Likes tea", "changes": [change]}
    words = [{"text": "Works at Acme", "message": 2, "role": "user", "start": 0, "end": 13}]
    (other,) = memory.why(acme)["changes"]
    assert (other["memory"], other["evidence"], other["messages"]) == ("Works at Acme", words, said)


def test_why_goes_on_after_updates_and_a_deletion(memory: Memory, clock: FrozenClock) -> None:
    (tea,) = ids_of(memory.add("Likes tea", user_id="ana"))
    clock.advance(days=1)
    memory.add("Likes green tea", user_id="ana")
    memory.update(tea, metadata={"n": 1})
    memory.delete(tea)
    answer = memory.why(tea)
    assert answer["memory"] is None
    assert [(each["call"], each["event"], each["memory"], each["source"]) for each in answer["changes"]] == [
        ("add", "ADD", "Likes tea", "kept"),
        ("add", "UPDATE", "Likes green tea", "kept"),
        ("update", "UPDATE", "Likes green tea", "none"),
        ("delete", "DELETE", "Likes green tea", "none"),
    ]
    assert [each.get("previous_memory") for each in answer["changes"]] == [
        None,
        "Likes tea",
        "Likes green tea",
        None,
    ]
    assert [each["evidence"][0]["text"] for each in answer["changes"][:2]] == ["Likes tea", "Likes green tea"]
    assert answer["changes"][1]["at"] > answer["changes"][0]["at"]
    assert [each["engine"] for each in answer["changes"][2:]] == [{}, {}]


def test_the_model_and_its_prompts_are_told(memory_factory: Callable[..., Memory]) -> None:
    script = ['{"facts": [{"message": 1, "text": "Likes tea", "quote": "I like tea"}]}']
    memory = memory_factory(llm=ScriptedLlm(script, name="tiny-1b"), prefilter=False)
    (tea,) = ids_of(memory.add("I like tea", user_id="ana"))
    engine = memory.why(tea)["changes"][0]["engine"]
    assert (engine["model"], engine["prompts"]) == ("tiny-1b", PROMPT_VERSION)


def test_what_is_stored_word_for_word_has_its_messages_too(memory: Memory) -> None:
    tea, acme = ids_of(memory.add([TALK[0], TALK[2]], user_id="ana", infer=False))
    for memory_id in (tea, acme):
        (change,) = memory.why(memory_id)["changes"]
        assert [each["content"] for each in change["messages"]] == ["Likes tea", "Works at Acme"]
        assert (change["source"], change["engine"]) == ("kept", {})


def test_why_says_that_messages_were_not_kept(memory_factory: Callable[..., Memory]) -> None:
    memory = memory_factory(keep_messages=False)
    for infer in (True, False):
        for memory_id in ids_of(memory.add(f"Likes tea {infer}", user_id="ana", infer=infer)):
            (change,) = memory.why(memory_id)["changes"]
            assert (change["source"], change["messages"]) == ("not kept", [])
            assert [(each["text"], each["role"], each["message"]) for each in change["evidence"]] == [
                (None, None, 0)
            ]


def test_why_survives_an_export_and_an_import(memory: Memory, tmp_path: Path) -> None:
    ids = ids_of(memory.add(TALK, user_id="ana"))
    memory.add("Likes green tea", user_id="ana")
    memory.delete(ids[1])
    undone = memory.undo(memory.log(limit=1)["results"][0]["commit_id"])
    memory.export(tmp_path / "all.jsonl")
    with fresh(embedder=HashEmbedder()) as other:
        other.import_(tmp_path / "all.jsonl")
        assert [other.why(each) for each in ids] == [memory.why(each) for each in ids]
        assert other.log() == memory.log()
        assert other.log()["results"][0]["commit_id"] == undone["commit_id"]
    with fresh(embedder=HashEmbedder(), keep_messages=False) as other:
        other.import_(tmp_path / "all.jsonl")
        assert {each["source"] for each in other.why(ids[0])["changes"]} == {"not kept"}


def test_why_and_undo_say_that_something_was_erased(memory: Memory, tmp_path: Path) -> None:
    first = memory.add(TALK, user_id="ana")
    tea, acme = ids_of(first)
    later = memory.add("Works at Borges", user_id="ana")
    memory.erase(tea)
    for reader in (memory, moved(memory, tmp_path)):
        with pytest.raises(MemoryNotFoundError, match="no memory ever had the id"):
            reader.why(tea)
        one, two = reader.why(acme)["changes"]
        assert (one["source"], one["messages"]) == ("erased", [])
        assert one["evidence"] == [{"text": None, "message": 2, "role": None, "start": 0, "end": 13}]
        assert (two["source"], two["evidence"][0]["text"]) == ("kept", "Works at Borges")
        with pytest.raises(
            ValidationError, match=rf"memories of \['{first['commit_id']}'\] were erased since"
        ):
            reader.undo(first["commit_id"], with_later=True)
        reader.undo(later["commit_id"])
        assert reader.get(acme)["memory"] == "Works at Acme"


def test_a_message_that_was_told_twice_is_erased_twice(memory: Memory) -> None:
    (tea,) = ids_of(memory.add("Likes tea", user_id="ana"))
    told = [{"role": "user", "content": "Likes tea"}, {"role": "user", "content": "Has a cat"}]
    (cat,) = ids_of(memory.add(told, user_id="ana"))
    memory.erase(tea)
    (change,) = memory.why(cat)["changes"]
    assert change["source"] == "erased"
    assert [(each["index"], each["content"]) for each in change["messages"]] == [(1, "Has a cat")]
    assert [(each["message"], each["text"]) for each in change["evidence"]] == [(1, "Has a cat")]
    assert memory.undo(change["commit_id"])["results"][0]["event"] == "DELETE"


def moved(memory: Memory, folder: Path) -> Memory:
    """Return what an export of a memory makes in another file."""
    memory.export(folder / "all.jsonl")
    other = fresh(embedder=HashEmbedder())
    other.import_(folder / "all.jsonl")
    return other


def test_why_of_nobody(memory: Memory) -> None:
    with pytest.raises(MemoryNotFoundError, match="no memory ever had the id 'nobody'"):
        memory.why("nobody")
    with pytest.raises(ValidationError, match="memory_id"):
        memory.why(None)


def test_the_log_tells_every_call_newest_first(memory: Memory) -> None:
    added = memory.add(TALK, user_id="ana", run_id="r1")
    tea, acme = ids_of(added)
    updated = memory.update(tea, "Likes green tea")
    deleted = memory.batch_delete([tea, acme])
    whose = {"user_id": "ana", "run_id": "r1", "at": "2026-01-10T12:00:00.000000+00:00"}
    assert memory.log()["results"] == [
        {
            "commit_id": deleted["commit_id"],
            "call": "batch_delete",
            "at": whose["at"],
            "engine": {},
            "changes": [
                {"id": tea, "memory": "Likes green tea", "event": "DELETE"},
                {"id": acme, "memory": "Works at Acme", "event": "DELETE"},
            ],
            "messages": 0,
        },
        {
            "commit_id": updated["commit_id"],
            "call": "update",
            "engine": {},
            "changes": [
                {"id": tea, "memory": "Likes green tea", "event": "UPDATE", "previous_memory": "Likes tea"}
            ],
            "messages": 0,
            **whose,
        },
        {
            "commit_id": added["commit_id"],
            "call": "add",
            "engine": {"model": "bundled", "extractor": "EveryMessage", "reconciler": "SameBeginning"},
            "changes": [
                {"id": tea, "memory": "Likes tea", "event": "ADD"},
                {"id": acme, "memory": "Works at Acme", "event": "ADD"},
            ],
            "messages": 3,
            **whose,
        },
    ]


def test_the_log_has_limits_and_pages(memory: Memory) -> None:
    for number in range(5):
        memory.add(f"Text {number}", user_id="ana", infer=False)
    memory._store.apply(commit(commit_id="silent", scope=Scope("bob"), messages=(Message("user", "hi"),)))
    everything = memory.log()["results"]
    assert [(each["commit_id"], each["changes"], each["messages"]) for each in everything[:1]] == [
        ("silent", [], 1)
    ]
    assert memory.log(limit=2) == {"results": everything[:2]}
    assert memory.log(limit=0) == {"results": []}
    last = {"count": 6, "next": None, "previous": 1, "results": everything[4:]}
    assert memory.log(page=2, page_size=4) == last
    first = {"count": 6, "next": 2, "previous": None, "results": everything[:2]}
    assert memory.log(page=1, limit=2) == first
    assert memory.log(page=9)["results"] == []
    for wrong in ({"limit": -1}, {"page": 0}, {"page_size": "5"}):
        with pytest.raises(ValidationError):
            memory.log(**wrong)


def test_an_empty_file_has_an_empty_log(memory: Memory) -> None:
    assert memory.log() == {"results": []}
    assert memory.log(page=1) == {"count": 0, "next": None, "previous": None, "results": []}


@pytest.mark.parametrize(
    "damage",
    ["UPDATE commits SET scope = '[]'", "UPDATE commits SET engine = ''", "UPDATE commits SET at = 'noon'"],
)
def test_what_can_not_be_read_is_damage(damage: str) -> None:
    with fresh() as memory:
        added = memory.add("Likes tea", user_id="ana", infer=False)
        with memory._store._open() as connection:
            connection.execute(damage)
        asks = {
            "scope": (memory.log, lambda: memory.undo(added["commit_id"])),
            "engine": (memory.log, lambda: memory.why(ids_of(added)[0])),
            "at": (memory.log, lambda: memory.why(ids_of(added)[0])),
        }
        for ask in asks[damage.split()[3]]:
            with pytest.raises(CorruptError, match=r"can not be read .* run check\(\)"):
                ask()


def test_of_a_message_with_something_unwanted_no_words_are_kept_and_why_says_so(
    memory_factory: Callable[..., Memory],
) -> None:
    memory = memory_factory(extractor=None, reconciler=None, embedder=None)
    said = "I take insulin every day. I live in Lisbon."
    (lisbon,) = ids_of(memory.add(said, user_id="ana", excludes="health"))
    (change,) = memory.why(lisbon)["changes"]
    assert change["source"] == "not kept"
    assert [(each["text"], each["start"]) for each in change["evidence"]] == [(None, said.index("I live"))]


def test_a_short_message_of_an_erased_call_takes_no_others_along(memory: Memory) -> None:
    (tea,) = ids_of(
        memory.add(
            [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "Likes tea"}], user_id="ana"
        )
    )
    (book,) = ids_of(memory.add("Wrote a book", user_id="ana"))
    memory.erase(tea)
    assert [each["content"] for each in memory.why(book)["changes"][0]["messages"]] == ["Wrote a book"]
