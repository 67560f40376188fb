"""Entities and relations: written and deleted with their memories, each owner's own, always in step."""

from __future__ import annotations

import apsw
import pytest

from tinymem import Memory, MemoryNotFoundError, ReplyError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm, counting_ids

MAYA = [
    {"source": "Maya", "relationship": "lives_in", "target": "Porto"},
    {"source": "ana", "relationship": "has_sister", "target": "Maya"},
]


@pytest.fixture
def memory(memory_factory):
    """A Memory with its graph on; the file is examined after every test, and here after every call."""
    return memory_factory(enable_graph=True, clock=FrozenClock(), new_id=counting_ids())


def tell(memory, text, user="ana", **asked):
    """Store one text word for word and return the answer."""
    return memory.add(text, **{"user_id": user, "infer": False, **asked})


def entities(memory, **asked):
    """Return how many memories name each entity; the file must be sound."""
    assert memory.check() == []
    return {one["name"]: one["memories"] for one in memory.entities(**asked)["results"]}


def related(memory, key, **asked):
    return [(item["memory"], item["shared"]) for item in memory.related(key, **asked)["results"]]


# -- writing


def test_relations_are_stored_with_their_memory_and_shown_everywhere(memory):
    added = tell(memory, "Sister Maya lives in Porto")
    assert added["relations"] == {"added_entities": MAYA, "deleted_entities": []}
    assert memory.get("id-1")["relations"] == MAYA
    for found in (
        memory.search("Porto", user_id="ana"),
        memory.get_all(user_id="ana"),
        memory.get_all(page=1),
    ):
        assert found["relations"] == found["results"][0]["relations"] == MAYA
    assert entities(memory) == {"Maya": 1, "Porto": 1, "ana": 1}


def test_relations_are_listed_once_however_many_memories_state_them(memory):
    tell(memory, "Sister Maya lives in Porto")
    tell(memory, "Sister Maya lives in PORTO")
    assert memory.get_all()["relations"] == MAYA
    assert entities(memory) == {"Maya": 2, "Porto": 2, "ana": 2}


def test_without_the_graph_nothing_is_related_and_nothing_said_about_it(memory_factory):
    memory = memory_factory()
    added = tell(memory, "Sister Maya lives in Porto")
    assert "relations" not in added
    assert set(memory.get_all()) == set(memory.search("Porto")) == {"results"}
    assert entities(memory) == {}
    assert memory.add("Has a dog", user_id="ana", output_format="v1.0")[0]["event"] == "ADD"


def test_the_call_decides_before_the_memory_and_that_before_the_file(memory_factory):
    off, silent = memory_factory(enable_graph=False), memory_factory()
    silent.configure(enable_graph=True)
    tell(silent, "Friend Bo lives in Rome", "by the file")
    tell(off, "Friend Bo lives in Rome", "by the Memory")
    tell(off, "Friend Bo lives in Rome", "by the call", enable_graph=True)
    tell(silent, "Friend Bo lives in Rome", "not by the call", enable_graph=False)
    listed = silent.get_all()["results"]
    assert {item["user_id"] for item in listed if "relations" in item} == {"by the file", "by the call"}
    assert "relations" in off.get_all(enable_graph=True)
    assert "relations" not in silent.search("Bo", enable_graph=False)
    with pytest.raises(ValidationError, match="enable_graph must be True or False"):
        tell(silent, "x", enable_graph="yes")


def test_a_dry_run_relates_and_writes_nothing(memory):
    before = memory.stats()
    plan = tell(memory, "Sister Maya lives in Porto", dry_run=True)
    assert plan["relations"]["added_entities"] == MAYA
    assert memory.stats() == before
    assert entities(memory) == {}


def test_a_fact_that_supersedes_another_takes_its_relations_back(memory):
    memory.add("Lives in Rome", user_id="ana")
    assert entities(memory) == {"Rome": 1, "ana": 1}
    moved = memory.add("Lives in Oslo", user_id="ana")
    assert moved["relations"] == {
        "added_entities": [{"source": "ana", "relationship": "lives_in", "target": "Oslo"}],
        "deleted_entities": [{"source": "ana", "relationship": "lives_in", "target": "Rome"}],
    }
    assert entities(memory) == {"Oslo": 1, "ana": 1}
    gone = memory.add("Not any more: Lives", user_id="ana")
    assert gone["relations"]["deleted_entities"][0]["target"] == "Oslo"
    assert entities(memory) == {}


def test_every_way_of_changing_a_text_changes_its_relations(memory):
    tell(memory, "Sister Maya lives in Porto")
    memory.update("id-1", metadata={"a": 1})
    assert memory.get("id-1")["relations"] == MAYA
    memory.update("id-1", "Sister Maya lives in Oslo")
    assert entities(memory) == {"Maya": 1, "Oslo": 1, "ana": 1}
    memory.batch_update([{"memory_id": "id-1", "text": "Likes tea"}])
    assert "Oslo" not in entities(memory)
    memory.batch_update([{"memory_id": "id-1", "text": "Works at Acme"}])
    assert "Acme" in entities(memory)


def test_a_change_without_the_graph_leaves_no_relations_of_the_text_before(memory_factory):
    memory, off = memory_factory(enable_graph=True, new_id=counting_ids()), memory_factory()
    tell(memory, "Sister Maya lives in Porto")
    off.update("id-1", "Likes tea")
    assert "relations" not in memory.get("id-1")
    assert entities(memory) == {}


def test_an_entity_goes_with_the_last_memory_that_names_it(memory):
    for text in ("Sister Maya lives in Porto", "Sister Maya lives in Oslo", "Lives in Oslo"):
        tell(memory, text)
    memory.delete("id-1")
    assert entities(memory) == {"ana": 2, "Oslo": 2, "Maya": 1}
    memory.batch_delete(["id-3"])
    assert entities(memory) == {"ana": 1, "Oslo": 1}
    memory.delete_all(user_id="ana")
    assert entities(memory) == {}
    assert memory.stats()["entities"] == 0


def test_reset_and_delete_users_leave_no_entities(memory):
    tell(memory, "Sister Maya lives in Porto")
    tell(memory, "Brother Tom lives in Rome", "bob")
    memory.delete_users(user_id="bob")
    assert set(entities(memory)) == {"Maya", "Porto", "ana"}
    memory.reset()
    assert entities(memory) == {}


def test_what_is_loaded_in_bulk_is_related_too(memory):
    memory.add_many(["Sister Maya lives in Porto", "Sister Maya has a cat named Leo"], user_id="ana")
    assert entities(memory)["Maya"] == 2


def test_a_chat_models_relations_are_used_if_there_is_one(memory_factory):
    llm = ScriptedLlm(['{"relations": [[0, "Maya", "admires", "Porto"]]}'])
    memory = memory_factory(llm=llm, enable_graph=True)
    added = memory.add("Sister Maya lives in Porto", user_id="ana", infer=False)
    admires = {"source": "Maya", "relationship": "admires", "target": "Porto"}
    assert added["relations"]["added_entities"] == memory.get_all()["relations"] == [admires]
    assert llm.replies == []


def test_a_chat_model_that_fails_at_relations_stores_nothing(memory_factory):
    memory = memory_factory(llm=ScriptedLlm([]), enable_graph=True)
    with pytest.raises(ReplyError):
        memory.add("Sister Maya lives in Porto", user_id="ana", infer=False)
    assert memory.count() == 0
    assert entities(memory) == {}


# -- whose they are


def test_two_users_share_no_entity(memory):
    tell(memory, "Sister Maya lives in Porto", "ana")
    tell(memory, "Sister MAYA lives in porto", "bob")
    assert entities(memory, user_id="ana") == {"Maya": 1, "Porto": 1, "ana": 1}
    assert entities(memory, user_id="bob") == {"MAYA": 1, "porto": 1, "bob": 1}
    assert memory.stats()["entities"] == 6
    assert related(memory, "id-1") == related(memory, "id-3") == []
    memory.delete_users(user_id="ana")
    assert memory.stats()["entities"] == 3


def test_the_sessions_of_a_user_share_entities(memory):
    tell(memory, "Sister Maya lives in Porto", run_id="monday")
    tell(memory, "Sister MAYA is a vet", run_id="tuesday")
    assert memory.get("id-3")["relations"][0]["source"] == "Maya"
    assert memory.stats()["entities"] == len(entities(memory, user_id="ana"))
    assert set(entities(memory, run_id="monday")) == {"Maya", "Porto", "ana"}
    assert related(memory, "id-1") == [("Sister MAYA is a vet", ["Maya"])]


def test_a_user_and_an_agent_have_entities_of_their_own(memory):
    talk = [
        {"role": "user", "content": "Lives in Porto"},
        {"role": "assistant", "content": "Speaks Portuguese"},
    ]
    memory.add(talk, user_id="ana", agent_id="bot")
    assert set(entities(memory, user_id="ana")) == {"Porto", "ana"}
    assert set(entities(memory, agent_id="bot")) == {"Portuguese", "bot"}


def test_a_named_speaker_is_the_one_who_is_related(memory):
    tell(memory, [{"role": "user", "content": "Lives in Porto", "name": "Bo"}])
    assert memory.get("id-1")["relations"] == [
        {"source": "Bo", "relationship": "lives_in", "target": "Porto"}
    ]


# -- reading


def test_entities_are_listed_most_often_named_first_within_a_filter(memory):
    tell(memory, "Sister Maya lives in Porto", metadata={"n": 1})
    tell(memory, "Lives in Porto", metadata={"n": 2})
    tell(memory, "Lives in Rome", expiration_date="2020-01-01")
    memory.archive(tell(memory, "Lives in Bern")["results"][0]["id"])
    assert list(entities(memory)) == ["ana", "Porto", "Maya"]
    assert entities(memory, filters={"n": 1}) == {"Maya": 1, "Porto": 1, "ana": 1}
    assert list(entities(memory, limit=2)) == ["ana", "Porto"]
    assert entities(memory, user_id="nobody") == entities(memory, limit=0) == {}
    with pytest.raises(ValidationError, match="limit"):
        memory.entities(limit=-1)


def test_related_memories_share_entities_other_than_the_speaker(memory):
    tell(memory, "Sister Maya lives in Porto")
    tell(memory, "Lives in Rome")
    tell(memory, "Sister Maya is a vet")
    tell(memory, "Sister Maya was born in Porto")
    assert related(memory, "id-1") == [
        ("Sister Maya was born in Porto", ["Maya", "Porto"]),
        ("Sister Maya is a vet", ["Maya"]),
    ]
    assert related(memory, "id-1", limit=1) == [("Sister Maya was born in Porto", ["Maya", "Porto"])]
    assert related(memory, "id-1", limit=0) == related(memory, "id-3") == []
    memory.archive("id-7")
    memory.delete("id-5")
    assert related(memory, "id-1") == []
    with pytest.raises(MemoryNotFoundError, match="'nobody'"):
        memory.related("nobody")


# -- the file


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("DELETE FROM memory_entity WHERE entity_rowid = 1", "not tied to the entities"),
        ("UPDATE entity SET key = 'lisbon' WHERE key = 'porto'", "not tied to the entities"),
        ("INSERT INTO memory_entity VALUES (77, 1)", "tied to row 77, which is no memory"),
        (
            "INSERT INTO entity(owner, key, name) VALUES ('{}', 'x', 'Xanadu')",
            "'Xanadu' is named by no memory",
        ),
        ("UPDATE memory SET relations = '[]'", "not tied to the entities"),
        ("UPDATE memory SET relations = 'x'", "can not be read"),
        ("UPDATE memory SET relations = '[[1]]'", "can not be read"),
    ],
)
def test_check_finds_links_that_were_tampered_with(tmp_path, damage, complaint):
    path = tmp_path / "tampered.db"
    with Memory(path, embedder=HashEmbedder(), enable_graph=True) as memory:
        tell(memory, "Sister Maya lives in Porto")
        assert memory.check() == []
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    with Memory(path, embedder=HashEmbedder()) as memory:
        assert any(complaint in problem for problem in memory.check())


def test_names_that_look_like_sql_or_json_are_names(memory):
    odd = 'O\'Brien "x"; DROP TABLE entity; --'
    tell(memory, "Sister Maya lives in Porto", odd)
    tell(memory, "Sister Maya is a vet", odd)
    assert entities(memory, user_id=odd) == {odd: 2, "Maya": 2, "Porto": 1, "vet": 1}
    assert related(memory, "id-1") == [("Sister Maya is a vet", ["Maya"])]
