"""Memory from outside: what every public method does to a real file, with fakes only for the models."""

import json
from datetime import date

import pytest

from tinymem import ImmutableError, MemoryNotFoundError, ValidationError
from tinymem.testing import FrozenClock, counting_ids


def texts(found):
    return [item["memory"] for item in found["results"]]


def stored(memory, **asked):
    return texts(memory.get_all(**asked))


# -- add


def test_infer_false_stores_every_message_word_for_word_but_the_systems(memory):
    added = memory.add(
        [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": " I like tea\n", "name": "Ana"},
            {"role": "assistant", "content": "Noted!"},
            {"role": "user", "content": " I like tea\n"},
        ],
        user_id="ana",
        metadata={"source": "chat"},
        infer=False,
    )
    assert added == {
        "results": [
            {"id": "id-1", "memory": " I like tea\n", "event": "ADD", "actor_id": "Ana", "role": "user"},
            {"id": "id-2", "memory": "Noted!", "event": "ADD", "actor_id": None, "role": "assistant"},
            {"id": "id-3", "memory": " I like tea\n", "event": "ADD", "actor_id": None, "role": "user"},
        ],
        "commit_id": "id-4",
    }
    assert [item["metadata"] for item in memory.get_all()["results"]] == [{"source": "chat"}] * 3


def test_a_fact_is_added_then_superseded_under_its_id_then_taken_back(memory):
    assert memory.add("Lives in Rome", user_id="ana")["results"] == [
        {"id": "id-1", "memory": "Lives in Rome", "event": "ADD"}
    ]
    moved = memory.add("Lives in Oslo", user_id="ana", metadata={"new": 1})
    assert moved["results"] == [
        {"id": "id-1", "memory": "Lives in Oslo", "event": "UPDATE", "previous_memory": "Lives in Rome"}
    ]
    assert texts(memory.search("Oslo", user_id="ana")) == ["Lives in Oslo"]
    gone = memory.add("Not any more: Lives", user_id="ana")
    assert gone["results"] == [{"id": "id-1", "memory": "Lives in Oslo", "event": "DELETE"}]
    assert stored(memory) == []
    assert [(row["event"], row["old_memory"], row["new_memory"]) for row in memory.history("id-1")] == [
        ("ADD", None, "Lives in Rome"),
        ("UPDATE", "Lives in Rome", "Lives in Oslo"),
        ("DELETE", "Lives in Oslo", None),
    ]


def test_what_changes_nothing_writes_nothing(memory):
    memory.add("Lives in Rome", user_id="ana", infer=False)
    before = memory.stats()
    for said in ("Lives in Rome", "Is it raining?", "Not any more: Skis"):
        assert memory.add(said, user_id="ana") == {"results": [], "commit_id": None}
    assert memory.stats() == before


def test_output_format_v1_0_is_the_bare_list_everywhere(memory):
    added = memory.add("Likes tea", user_id="ana", output_format="v1.0")
    assert [item["event"] for item in added] == ["ADD"]
    for found in (
        memory.search("tea", user_id="ana", output_format="v1.0"),
        memory.get_all(user_id="ana", output_format="v1.0"),
        memory.get_all(user_id="ana", output_format="v1.0", page=1),
    ):
        assert [item["memory"] for item in found] == ["Likes tea"]


def test_a_dry_run_decides_and_writes_nothing(memory):
    memory.add("Lives in Rome", user_id="ana")
    before = memory.stats()
    talk = [{"role": "user", "content": "Lives in Oslo"}, {"role": "user", "content": "Has a dog"}]
    plan = memory.add(talk, user_id="ana", dry_run=True)
    assert [item["event"] for item in plan["results"]] == ["UPDATE", "ADD"]
    assert plan["commit_id"] is None
    assert memory.add("word", user_id="ana", infer=False, dry_run=True)["results"][0]["event"] == "ADD"
    assert memory.stats() == before
    assert stored(memory) == ["Lives in Rome"]


def test_a_timestamp_dates_the_memory_but_not_the_commit(memory):
    memory.add("Was born", user_id="ana", timestamp=0, infer=False)
    item = memory.get("id-1")
    assert item["created_at"] == item["updated_at"] == "1970-01-01T00:00:00.000000+00:00"
    assert memory.history("id-1")[0]["updated_at"] == "2026-01-10T12:00:00.000000+00:00"
    memory.add("Now", user_id="ana", infer=False)
    assert stored(memory) == ["Now", "Was born"]


def test_a_memory_is_visible_through_its_expiration_day(memory_factory):
    clock = FrozenClock("2026-01-10T23:59:00+00:00")
    memory = memory_factory(clock=clock, new_id=counting_ids())
    memory.add("Has a guest pass", user_id="ana", expiration_date="2026-01-10", infer=False)
    assert stored(memory) == texts(memory.search("guest pass")) == ["Has a guest pass"]
    clock.advance(seconds=120)
    assert stored(memory) == texts(memory.search("guest pass")) == []
    assert memory.count(user_id="ana") == 0
    assert (
        stored(memory, show_expired=True)
        == texts(memory.search("pass", show_expired=True))
        == ["Has a guest pass"]
    )
    assert memory.get("id-1")["expiration_date"] == "2026-01-10"
    assert memory.delete_all(user_id="ana")["deleted"] == 0
    assert memory.delete_all(user_id="ana", show_expired=True)["deleted"] == 1


def test_what_expired_becomes_visible_again_when_it_is_said_again(memory_factory):
    memory = memory_factory(clock=FrozenClock("2026-01-10T00:00:00+00:00"), new_id=counting_ids())
    memory.add("Has a pass", user_id="ana", expiration_date=date(2026, 1, 1))
    assert stored(memory) == []
    again = memory.add("Has a pass", user_id="ana")
    assert [(item["id"], item["event"]) for item in again["results"]] == [("id-1", "UPDATE")]
    assert stored(memory) == ["Has a pass"]


def test_immutable_refuses_update_and_inference_but_not_delete(memory):
    memory.add("Lives in Rome", user_id="ana", immutable=True)
    assert memory.get("id-1")["immutable"] is True
    for change in ({"text": "x"}, {"metadata": {"a": 1}}, {"expiration_date": "2027-01-01"}):
        with pytest.raises(ImmutableError, match="'id-1' is immutable"):
            memory.update("id-1", **change)
    memory.add("Lives in Oslo", user_id="ana")
    memory.add("Not any more: Lives", user_id="ana")
    assert "Lives in Rome" in stored(memory)
    assert len(memory.history("id-1")) == 1
    memory.delete("id-1")
    assert memory.get("id-1") is None


def test_a_rejected_statement_is_reported_and_not_stored(memory):
    said = memory.add(
        [{"role": "user", "content": "surely rich"}, {"role": "user", "content": "Has a dog"}], user_id="a"
    )
    assert [item["memory"] for item in said["results"]] == ["Has a dog"]
    assert said["rejected"] == [
        {"text": "surely rich", "reason": "nobody said that for sure", "message": "surely rich"}
    ]
    assert "rejected" not in memory.add("Has a cat", user_id="a")


# -- update and delete


def test_update_changes_text_vector_and_keywords_together(memory):
    memory.add("Likes tea", user_id="ana", infer=False)
    done = memory.update(memory_id="id-1", data="Plays the violin")
    assert done["message"] == "Memory updated successfully!"
    (hit,) = memory.search("violin", user_id="ana", explain=True)["results"]
    assert hit["memory"] == "Plays the violin"
    assert hit["score_details"]["semantic_score"] > 0.3
    assert hit["score_details"]["keyword_score"] > 0
    assert memory.search("tea", user_id="ana", threshold=0.3)["results"] == []


def test_update_keeps_everything_that_it_was_not_asked_to_change(memory_factory):
    clock = FrozenClock()
    memory = memory_factory(clock=clock, new_id=counting_ids())
    memory.add("Likes tea", user_id="ana", run_id="r", metadata={"a": 1, "none": None}, infer=False)
    before = memory.get("id-1")
    clock.advance(days=1)
    memory.update("id-1", metadata={"b": {"c": 2}})
    assert memory.get("id-1") == {
        **before,
        "metadata": {"a": 1, "none": None, "b": {"c": 2}},
        "updated_at": "2026-01-02T00:00:00.000000+00:00",
    }
    memory.update("id-1", {"a": None})
    assert memory.get("id-1")["metadata"] == {"none": None, "b": {"c": 2}}
    memory.update("id-1", metadata={"only": True}, merge=False)
    assert memory.get("id-1")["metadata"] == {"only": True}
    memory.update("id-1", expiration_date="2027-01-01")
    assert memory.get("id-1")["expiration_date"] == "2027-01-01"
    memory.update("id-1", text="Likes coffee", expiration_date=None)
    item = memory.get("id-1")
    assert "expiration_date" not in item
    assert (item["memory"], item["user_id"], item["run_id"]) == ("Likes coffee", "ana", "r")


@pytest.mark.parametrize("method", ["update", "delete", "history"])
def test_an_unknown_id_is_an_error_that_names_it(memory, method):
    with pytest.raises(MemoryNotFoundError, match="'nobody'"):
        getattr(memory, method)("nobody", *(["text"] if method == "update" else []))
    assert memory.get("nobody") is None


def test_a_deleted_memory_is_unknown_but_keeps_its_history(memory):
    memory.add("Likes tea", user_id="ana", infer=False)
    assert memory.delete("id-1")["message"] == "Memory deleted successfully!"
    assert memory.get("id-1") is None
    assert texts(memory.search("tea")) == stored(memory) == []
    for again in (memory.delete, lambda key: memory.update(key, "x")):
        with pytest.raises(MemoryNotFoundError):
            again("id-1")
    assert [row["is_deleted"] for row in memory.history("id-1")] == [False, True]


def test_delete_all_deletes_exactly_what_get_all_shows(memory):
    for user, run in (("ana", "r1"), ("ana", "r2"), ("bob", "r1"), ("anabel", "r1")):
        memory.add(f"{user} {run}", user_id=user, run_id=run, metadata={"n": run}, infer=False)
    assert memory.delete_all(user_id="ana", filters={"n": "r2"})["deleted"] == 1
    assert sorted(stored(memory)) == ["ana r1", "anabel r1", "bob r1"]
    assert memory.delete_all(user_id="ana") == {
        "message": "Memories deleted successfully!",
        "deleted": 1,
        "commit_id": memory.history("id-1")[-1]["commit_id"],
    }
    assert memory.delete_all(user_id="ana") == {
        "message": "Memories deleted successfully!",
        "deleted": 0,
        "commit_id": None,
    }
    assert memory.delete_all(session_id="r1")["deleted"] == 2


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"filters": {}},
        {"filters": None},
        {"filters": {"AND": []}},
        {"filters": {"OR": [{}]}},
        {"filters": {"NOT": []}},
        {"filters": {"n": {"nin": []}}},
        {"show_expired": True},
    ],
)
def test_delete_all_of_everything_is_refused_and_points_at_reset(memory, asked):
    memory.add("Likes tea", user_id="ana", infer=False)
    with pytest.raises(ValidationError, match="reset"):
        memory.delete_all(**asked)
    assert stored(memory) == ["Likes tea"]


def test_reset_leaves_an_empty_file_that_works(memory):
    memory.add("Likes tea", user_id="ana", infer=False)
    assert memory.reset() is None
    assert memory.count() == 0
    with pytest.raises(MemoryNotFoundError):
        memory.history("id-1")
    memory.add("Likes coffee", user_id="ana", infer=False)
    assert texts(memory.search("coffee")) == ["Likes coffee"]


# -- reading


def test_get_all_is_newest_first_and_pages_meet_without_gap(memory_factory):
    clock = FrozenClock()
    memory = memory_factory(clock=clock)
    for number in range(7):
        memory.add(f"Fact {number}", user_id="ana", infer=False)
        clock.advance(seconds=1)
    everything = stored(memory, user_id="ana")
    assert everything == [f"Fact {number}" for number in range(6, -1, -1)]
    pages = [memory.get_all(user_id="ana", page=number, page_size=3) for number in (1, 2, 3)]
    assert [item["memory"] for page in pages for item in page["results"]] == everything
    assert [(page["count"], page["previous"], page["next"]) for page in pages] == [
        (7, None, 2),
        (7, 1, 3),
        (7, 2, None),
    ]
    assert memory.get_all(user_id="ana", page=4, page_size=3) == {
        "count": 7,
        "next": None,
        "previous": 3,
        "results": [],
    }
    assert memory.get_all(page_size=7)["next"] is None
    assert stored(memory, page=2, limit=2) == everything[2:4]
    assert stored(memory, limit=2) == stored(memory, top_k=2) == everything[:2]
    assert stored(memory, limit=0) == []


def test_user_and_agent_together_show_what_an_add_with_both_wrote(memory):
    talk = [{"role": "user", "content": "Has a dog"}, {"role": "assistant", "content": "Speaks French"}]
    memory.add(talk, user_id="ana", agent_id="bot")
    assert stored(memory, user_id="ana") == ["Has a dog"]
    assert stored(memory, agent_id="bot") == ["Speaks French"]
    assert set(stored(memory, user_id="ana", agent_id="bot")) == {"Has a dog", "Speaks French"}
    assert stored(memory, filters={"user_id": "ana", "agent_id": "bot"}) == []
    assert memory.count(user_id="ana", agent_id="bot") == 2


def test_no_search_or_filter_crosses_a_scope(memory):
    for user in ("ana", "bob", "ANA", "ana%", "an_"):
        memory.add(f"Likes tea from {user}", user_id=user, metadata={"user_id": "ana"}, infer=False)
    for wide in (
        {"OR": [{"user_id": "bob"}, {"user_id": "*"}]},
        {"NOT": {"user_id": "zoe"}},
        {"user_id": {"in": ["ana", "bob"]}},
        {},
    ):
        assert texts(memory.search("tea", user_id="ana", filters=wide)) == ["Likes tea from ana"]
        assert stored(memory, user_id="ana", filters=wide) == ["Likes tea from ana"]
        assert memory.count(user_id="ana", filters=wide) == 1
    assert stored(memory, user_id="bob", filters={"user_id": "ana"}) == []


def test_what_callers_do_to_results_changes_nothing_stored(memory):
    mine = {"tags": ["a"]}
    memory.add("Likes tea", user_id="ana", metadata=mine, infer=False)
    mine["tags"].append("b")
    memory.get("id-1")["metadata"]["tags"].append("c")
    memory.get_all()["results"][0]["metadata"].clear()
    assert memory.get("id-1")["metadata"] == {"tags": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        "Mag Grüße aus Köln – und „Zitate“",
        "喜欢喝绿茶",
        "👩‍🚀 likes 🍵",
        "يحب الشاي",
        "e\u0301 and \u00e9",
        "\u202eright to left",
        "line\nbreak\ttab",
        "'; DROP TABLE memory; --",
        'a "quoted" NEAR(b) AND NOT c*',
        '{"json": [1, null]}',
        "%_\\",
        "x" * 100_000,
        "long " * 19_999,
    ],
    ids=lambda text: text[:12],
)
def test_any_text_comes_back_as_it_was_and_is_found(memory, text):
    memory.add(text, user_id="ü 'x' \"y\" 🍵", infer=False)
    assert memory.get("id-1")["memory"] == text
    assert texts(memory.search(text, user_id="ü 'x' \"y\" 🍵")) == [text]
    assert texts(memory.search(text[:50], user_id="ü 'x' \"y\" 🍵")) == [text]
    json.dumps(memory.history("id-1"))
