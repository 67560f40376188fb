"""What was erased is in no byte of the file, its log or its companions; everything else is whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.fakes import EveryMessage
from tests.store_parts import NOW, python
from tinymem import Memory, MemoryNotFoundError, StoreError, ValidationError
from tinymem.store import erasing
from tinymem.store.keywords import index_text
from tinymem.testing import FrozenClock, HashEmbedder

EMBEDDER = HashEmbedder(32)
MANY = 90
SECRET = "Wjuqvopx krimwafyg Müßziggünge 東京都庁"
METADATA = {"vqzschluessel": ["ugpkostbar", {"tief": "wxnverborgen"}]}


def traces(text: str, metadata: dict[str, Any] = METADATA, *embedders: HashEmbedder) -> list[bytes]:
    """Return what must not be found of a memory: words, as the keyword index has them too, and vectors.

    Of a word FTS5 stores its stem, and of that what differs from the word before it, so only the middle of a
    word is looked for.
    """
    words = [word[3:9] if len(word) > 5 else word for word in text.split()]
    folded = [word[3:9] if len(word) > 5 else word for word in index_text(text).split()]
    keys = re.findall(r"[a-z]{4,}", str(metadata))
    vectors = [each.embed([text])[0].tobytes() for each in (EMBEDDER, *embedders)]
    return [word.encode() for word in (*words, *folded, *keys) if len(word) > 2] + vectors


def found(folder: Path, needles: list[bytes]) -> set[bytes]:
    """Return which of the needles stand in any file of the folder."""
    contents = [path.read_bytes() for path in folder.iterdir()]
    return {needle for needle in needles if any(needle in content for content in contents)}


class OnlyAssistant(EveryMessage):
    """What users say tells this one nothing."""

    def extract(self, messages, about, today):
        return super().extract(messages, [role for role in about if role == "assistant"], today)


def opened(path: Path, **options: Any) -> Memory:
    return Memory(path, embedder=EMBEDDER, **options)


def tell(memory: Memory, text: str = SECRET, **options: Any) -> str:
    """Store a text word for word and return its id."""
    told = {"user_id": "ana", "metadata": METADATA, "infer": False, **options}
    return str(memory.add(text, **told)["results"][0]["id"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file with many memories, some of them changed, in a folder of its own."""
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "memory.db"
    with opened(path) as memory:
        memory.add_many([f"Harmless fact number {number} " * 9 for number in range(MANY)], user_id="ana")
    return path


def as_it_is(memory: Memory, given: str) -> None:
    return None


def updated(memory: Memory, given: str) -> None:
    memory.update(given, "Something else", metadata={"vqzschluessel": None})


def deleted(memory: Memory, given: str) -> None:
    memory.delete(given)


def undone(memory: Memory, given: str) -> None:
    memory.undo(memory.delete(given)["commit_id"])


def judged(memory: Memory, given: str) -> None:
    memory.feedback(given, "NEGATIVE", SECRET)
    memory.archive(given)


def reembedded(memory: Memory, given: str) -> None:
    memory.reembed()


def told_again(memory: Memory, given: str) -> None:
    memory.add(
        [{"role": "user", "content": SECRET}, {"role": "user", "content": "Unrelated"}],
        user_id="ana",
        infer=False,
    )
    again = [item["id"] for item in memory.get_all()["results"] if item["memory"] == SECRET]
    memory.delete(next(each for each in again if each != given))
    memory.erase(next(each for each in again if each != given))


PASTS = [as_it_is, updated, deleted, undone, judged, reembedded, told_again]


@pytest.mark.parametrize("past", PASTS)
def test_no_byte_is_left(path: Path, past: Callable[[Memory, str], None]) -> None:
    with opened(path) as memory:
        given = tell(memory)
        wanted = traces(SECRET)
        memory.compact()
        assert found(path.parent, wanted) == set(wanted)
        others = {item["id"]: item for item in memory.get_all()["results"] if item["id"] != given}
        past(memory, given)
        receipt = memory.erase(given)
        assert receipt["erased"] == 1
        assert receipt["pending"] is False
        assert found(path.parent, wanted) == set()
        assert memory.check() == []
        assert memory.get(given) is None
        left = {item["id"]: item for item in memory.get_all()["results"]}
        assert {name: left[name] for name in others} == others
        with pytest.raises(MemoryNotFoundError):
            memory.history(given)
        with pytest.raises(MemoryNotFoundError, match="erased already"):
            memory.erase(given)
    assert found(path.parent, wanted) == set()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_nothing_comes_over_from_an_export(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with opened(path) as memory, opened(tmp_path / "other" / "memory.db") as other:
        given = tell(memory)
        memory.update(given, "Something else")
        memory.export(tmp_path / "all.jsonl")
        other.import_(tmp_path / "all.jsonl")
        other.erase(given)
        assert found(tmp_path / "other", traces(SECRET)) == set()
        assert other.check() == []
        assert memory.get(given)["memory"] == "Something else"


def test_entities_and_what_they_were_called_go(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db", enable_graph=True) as memory:
        memory.add("Maya works at Acme.", user_id="ana", infer=False)
        given = tell(memory, "Maya lives in Xqotzville.", metadata={})
        assert "Xqotzville" in str(memory.entities())
        memory.erase(given)
        assert "Maya" in str(memory.entities())
        assert memory.check() == []
    assert found(tmp_path, [b"xqotzville", b"Xqotzville", b"qotzvill"]) == set()


def test_the_words_around_another_memory_go(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as memory:
        talk = ["Harmless beginning", SECRET, "Harmless end"]
        told = memory.add([{"role": "user", "content": each} for each in talk], user_id="ana", infer=False)
        memory.erase(told["results"][1]["id"])
        assert memory.count() == 2
        assert memory.check() == []
    assert found(tmp_path, traces(SECRET, {})) == set()


def test_source_messages_go_whoever_else_cites_them(path: Path) -> None:
    with opened(path) as memory:
        first = memory.add(
            [{"role": "user", "content": SECRET}, {"role": "user", "content": "Plays the tuba"}],
            user_id="ana",
            infer=False,
        )
        bobs = tell(memory, "Plays the tuba", user_id="bob", metadata={})
        given, tuba = (item["id"] for item in first["results"])
        memory.erase(given)
        assert memory.get(tuba)["memory"] == "Plays the tuba"
        (change,) = memory.why(tuba)["changes"]
        assert change["messages"] == []
        (change,) = memory.why(bobs)["changes"]
        assert [message["content"] for message in change["messages"]] == ["Plays the tuba"]


def test_words_go_that_were_told_again_in_a_call_about_something_else(tmp_path: Path) -> None:
    told = [{"role": "user", "content": f"By the way {SECRET}"}, {"role": "user", "content": SECRET}]
    with opened(tmp_path / "memory.db", extractor=EveryMessage()) as memory:
        given = memory.add(SECRET, user_id="ana")["results"][0]["id"]
        (other,) = memory.add([told[1], {"role": "user", "content": "Plays the tuba"}], user_id="ana")[
            "results"
        ]
        assert memory.erase(given)["erased"] == 1
        (change,) = memory.why(other["id"])["changes"]
        assert [message["content"] for message in change["messages"]] == ["Plays the tuba"]
        given = memory.add(SECRET, user_id="ana")["results"][0]["id"]
        assert memory.add(told[:1], user_id="bob")["results"]
        memory.add("Something", user_id="ana")
        memory.erase(given)
    assert found(tmp_path, traces(SECRET, {})) != set(), "bob told it of himself"
    with opened(tmp_path / "memory.db") as memory:
        memory.erase(user_id="bob")
    assert found(tmp_path, traces(SECRET, {})) == set()


def test_all_that_a_user_ever_told_goes_with_the_user(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "Is a bot"}]
    with opened(tmp_path / "memory.db", extractor=OnlyAssistant()) as memory:
        (bots,) = memory.add(talk, user_id="ana", agent_id="bot")["results"]
        receipt = memory.erase(user_id="ana")
        assert (receipt["erased"], receipt["commit_id"] is None) == (0, False)
        assert memory.get(bots["id"])["memory"] == "Is a bot"
        assert memory.why(bots["id"])["changes"][0]["source"] == "erased"
    assert found(tmp_path, traces(SECRET, {})) == set()


def test_the_receipt_is_a_commit_without_content(path: Path) -> None:
    with opened(path, clock=FrozenClock(NOW)) as memory:
        given = tell(memory, user_id="wqzmarie")
        receipt = memory.erase(user_id="wqzmarie")
        logged = memory.log(limit=1)["results"][0]
        assert logged["commit_id"] == receipt["commit_id"]
        assert (logged["call"], logged["changes"], logged["messages"]) == ("erase", [], 0)
        assert logged["engine"]["erased"] == 1
        with pytest.raises(ValidationError):
            memory.undo(receipt["commit_id"])
    assert found(path.parent, [b"wqzmarie", given.encode()]) == set()


def test_a_filter_also_finds_what_was_deleted_before(path: Path) -> None:
    with opened(path) as memory:
        alive, gone, expired, archived = (tell(memory, f"{SECRET} {number}") for number in range(4))
        bobs = tell(memory, "Bob's own", user_id="bob", metadata={"a": 1})
        memory.delete(gone)
        memory.update(expired, expiration_date="2020-01-01")
        memory.archive(archived)
        assert memory.erase(filters={"metadata": {"vqzschluessel": "*"}})["erased"] == 4
        assert memory.erase(user_id="ana", filters={"metadata": {"a": 1}})["erased"] == 0
        assert memory.erase(filters={"AND": [{"user_id": "bob"}]})["erased"] == 1
        for each in (alive, gone, bobs):
            with pytest.raises(MemoryNotFoundError):
                memory.history(each)
        assert memory.check() == []
        assert memory.count() == MANY
    assert found(path.parent, traces(SECRET)) == set()


def test_nothing_found_leaves_no_receipt(path: Path) -> None:
    with opened(path) as memory:
        assert memory.erase(user_id="nobody")["commit_id"] is None
        assert "erase" not in [commit["call"] for commit in memory.log()["results"]]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, r"an id or a filter.*reset"),
        ({"filters": {}}, r"an id or a filter.*reset"),
        ({"memory_id": "m", "user_id": "ana"}, "not both"),
        ({"memory_id": "m", "filters": {"user_id": "ana"}}, "not both"),
        ({"memory_id": ""}, "memory_id"),
    ],
)
def test_what_can_not_be_meant_erases_nothing(path: Path, arguments: dict[str, Any], match: str) -> None:
    with opened(path) as memory:
        with pytest.raises(ValidationError, match=match):
            memory.erase(**arguments)
        assert memory.count() == MANY


def test_search_in_other_connections_forgets_at_once(path: Path) -> None:
    with opened(path) as memory, opened(path) as other:
        given = tell(memory)
        assert other.search(SECRET, limit=1)["results"][0]["id"] == given
        memory.erase(given)
        assert other.search(SECRET, limit=300, threshold=0.9)["results"] == []
        assert other.count() == MANY


def test_the_past_forgets_too(path: Path) -> None:
    clock = FrozenClock(NOW)
    with opened(path, clock=clock) as memory:
        given = tell(memory)
        clock.advance(days=1)
        memory.delete(given)
        clock.advance(days=1)
        assert memory.get(given, as_of=NOW + timedelta(hours=1))["memory"] == SECRET
        assert memory.count(as_of=NOW + timedelta(hours=1)) == 1
        memory.erase(given)
        assert memory.get(given, as_of=NOW + timedelta(hours=1)) is None
        assert memory.count(as_of=NOW + timedelta(hours=1)) == 0


# -- others at the same file


READER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN")
print(connection.execute("SELECT count(*) FROM memory").get, flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
connection.close()
"""


def test_another_process_that_reads_makes_it_pending_until_compact(path: Path) -> None:
    with opened(path, busy_timeout_s=0.1) as memory:
        given = tell(memory)
        memory.compact()
        reader = python(READER, path)
        assert reader.stdout is not None
        assert reader.stdout.readline() == f"{MANY + 1}\n"
        receipt = memory.erase(given)
        assert (receipt["erased"], receipt["pending"]) == (1, True)
        assert "compact()" in receipt["message"]
        assert memory.get(given) is None
        assert found(path.parent, traces(SECRET)) != set()
        with pytest.raises(StoreError, match="try again"):
            memory.compact()
        reader.communicate("done\n", timeout=30)
        memory.compact()
        assert found(path.parent, traces(SECRET)) == set()
        assert memory.erase(user_id="nobody")["pending"] is False
        assert memory.check() == []


def test_an_erasing_that_was_cut_off_is_finished_by_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(connection: apsw.Connection) -> None:
        raise KeyboardInterrupt

    with opened(path) as memory:
        given = tell(memory)
        with monkeypatch.context() as patch:
            patch.setattr(erasing, "shrink", die)
            with pytest.raises(KeyboardInterrupt):
                memory.erase(given)
        assert memory._store.settings() == {}
    with opened(path) as memory:
        with pytest.raises(MemoryNotFoundError):
            memory.erase(given)
        assert found(path.parent, traces(SECRET)) == set()
        assert memory.check() == []


class Stop(Exception):
    """Ends a run in its middle."""


class Watched(HashEmbedder):
    """Calls a function before it embeds."""

    def __init__(self, before: Callable[[int], object]) -> None:
        super().__init__(48)
        self.before = before
        self.calls = 0

    def embed(self, texts: Any, *, kind: Any = "document") -> Any:
        self.calls += 1
        self.before(self.calls)
        return super().embed(texts, kind=kind)


def test_vectors_of_an_unfinished_change_of_models_go(path: Path) -> None:
    def stop(calls: int) -> None:
        if calls > 1:
            raise Stop

    with opened(path) as memory:
        given = tell(memory, "Wjuqvopx")
        memory.add_many([f"Longer than that, number {number}" for number in range(300)], user_id="ana")
        newer = Watched(stop)
        with Memory(path, embedder=newer) as other, pytest.raises(Stop):
            other.reembed()
        vector = HashEmbedder(48).embed(["Wjuqvopx"])[0].tobytes()
        memory.compact()
        assert found(path.parent, [vector]) == {vector}
        memory.erase(given)
        assert found(path.parent, [vector]) == set()


def test_what_is_erased_while_it_is_embedded_is_not_written_down(path: Path) -> None:
    with opened(path) as memory:
        given = tell(memory, "Wjuqvopx")
        newer = Watched(lambda calls: memory.erase(given) if calls == 1 else None)
        with Memory(path, embedder=newer) as other:
            other.reembed()
            assert other.check() == []
    assert found(path.parent, traces("Wjuqvopx", {}, HashEmbedder(48))) == set()


# -- anything that a file can hold
