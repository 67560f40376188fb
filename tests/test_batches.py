"""Many memories at once: all or nothing when they change, restartable and in few commits when they load."""

from __future__ import annotations

import pytest

from tests.store_parts import python
from tinymem import EngineError, ImmutableError, Memory, MemoryNotFoundError, StoreError, ValidationError
from tinymem.batches import LOADED_AT_ONCE
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids


def stored(memory, **asked):
    return sorted(item["memory"] for item in memory.get_all(**asked)["results"])


@pytest.fixture
def kept(memory):
    """A Memory of three: id-1 with metadata, id-3, and id-5, which may not change."""
    memory.add("Likes tea", user_id="ana", metadata={"a": 1, "b": 2}, infer=False)
    memory.add("Has a dog", user_id="bob", infer=False)
    memory.add("Was born in Oslo", user_id="ana", immutable=True, infer=False)
    return memory


# -- batch_update


def test_all_are_updated_in_one_commit_as_update_would(kept):
    before = kept.stats()["commits"]
    done = kept.batch_update(
        [
            {"memory_id": "id-1", "text": "Likes coffee", "metadata": {"a": None, "c": 3}},
            {"memory_id": "id-3", "data": "Has a cat", "expiration_date": "2027-01-01"},
        ]
    )
    assert done == {"message": "Successfully updated 2 memories", "updated": 2, "commit_id": "id-7"}
    one, other = kept.get("id-1"), kept.get("id-3")
    assert (one["memory"], one["metadata"], one["user_id"]) == ("Likes coffee", {"b": 2, "c": 3}, "ana")
    assert (other["memory"], other["expiration_date"]) == ("Has a cat", "2027-01-01")
    assert kept.stats()["commits"] == before + 1
    assert {row["commit_id"] for key in ("id-1", "id-3") for row in kept.history(key)[1:]} == {"id-7"}
    assert kept.search("coffee")["results"][0]["id"] == "id-1"


def test_metadata_can_be_replaced_and_a_date_cleared(kept):
    kept.batch_update([{"memory_id": "id-3", "expiration_date": "2027-01-01", "metadata": {"x": 1}}])
    kept.batch_update([{"memory_id": "id-3", "expiration_date": None, "metadata": {"y": 2}, "merge": False}])
    item = kept.get("id-3")
    assert item["metadata"] == {"y": 2}
    assert "expiration_date" not in item


BAD_UPDATES = [
    ([], "was given no memories"),
    ("id-1", "takes a list of dicts"),
    ({"memory_id": "id-1", "text": "x"}, "takes a list of dicts"),
    (5, "takes a list of dicts"),
    (None, "takes a list of dicts"),
    ([5], "entry 0 must be a dict with 'memory_id'"),
    ([{"text": "x"}], "entry 0 must be a dict with 'memory_id'"),
    ([{"memory_id": 5, "text": "x"}], "memory_id of entry 0 must be a string"),
    ([{"memory_id": "id-1"}], "nothing to change"),
    (["id-1"], "nothing to change"),
    ([{"memory_id": "id-1", "txt": "x"}], "unknown keys"),
    ([{"memory_id": "id-1", "text": ""}], "text is empty"),
    ([{"memory_id": "id-1", "text": "x"}, {"memory_id": "id-1", "text": "y"}], "'id-1' stands twice"),
]


@pytest.mark.parametrize(("given", "words"), BAD_UPDATES)
def test_a_malformed_update_is_refused_whole(kept, given, words):
    before = kept.get_all(), kept.stats()
    with pytest.raises(ValidationError, match=words):
        kept.batch_update(given)
    if isinstance(given, list) and given:
        with pytest.raises(ValidationError, match=words.replace("entry 0", "entry 1")):
            kept.batch_update([{"memory_id": "id-3", "text": "first"}, *given])
    assert (kept.get_all(), kept.stats()) == before


def test_unknown_ids_are_all_named_and_nothing_is_written(kept):
    before = kept.get_all(), kept.stats()
    asked = [{"memory_id": key, "text": "x"} for key in ("id-1", "nobody", "id-3", "gone")]
    with pytest.raises(MemoryNotFoundError, match=r"\['nobody', 'gone'\]"):
        kept.batch_update(asked)
    with pytest.raises(MemoryNotFoundError, match=r"\['nobody', 'gone'\]"):
        kept.batch_delete([{"memory_id": entry["memory_id"]} for entry in asked])
    assert (kept.get_all(), kept.stats()) == before


def test_what_is_immutable_refuses_the_whole_update_but_not_a_delete(kept):
    with pytest.raises(ImmutableError, match=r"\['id-5'\]"):
        kept.batch_update([{"memory_id": "id-1", "text": "x"}, {"memory_id": "id-5", "text": "y"}])
    assert kept.get("id-1")["memory"] == "Likes tea"
    assert kept.batch_delete(["id-5"])["deleted"] == 1


def test_an_update_that_lost_a_race_is_made_again_on_what_is_stored_now(memory_factory):
    other = memory_factory()
    keys = other.add_many(["Likes tea", "Has a dog"], user_id="ana")["ids"]

    class Interrupted(HashEmbedder):
        once = iter(keys)

        def embed(self, texts, *, kind="document"):
            for each in self.once:
                other.update(each, metadata={"meanwhile": 1})
            return super().embed(texts, kind=kind)

    memory = memory_factory(embedder=Interrupted())
    memory.batch_update([{"memory_id": key, "text": f"New {key}", "metadata": {"k": 1}} for key in keys])
    assert [memory.get(key)["metadata"] for key in keys] == [{"meanwhile": 1, "k": 1}] * 2


# -- batch_delete


def test_all_are_deleted_in_one_commit_and_keep_their_history(kept):
    done = kept.batch_delete([{"memory_id": "id-1"}, "id-3"])
    assert done == {"message": "Successfully deleted 2 memories", "deleted": 2, "commit_id": "id-7"}
    assert stored(kept) == ["Was born in Oslo"]
    assert [kept.history(key)[-1]["event"] for key in ("id-1", "id-3")] == ["DELETE", "DELETE"]
    with pytest.raises(MemoryNotFoundError, match=r"\['id-1'\]"):
        kept.batch_delete(["id-1"])


def test_a_malformed_delete_is_refused_whole(kept):
    for given in ([], "id-1", None, [{"id": "id-1"}], ["id-1", "id-1"], ["id-1", ""], ["id-1", 5]):
        with pytest.raises(ValidationError, match="batch_delete"):
            kept.batch_delete(given)
    assert len(stored(kept)) == 3


def test_a_thousand_are_deleted_at_once(memory):
    ids = memory.add_many([f"Fact {n}" for n in range(1000)], user_id="ana")["ids"]
    assert memory.batch_delete(ids[:999])["deleted"] == 999
    assert stored(memory) == ["Fact 999"]


# -- add_many


def test_thousands_are_loaded_in_few_commits(memory_factory):
    memory = memory_factory(new_id=counting_ids())
    count = 2 * LOADED_AT_ONCE + 1
    told = []
    done = memory.add_many(
        [f"Fact {n}" for n in range(count)], user_id="ana", progress=lambda *at: told.append(at)
    )
    assert (done["added"], done["skipped"], len(done["ids"])) == (count, 0, count)
    assert done["commit_ids"] == ["id-1", "id-2", "id-3"]
    assert told == [(LOADED_AT_ONCE, count), (2 * LOADED_AT_ONCE, count), (count, count)]
    stats = memory.stats()
    assert (stats["memories"], stats["vectors"], stats["commits"]) == (count, count, 3)
    assert memory.get(done["ids"][count - 1])["memory"] == f"Fact {count - 1}"


def test_items_say_what_differs_from_the_call(memory):
    items = [
        "Likes tea",
        {"text": "Has a dog", "user_id": "bob", "metadata": {"k": 2, "own": 1}, "id": "dog"},
        {"content": "Noted", "role": "assistant", "name": "Bot", "created_at": "2020-02-02"},
        {"data": "Has a pass", "timestamp": 0, "expiration_date": "2027-01-01", "immutable": True},
        {"memory": "Skis", "session_id": "s", "app_id": "p", "agent_id": "guide"},
    ]
    done = memory.add_many(items, user_id="ana", metadata={"k": 1})
    tea, dog, noted, passing, skis = (memory.get(key) for key in done["ids"])
    assert (tea["user_id"], tea["role"], tea["metadata"]) == ("ana", "user", {"k": 1})
    assert (dog["id"], dog["user_id"], dog["metadata"]) == ("dog", "bob", {"k": 2, "own": 1})
    assert (noted["role"], noted["actor_id"], noted["created_at"][:10]) == ("assistant", "Bot", "2020-02-02")
    assert (passing["created_at"][:4], passing["immutable"]) == ("1970", True)
    assert passing["expiration_date"] == "2027-01-01"
    assert (skis["run_id"], skis["app_id"], skis["agent_id"]) == ("s", "p", "guide")


def test_equal_items_of_one_call_are_all_stored_and_a_second_run_adds_none(memory):
    items = ["Likes tea", {"memory": "Likes tea"}, {"memory": "Likes tea", "user_id": "bob"}, "Has a dog"]
    first = memory.add_many(items, user_id="ana")
    assert (first["added"], len(set(first["ids"]))) == (4, 4)
    again = memory.add_many(items, user_id="ana")
    assert again == {"added": 0, "skipped": 4, "ids": first["ids"], "commit_ids": []}
    more = memory.add_many([*items, "Likes tea"], user_id="ana")
    assert (more["added"], more["skipped"]) == (1, 4)
    assert stored(memory, user_id="ana") == ["Has a dog", "Likes tea", "Likes tea", "Likes tea"]


def test_of_items_with_one_id_the_first_is_stored(memory):
    done = memory.add_many([{"id": "x", "text": "First"}, {"id": "x", "text": "Second"}], user_id="ana")
    assert (done["added"], done["skipped"], done["ids"]) == (1, 1, ["x", "x"])
    assert stored(memory) == ["First"]


def test_what_was_loaded_is_what_adding_one_by_one_stores(memory_factory):
    """But for ids and commits: the same texts, ages, vectors, categories, dates and relations."""
    facts = ["Sister Maya lives in Porto", "Plays tennis on Sundays", "Flies to Rome next month", "Likes 🍵"]
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    settings = {"clock": clock, "embedder": None, "enable_graph": True}
    one, other = memory_factory("one.db", **settings), memory_factory("other.db", **settings)
    for fact in facts:
        one.add(fact, user_id="ana", metadata={"k": 1}, timestamp="2025-03-12", infer=False)
    other.add_many(
        [{"memory": fact, "timestamp": "2025-03-12"} for fact in facts], user_id="ana", metadata={"k": 1}
    )

    def shown(memory):
        listed = sorted(memory.get_all(user_id="ana")["results"], key=lambda item: item["memory"])
        return [{key: value for key, value in item.items() if key != "id"} for item in listed]

    assert shown(one) == shown(other)
    assert shown(one)[0]["event_date"] == "2025-04-01"
    assert "sports" in shown(one)[2]["categories"]
    assert shown(one)[3]["relations"]
    for query in ("Where does Maya live?", "tennis"):
        first, second = (
            {hit["memory"]: hit["score"] for hit in each.search(query)["results"]} for each in (one, other)
        )
        assert first == pytest.approx(second, abs=1e-6)


BAD_ITEMS = [
    (5, "a text or a dict"),
    ("", "its text is empty"),
    ({}, "give its text under one of"),
    ({"memory": "x", "text": "y"}, "give its text under one of"),
    ({"memory": "x", "colour": "red"}, "unknown keys"),
    ({"memory": "x", "role": "robot"}, "role must be one of"),
    ({"memory": "x", "role": ["user"]}, "role must be one of"),
    ({"memory": "x", "metadata": {"a": {1}}}, "metadata"),
    ({"memory": "x", "user_id": ""}, "user_id"),
    ({"memory": "x", "created_at": "soon"}, "timestamp"),
    ({"memory": "x", "immutable": "yes"}, "immutable"),
    ({"memory": "x", "id": " "}, "id must have"),
    ({"memory": "\ud800"}, "Unicode"),
]


@pytest.mark.parametrize(("item", "words"), BAD_ITEMS)
def test_a_bad_item_is_named_by_its_place(memory, item, words):
    with pytest.raises(ValidationError, match=rf"items\[1\].*{words}"):
        memory.add_many(["Likes tea", item], user_id="ana")
    assert memory.count() == 0


@pytest.mark.parametrize("items", ["Likes tea", b"tea", {"memory": "Likes tea"}, 5, None])
def test_what_is_no_list_of_items_is_refused(memory, items):
    with pytest.raises(ValidationError, match="items must be a list"):
        memory.add_many(items, user_id="ana")
    assert memory.count() == 0


def test_an_item_without_an_owner_and_a_wrong_progress_are_refused(memory):
    with pytest.raises(ValidationError, match=r"items\[0\].*whose memory"):
        memory.add_many(["Likes tea"])
    with pytest.raises(ValidationError, match="progress"):
        memory.add_many(["Likes tea"], user_id="ana", progress="yes")
    assert memory.add_many([], user_id="ana") == {"added": 0, "skipped": 0, "ids": [], "commit_ids": []}


def test_a_bar_is_drawn_on_stderr_only_when_asked_for(memory, capsys):
    memory.add_many(["Likes tea", "Has a dog"], user_id="ana")
    assert capsys.readouterr() == ("", "")
    memory.add_many(["Likes tea", "Has a dog"], user_id="ana", progress=True)
    out, drawn = capsys.readouterr()
    assert out == ""
    assert drawn.endswith(f"[{'#' * 30}] 2 of 2 memories\n")
    memory.add_many(iter(["Skis", "Sails"]), user_id="ana", progress=True)
    assert capsys.readouterr().err.endswith("\r2 memories")


# -- cut off


def test_a_load_whose_source_fails_goes_on_where_it_stopped(memory):
    facts = [f"Fact {n}" for n in range(LOADED_AT_ONCE + 500)]

    def failing():
        yield from facts[: LOADED_AT_ONCE + 100]
        raise EngineError("the source is gone")

    with pytest.raises(EngineError, match="source is gone"):
        memory.add_many(failing(), user_id="ana")
    assert memory.count() == LOADED_AT_ONCE
    done = memory.add_many(iter(facts), user_id="ana")
    assert (done["added"], done["skipped"]) == (500, LOADED_AT_ONCE)
    assert stored(memory) == sorted(facts)


def test_a_load_stopped_by_its_progress_goes_on_where_it_stopped(memory):
    facts = [f"Fact {n}" for n in range(LOADED_AT_ONCE + 5)]

    def stopping(done, total):
        raise StoreError(f"stopped at {done} of {total}")

    with pytest.raises(StoreError, match=f"stopped at {LOADED_AT_ONCE} of {len(facts)}"):
        memory.add_many(facts, user_id="ana", progress=stopping)
    assert memory.add_many(facts, user_id="ana")["added"] == 5


LOADER = """
import sys
from tinymem import Memory, batches
from tinymem.testing import HashEmbedder
batches.LOADED_AT_ONCE = 20
def tell(done, total):
    print(done, flush=True)
with Memory(sys.argv[1], embedder=HashEmbedder()) as memory:
    memory.add_many([f"Fact {n}" for n in range(100_000)], user_id="ana", progress=tell)
"""


def test_a_load_that_is_killed_leaves_whole_commits_and_goes_on(tmp_path):
    path = tmp_path / "memory.db"
    loader = python(LOADER, path)
    assert loader.stdout is not None
    while (told := int(loader.stdout.readline())) < 100:
        assert told % 20 == 0
    loader.kill()
    loader.communicate(timeout=30)
    with Memory(path, embedder=HashEmbedder()) as memory:
        assert memory.check() == []
        loaded = memory.count()
        assert loaded >= 100
        assert loaded % 20 == 0
        done = memory.add_many([f"Fact {n}" for n in range(loaded + 10)], user_id="ana")
        assert (done["added"], done["skipped"]) == (10, loaded)
        assert memory.check() == []
