"""What becomes of memories: archived, judged, sorted anew; whose there are; what a file says of itself."""

from __future__ import annotations

import pytest

from tinymem import ConfigError, ImmutableError, MemoryNotFoundError, ValidationError
from tinymem.testing import FrozenClock, ScriptedLlm, counting_ids

PETS = [{"pets": "dogs, cats and other animals that live with somebody"}]


@pytest.fixture
def clock():
    return FrozenClock("2026-01-10T12:00:00+00:00")


@pytest.fixture
def memory(memory_factory, clock):
    return memory_factory(clock=clock, new_id=counting_ids())


@pytest.fixture
def real(memory_factory, clock):
    """A Memory with the bundled embedder, which knows what facts are about."""
    return memory_factory(clock=clock, new_id=counting_ids(), embedder=None)


def tell(memory, *texts, **asked):
    """Store texts word for word and return their ids."""
    said = [{"role": "user", "content": text} for text in texts]
    added = memory.add(said, **{"user_id": "ana", "infer": False, **asked})
    return [item["id"] for item in added["results"]]


def stored(memory, **asked):
    return sorted(item["memory"] for item in memory.get_all(**asked)["results"])


def found(memory, query, **asked):
    return [item["memory"] for item in memory.search(query, **asked)["results"]]


# -- archive


def test_what_is_archived_is_hidden_until_asked_for(memory):
    tea, _ = tell(memory, "Likes tea", "Has a dog")
    done = memory.archive(tea)
    assert done == {"message": "Memory archived successfully!", "commit_id": "id-4"}
    assert stored(memory) == found(memory, "tea") == ["Has a dog"]
    assert memory.count() == 1
    assert memory.get_all(page=1)["count"] == 1
    assert stored(memory, show_archived=True) == sorted(found(memory, "tea", show_archived=True))
    assert memory.count(user_id="ana", show_archived=True) == 2
    assert memory.get(tea)["archived"] is True
    assert stored(memory, show_archived=True, filters={"is_archived": True}) == ["Likes tea"]


def test_what_is_shown_again_is_as_it_was(memory, clock):
    (tea,) = tell(memory, "Likes tea", metadata={"a": 1}, immutable=True)
    before = memory.get(tea)
    clock.advance(days=1)
    memory.archive(tea)
    assert memory.unarchive(tea)["message"] == "Memory unarchived successfully!"
    assert memory.get(tea) == before
    assert [row["event"] for row in memory.history(tea)] == ["ADD", "UPDATE", "UPDATE"]


def test_archiving_twice_writes_once(memory):
    (tea,) = tell(memory, "Likes tea")
    assert memory.unarchive(tea)["commit_id"] is None
    memory.archive(tea)
    before = memory.stats()
    assert memory.archive(tea)["commit_id"] is None
    assert memory.stats() == before


def test_what_is_archived_is_deleted_only_when_meant(memory):
    tea, _ = tell(memory, "Likes tea", "Has a dog")
    memory.archive(tea)
    assert memory.delete_all(user_id="ana")["deleted"] == 1
    assert memory.get(tea) is not None
    assert memory.delete_all(user_id="ana", show_archived=True)["deleted"] == 1
    with pytest.raises(MemoryNotFoundError):
        memory.archive(tea)
    with pytest.raises(MemoryNotFoundError):
        memory.unarchive("nobody")


def test_a_fact_that_is_told_again_comes_back(memory):
    (rome,) = tell(memory, "Lives in Rome")
    memory.archive(rome)
    again = memory.add("Lives in Rome", user_id="ana")
    assert [(item["id"], item["event"]) for item in again["results"]] == [(rome, "UPDATE")]
    assert stored(memory) == ["Lives in Rome"]
    assert "archived" not in memory.get(rome)


def test_an_archived_memory_is_not_offered_to_a_decision(memory):
    (rome,) = tell(memory, "Lives in Rome")
    memory.archive(rome)
    assert [item["event"] for item in memory.add("Lives in Oslo", user_id="ana")["results"]] == ["ADD"]
    assert memory.get(rome)["memory"] == "Lives in Rome"


def test_an_archived_immutable_memory_stays_as_it_is(memory):
    (rome,) = tell(memory, "Lives in Rome", immutable=True)
    memory.archive(rome)
    assert memory.add("Lives in Rome", user_id="ana")["results"] == []
    assert memory.get(rome)["archived"] is True
    with pytest.raises(ImmutableError):
        memory.update(rome, "x")


def test_an_update_by_id_does_not_show_what_is_archived(memory):
    (tea,) = tell(memory, "Likes tea")
    memory.archive(tea)
    memory.update(tea, "Likes coffee")
    assert stored(memory) == []
    assert memory.get(tea)["memory"] == "Likes coffee"


# -- feedback


def test_the_latest_verdict_is_shown_by_get(memory):
    (tea,) = tell(memory, "Likes tea")
    assert "feedback" not in memory.get(tea)
    assert memory.feedback(tea, "POSITIVE") == {
        "message": "Feedback stored",
        "id": tea,
        "feedback": "POSITIVE",
        "feedback_reason": None,
    }
    memory.feedback(tea, feedback="very_negative", feedback_reason="It was coffee")
    item = memory.get(tea)
    assert (item["feedback"], item["feedback_reason"]) == ("VERY_NEGATIVE", "It was coffee")
    assert memory.stats()["feedback"] == 2
    memory.feedback(tea)
    assert "feedback" not in memory.get(tea)
    assert memory.stats()["feedback"] == 0


def test_feedback_is_no_change_of_the_memory(memory):
    (tea,) = tell(memory, "Likes tea", immutable=True)
    before = memory.get_all(), memory.history(tea)
    memory.feedback(tea, "NEGATIVE")
    assert (memory.get_all(), memory.history(tea)) == before


def test_feedback_that_cannot_be_meant_is_refused(memory):
    (tea,) = tell(memory, "Likes tea")
    for wrong in ("GOOD", "", 5, True, ["POSITIVE"]):
        with pytest.raises(ValidationError, match="feedback must be one of"):
            memory.feedback(tea, wrong)
    for wrong in ("", 5):
        with pytest.raises(ValidationError, match="feedback_reason"):
            memory.feedback(tea, "POSITIVE", wrong)
    with pytest.raises(MemoryNotFoundError, match="'nobody'"):
        memory.feedback("nobody", "POSITIVE")
    assert memory.stats()["feedback"] == 0


# -- users


def test_users_lists_everyone_who_has_memories(memory, clock):
    assert memory.users() == {"results": [], "count": 0}
    tell(memory, "Likes tea", "Has a dog", run_id="r")
    clock.advance(days=1)
    (skis,) = tell(memory, "Skis", app_id="p", expiration_date="2026-01-01")
    tell(memory, "Is helpful", user_id=None, agent_id="bot")
    memory.archive(tell(memory, "Sails", user_id="bob")[0])
    listed = memory.users()
    shown = [(one["type"], one["id"], one["name"], one["total_memories"]) for one in listed["results"]]
    assert shown == [
        *(("user", "ana", "ana", 2), ("user", "bob", "bob", 1)),
        *(("agent", "bot", "bot", 1), ("run", "r", "r", 2)),
    ]
    assert listed["count"] == 4
    assert listed["results"][0]["created_at"] == "2026-01-10T12:00:00.000000+00:00"
    everything = memory.users(show_expired=True)["results"]
    assert [(one["type"], one["id"], one["total_memories"]) for one in everything] == [
        *(("user", "ana", 3), ("user", "bob", 1), ("agent", "bot", 1), ("run", "r", 2), ("app", "p", 1)),
    ]
    assert everything[0]["updated_at"] == memory.get(skis)["updated_at"]
    assert [one["id"] for one in memory.users(filters={"user_id": "bob"})["results"]] == ["bob"]


def test_delete_users_deletes_expired_and_archived_memories_too(memory):
    tell(memory, "Likes tea", run_id="r")
    tell(memory, "Has a pass", expiration_date="2020-01-01")
    memory.archive(tell(memory, "Skis")[0])
    tell(memory, "Sails", user_id="bob", run_id="r")
    done = memory.delete_users(user_id="ana")
    assert (done["message"], done["deleted"]) == ("Entity deleted successfully.", 3)
    assert {row["commit_id"] for row in memory.history("id-1")[1:]} == {done["commit_id"]}
    assert [one["id"] for one in memory.users(show_expired=True)["results"]] == ["bob", "r"]
    assert memory.delete_users(run_id="r")["deleted"] == 1
    assert memory.delete_users(app_id="p") == {
        "message": "Entity deleted successfully.",
        "deleted": 0,
        "commit_id": None,
    }
    with pytest.raises(ValidationError, match="reset"):
        memory.delete_users()


# -- categories


def test_recategorize_sorts_anew_and_changes_nothing_else(real, clock):
    tell(real, "Has a dog named Rex", "Plays tennis on Sundays")
    before = real.get_all()["results"]
    clock.advance(days=1)
    done = real.recategorize(user_id="ana", custom_categories=PETS)
    assert (done["checked"], done["changed"]) == (2, 2)
    after = real.get_all()["results"]
    assert {item["memory"]: item["categories"] for item in after} == {
        "Has a dog named Rex": ["pets"],
        "Plays tennis on Sundays": [],
    }
    for one, other in zip(before, after, strict=True):
        assert {**one, "categories": None} == {**other, "categories": None}
    assert stored(real, categories=["pets"]) == ["Has a dog named Rex"]
    assert [row["event"] for row in real.history("id-1")] == ["ADD", "UPDATE"]
    assert real.recategorize(user_id="ana", custom_categories=PETS) == {
        "checked": 2,
        "changed": 0,
        "commit_id": None,
    }
    back = real.recategorize()
    assert back["changed"] == 2
    assert real.get_all()["results"] == before


def test_recategorize_takes_expired_archived_and_immutable_ones_within_the_scope(real):
    tell(real, "Has a cat", expiration_date="2020-01-01", immutable=True)
    real.archive(tell(real, "Has a dog")[0])
    tell(real, "Has a parrot", user_id="bob")
    assert real.recategorize(user_id="ana", custom_categories=PETS)["changed"] == 2
    assert real.get("id-1")["categories"] == ["pets"]
    assert real.recategorize(filters={"user_id": "nobody"}) == {"checked": 0, "changed": 0, "commit_id": None}


def test_recategorize_works_where_the_file_has_another_embedders_vectors(memory_factory):
    memory_factory().add("Has a dog named Rex", user_id="ana", infer=False)
    other = memory_factory(embedder=None)
    assert other.recategorize(custom_categories=PETS)["changed"] == 1


# -- settings of a file


def test_a_call_goes_before_the_memory_and_that_before_the_file(memory_factory):
    def sorted_by(memory, user, **asked):
        tell(memory, "Has a dog named Rex", user_id=user, **asked)
        return memory.get_all(user_id=user)["results"][0]["categories"]

    plain = memory_factory(embedder=None)
    plain.configure(custom_categories=[{"of the file": PETS[0]["pets"]}])
    made = memory_factory(embedder=None, custom_categories=[{"of the Memory": PETS[0]["pets"]}])
    by_call = {"custom_categories": [{"of the call": PETS[0]["pets"]}]}
    assert sorted_by(plain, "a") == ["of the file"]
    assert sorted_by(made, "b") == ["of the Memory"]
    assert sorted_by(plain, "c", **by_call) == sorted_by(made, "d", **by_call) == ["of the call"]
    plain.configure(custom_categories=None)
    assert "of the file" not in sorted_by(plain, "e")


def test_settings_travel_with_the_file_and_are_taken_back_one_by_one(memory_factory):
    first = memory_factory()
    assert first.configure() == {}
    assert first.configure(excludes="health, money", enable_graph=False) == {
        "excludes": ["health", "money"],
        "enable_graph": False,
    }
    assert first.configure(includes=["food"]) == memory_factory().configure()
    assert first.configure(excludes=None, enable_graph=None) == {"includes": ["food"]}


def test_instructions_of_a_file_need_a_chat_model_and_are_told_to_it(memory_factory):
    with pytest.raises(ConfigError, match="llm"):
        memory_factory().configure(custom_instructions="Only food.")
    llm = ScriptedLlm(['{"facts": []}', '{"facts": []}'])
    memory = memory_factory(llm=llm, extractor=None)
    memory.configure(custom_instructions="Only food.")
    memory.add("I like tea", user_id="ana")
    memory.add("I like tea", user_id="ana", custom_instructions="Only drinks.")
    told = ["".join(message.content for message in prompt) for prompt in llm.prompts]
    assert ["Only food." in each for each in told] == [True, False]
    assert "Only drinks." in told[1]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"custom_categories": []}, {"custom_categories": "pets"}, {"custom_categories": [5]}),
        *(
            {"custom_categories": [{"a": "b"}, {"A": "c"}]},
            {"includes": ""},
            {"excludes": [""]},
            {"includes": 5},
        ),
        *({"enable_graph": "yes"}, {"enable_graph": 1}, {"custom_instructions": " "}),
    ],
)
def test_a_wrong_setting_is_refused_everywhere_and_keeps_none(memory_factory, wrong):
    memory = memory_factory(llm=ScriptedLlm([]))
    with pytest.raises((ValidationError, ConfigError), match=next(iter(wrong))):
        memory.configure(**{"includes": "food", **wrong})
    assert memory.configure() == {}
    with pytest.raises((ValidationError, ConfigError), match=next(iter(wrong))):
        memory_factory("other.db", llm=ScriptedLlm([]), **wrong)
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        memory.add("x", user_id="ana", infer=False, **wrong)


def test_reset_wipes_settings_feedback_and_archive(memory):
    (tea,) = tell(memory, "Likes tea")
    memory.feedback(tea, "POSITIVE")
    memory.archive(tea)
    memory.configure(enable_graph=True)
    memory.reset()
    assert memory.configure() == {}
    stats = memory.stats()
    assert {
        stats[name] for name in ("memories", "commits", "changes", "messages", "entities", "feedback")
    } == {0}
    assert memory.users(show_expired=True)["count"] == 0
