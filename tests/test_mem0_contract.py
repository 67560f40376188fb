"""What mem0's users rely on in the library, called the way they call it: one test for each behaviour.

S-numbers are those of the list of mem0's behaviours that this library was written against; the behaviours
of the hosted platform are in `test_mem0_contract_platform.py`, which also checks that no number is missing.
"""

import asyncio
import hashlib
import inspect
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tinymem import AsyncMemory, ConfigError, Mem0ValidationError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
TALK = [
    {"role": "user", "content": "Likes Italian food"},
    {"role": "assistant", "content": "Noted!"},
    {"role": "user", "content": "Works at Acme"},
]


@pytest.fixture
def m(memory):
    return memory


@pytest.fixture
def real(memory_factory):
    """Return a Memory as users have it, with the models that ship."""
    return memory_factory(embedder=None, extractor=None, reconciler=None)


def texts(answer):
    return [item["memory"] for item in answer["results"]]


def first_id(answer):
    return answer["results"][0]["id"]


def test_s1_add_takes_a_text_a_message_or_a_list(m):
    for messages in ("Drinks tea", {"role": "user", "content": "Has a dog"}, TALK):
        result = m.add(messages, user_id="alice")
        assert all(set(each) >= {"id", "memory", "event"} for each in result["results"])
    assert m.count(user_id="alice") == 4
    for wrong in (5, None, b"text", [5], [["user", "x"]], [{"content": "x"}], [], ""):
        with pytest.raises(ValidationError):
            m.add(wrong, user_id="alice")


def test_s2_infer_extracts_resolves_and_stores(real):
    talk = [
        {"role": "user", "content": "Hi! I live in Lisbon. What should I cook tonight?"},
        {"role": "assistant", "content": "How about a risotto?"},
    ]
    (added,) = real.add(talk, user_id="alice")["results"]
    assert (added["event"], added["memory"]) == ("ADD", "Lives in Lisbon")
    (update,) = real.add("I live in Porto now.", user_id="alice")["results"]
    assert (update["event"], update["previous_memory"]) == ("UPDATE", "Lives in Lisbon")
    assert update["id"] == added["id"]


def test_s3_infer_false_stores_raw_and_does_not_dedupe(m):
    for _ in range(2):
        result = m.add(
            [{"role": "system", "content": "rules"}, {"role": "user", "content": "Likes tea"}],
            user_id="a",
            infer=False,
        )
        assert set(result["results"][0]) == {"id", "memory", "event", "actor_id", "role"}
    assert texts(m.get_all(user_id="a")) == ["Likes tea"] * 2


def test_s4_metadata_is_stored_and_filterable(m):
    m.add("Saw Dune", user_id="alice", metadata={"category": "movies", "rating": 5}, infer=False)
    m.add("Ate pizza", user_id="alice", metadata={"category": "food"}, infer=False)
    for filters in ({"category": "movies"}, {"metadata": {"category": "movies"}}, {"rating": {"gte": 4}}):
        found = m.search("what did I do", user_id="alice", filters=filters)["results"]
        assert [each["memory"] for each in found] == ["Saw Dune"]
        assert found[0]["metadata"] == {"category": "movies", "rating": 5}


def test_s5_every_id_is_kept_and_session_id_is_the_run(m):
    m.add("Likes tea", user_id="u", agent_id=None, run_id="r", app_id="p", infer=False)
    m.add("Likes tea", user_id="u", session_id="s", infer=False)
    one, other = sorted(m.get_all(user_id="u")["results"], key=lambda item: item["run_id"])
    assert (one["run_id"], one["app_id"], other["run_id"]) == ("r", "p", "s")
    assert m.count(session_id="s") == m.count(run_id="s") == 1
    inside = m.add("Likes cake", filters={"user_id": "v", "run_id": "r"}, infer=False)
    assert m.get(first_id(inside))["user_id"] == "v"


def test_s6_the_ids_that_add_returns_are_those_that_get_knows(m):
    for result in m.add(TALK, user_id="alice")["results"]:
        memory = m.get(result["id"])
        assert memory["memory"] == result["memory"]
        assert memory["hash"] == hashlib.md5(result["memory"].encode()).hexdigest()


def test_s7_the_same_thing_twice_stays_one_memory(real):
    real.add("I'm allergic to peanuts.", user_id="alice")
    assert real.add("I am allergic to peanuts!", user_id="alice")["results"] == []
    assert real.count(user_id="alice") == 1


def test_s8_the_graph_is_kept_where_it_is_asked_for(real):
    added = real.add("My sister Maya lives in Porto.", user_id="alice", enable_graph=True)
    lives = {"source": "Maya", "relationship": "lives_in", "target": "Porto"}
    assert lives in added["relations"]["added_entities"]
    assert lives in real.search("Who lives in Porto?", user_id="alice", enable_graph=True)["relations"]
    plain = real.add("My brother Tom lives in Rome.", user_id="alice")
    assert "relations" not in plain
    assert "relations" not in real.search("Porto", user_id="alice", enable_graph=False)
    assert "Tom" not in [each["name"] for each in real.entities(user_id="alice")["results"]]


@pytest.mark.parametrize(
    ("trigger", "said", "kept"),
    [
        ("preference", "I prefer window seats.", "window seats"),
        ("decision", "We've decided to use PostgreSQL for the project.", "PostgreSQL"),
        ("goal", "I want to learn Japanese.", "learn Japanese"),
        ("new entity", "My new manager is called Priya.", "Priya"),
        ("feedback", "I don't like long answers.", "long answers"),
        ("none", "Thanks, that helps. What's the weather like?", None),
    ],
)
def test_s9_what_is_worth_adding_is_added_by_itself(real, trigger, said, kept):
    added = texts(real.add(said, user_id="alice"))
    assert [kept in text for text in added] == ([] if kept is None else [True]), trigger


@pytest.mark.parametrize("ids", [{"agent_id": "bot"}, {"user_id": "u"}, {"run_id": "r"}])
def test_s10_procedural_memory_works_under_any_id(memory_factory, ids):
    m = memory_factory(llm=ScriptedLlm(["1. Chose Italian food."]))
    assert texts(m.add(TALK, memory_type="procedural_memory", **ids)) == ["1. Chose Italian food."]
    assert m.get_all(**ids)["results"][0]["memory_type"] == "procedural_memory"
    (record,) = texts(memory_factory("2.db").add(TALK, memory_type="procedural_memory", **ids))
    assert record.splitlines()[1:] == [
        *("Task: Likes Italian food", "1. The assistant: Noted!", "2. The user: Works at Acme"),
    ]
    with pytest.raises(ValueError, match="procedural_memory"):
        m.add(TALK, memory_type="semantic", **ids)


@pytest.mark.parametrize("asked", [{}, {"memory_type": "procedural_memory"}])
@pytest.mark.parametrize("name", ["prompt", "custom_instructions"])
def test_s11_a_calls_instructions_reach_the_model_for_facts_and_for_procedures(memory_factory, name, asked):
    llm = ScriptedLlm(['{"facts": []}'])
    memory_factory(llm=llm, extractor=None).add(TALK, user_id="alice", **{name: "Only food."}, **asked)
    assert "Only food." in "".join(message.content for message in llm.prompts[0])
    if not asked:
        with pytest.raises(ConfigError, match="need a language model"):
            memory_factory("2.db", extractor=None).add(TALK, user_id="alice", **{name: "Only food."})


def test_s12_search_takes_the_arguments_of_both_versions(m):
    m.add("Likes Italian food", user_id="alice", infer=False)
    m.add("Likes Thai food", user_id="bob", infer=False)
    version_1 = m.search("What food?", user_id="alice", limit=5, threshold=None, rerank=True)
    version_2 = m.search("What food?", filters={"user_id": "alice"}, top_k=5, threshold=0.0, rerank=False)
    assert version_1 == version_2
    assert texts(version_1) == ["Likes Italian food"]
    assert len(m.search("What food?", top_k=1)["results"]) == 1
    assert m.search("What food?", threshold=1.0) == {"results": []}


def test_s13_search_returns_scores_and_metadata(m):
    m.add("Likes Italian food", user_id="alice", metadata={"k": 1}, infer=False)
    (hit,) = m.search("What food?", user_id="alice")["results"]
    assert 0 < hit["score"] <= 1
    assert hit["metadata"] == {"k": 1}
    details = m.search("food", filters={"user_id": "alice"}, explain=True)["results"][0]["score_details"]
    assert {"semantic_score", "keyword_score", "final_score"} <= set(details)


def test_s14_update_takes_text_or_metadata_in_every_style(m):
    key = first_id(m.add("Likes tea", user_id="alice", metadata={"a": 1}, infer=False))
    assert m.update(memory_id=key, data="Likes green tea")["message"] == "Memory updated successfully!"
    m.update(key, text="Likes oolong")
    m.update(key, "Likes matcha", {"b": 2})
    m.update(key, metadata={"c": 3})
    m.update(key, {"c": 4})
    memory = m.get(key)
    assert (memory["memory"], memory["user_id"]) == ("Likes matcha", "alice")
    assert memory["metadata"] == {"a": 1, "b": 2, "c": 4}
    with pytest.raises(ValueError, match="nothing to change"):
        m.update(key)


def test_s15_updates_keep_history(m):
    key = first_id(m.add("Likes tea", user_id="alice", infer=False))
    m.update(key, "Likes green tea")
    m.update(key, metadata={"b": 2})
    assert [(row["old_memory"], row["new_memory"]) for row in m.history(key)] == [
        (None, "Likes tea"),
        ("Likes tea", "Likes green tea"),
        ("Likes green tea", "Likes green tea"),
    ]


def test_s16_delete_and_what_it_says_of_an_unknown_id(m):
    key = first_id(m.add("Likes tea", user_id="alice", infer=False))
    assert m.delete(memory_id=key)["message"] == "Memory deleted successfully!"
    assert m.get(key) is None
    with pytest.raises(ValueError, match=key):
        m.delete(memory_id=key)


def test_s17_delete_all_of_one_id_leaves_the_others_and_without_any_is_refused(m):
    for user in ("alice", "bob"):
        said = [{"role": "user", "content": f"Fact {n} of {user}"} for n in range(150)]
        m.add(said, user_id=user, infer=False)
    assert m.delete_all(user_id="alice")["message"] == "Memories deleted successfully!"
    assert (m.count(user_id="alice"), m.count(user_id="bob")) == (0, 150)
    with pytest.raises(ValueError, match="reset"):
        m.delete_all()


def test_s18_a_delete_takes_the_memory_its_vector_and_its_words_at_once(m):
    keys = [first_id(m.add(text, user_id="alice", infer=False)) for text in ("Likes tea", "Likes milk")]
    m.delete(keys[0])
    m.delete_all(user_id="alice")
    assert m.search("Likes tea")["results"] == []
    assert [m.history(key)[-1]["is_deleted"] for key in keys] == [True, True]
    assert m.check() == []


def test_s19_search_and_get_all_without_an_id_read_the_whole_file(m):
    m.add("Likes tea", user_id="alice", infer=False)
    m.add("Likes tea", agent_id="bot", infer=False)
    assert len(m.get_all()["results"]) == len(m.search("tea")["results"]) == 2


def test_s20_async_memory_mirrors_every_method(m, tmp_path):
    names = ["add", "get", "get_all", "search", "update", "delete", "delete_all", "history", "reset"]
    for name in names:
        ours, theirs = getattr(AsyncMemory, name), getattr(type(m), name)
        assert inspect.iscoroutinefunction(ours)
        assert inspect.signature(ours) == inspect.signature(theirs)

    async def scenario():
        async with AsyncMemory(tmp_path / "async.db", embedder=HashEmbedder()) as memory:
            key = first_id(await memory.add("Likes tea", user_id="alice", infer=False))
            await memory.update(key, data="Likes green tea")
            found = texts(await memory.search("tea", user_id="alice"))
            listed = texts(await memory.get_all(user_id="alice"))
            events = [row["event"] for row in await memory.history(key)]
            await memory.delete(key)
            await memory.delete_all(user_id="alice")
            await memory.reset()
            return found, listed, events, await memory.get(key)

    assert asyncio.run(scenario()) == (["Likes green tea"], ["Likes green tea"], ["ADD", "UPDATE"], None)


def test_s21_labels_of_memory_types_live_in_metadata(m):
    m.add("Met Bob", user_id="alice", metadata={"type": "episodic"}, infer=False)
    m.add("Paris is in France", user_id="alice", metadata={"type": "semantic"}, infer=False)
    assert texts(m.get_all(filters={"type": "episodic"})) == ["Met Bob"]


def test_s23_history_rows_have_event_and_action_and_times(m):
    key = first_id(m.add("Likes tea", user_id="alice", infer=False))
    m.update(key, "Likes coffee")
    m.delete(memory_id=key)
    rows = m.history(memory_id=key)
    assert [row["action"] for row in rows] == [row["event"] for row in rows] == ["ADD", "UPDATE", "DELETE"]
    assert [(row["old_memory"], row["new_memory"]) for row in rows] == [
        (None, "Likes tea"),
        ("Likes tea", "Likes coffee"),
        ("Likes coffee", None),
    ]
    assert [row["is_deleted"] for row in rows] == [False, False, True]
    assert all(datetime.fromisoformat(row["created_at"]).tzinfo for row in rows)
    assert all(row["memory_id"] == key for row in rows)


def test_s24_a_missing_id_and_a_bad_memory_type_are_mem0s_validation_error(m):
    with pytest.raises(Mem0ValidationError, match="user_id"):
        m.add("Likes tea")
    with pytest.raises(Mem0ValidationError, match="memory_type"):
        m.add("Likes tea", user_id="alice", memory_type="short_term")


def test_s26_old_memories_are_cleaned_up_and_archived_with_other_metadata_kept(memory_factory):
    clock = FrozenClock()
    m = memory_factory(clock=clock)
    m.add("Old news", user_id="alice", metadata={"source": "chat"}, infer=False)
    clock.advance(days=100)
    m.add("Fresh news", user_id="alice", infer=False)
    cutoff = clock() - timedelta(days=30)
    for memory in m.get_all(user_id="alice")["results"]:
        if datetime.fromisoformat(memory["created_at"].replace("Z", "+00:00")) < cutoff:
            m.update(memory_id=memory["id"], metadata={"archived": True})
    (archived,) = m.get_all(user_id="alice", filters={"archived": True})["results"]
    assert archived["metadata"] == {"source": "chat", "archived": True}
    assert texts(m.get_all(user_id="alice", filters={"archived": {"ne": True}})) == ["Fresh news"]
    assert m.delete_all(user_id="alice", filters={"created_at": {"lt": cutoff}})["deleted"] == 1
    assert texts(m.get_all(user_id="alice")) == ["Fresh news"]


def test_s39_history_shows_one_memory_evolving(real):
    key = first_id(real.add("My favourite food is chicken.", user_id="alice"))
    real.add("My favourite food is vegetable curry now.", user_id="alice")
    (row, change) = real.history(key)
    assert row["new_memory"] == change["old_memory"] == "Favourite food is chicken"
    assert (change["event"], change["new_memory"]) == ("UPDATE", "Favourite food is vegetable curry now")
    real.add("I eat chicken.", user_id="bob")
    real.add("I eat no chicken any more, I'm vegetarian.", user_id="bob")
    assert texts(real.get_all(user_id="bob")) == ["Is vegetarian"]


def test_s40_saying_more_enriches_the_same_memory(real):
    key = first_id(real.add("I like playing cricket.", user_id="alice"))
    real.add("I like playing cricket with friends on Sundays.", user_id="alice")
    (memory,) = real.get_all(user_id="alice")["results"]
    assert (memory["id"], memory["memory"]) == (key, "Likes playing cricket with friends on Sundays")


def test_s42_instead_of_claims_the_readme_has_numbers_each_with_the_command_that_printed_it():
    numbers = README.split("## Numbers")[1].split("\n## ")[0]
    headers = re.findall(r"^(\|.*)\n\|[-| ]+\|$", numbers, re.MULTILINE)
    assert len(headers) >= 3
    assert all("`python -m scripts." in header for header in headers)
    assert re.search(r"^\| claims .*\|$", README, re.MULTILINE)


def test_s43_a_thousand_memories_of_one_user_are_searched_in_one_file(real):
    friends = ["Ana", "Bo", "Carl", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "June"]
    places = ["Lisbon", "Oslo", "Rome", "Kyoto", "Lima", "Cairo", "Perth", "Quito", "Turin", "Leeds"]
    loves = ["tea", "chess", "opera", "tennis", "rugby", "poetry", "cheese", "jazz", "hiking", "baking"]
    told = [f"Friend {who} in {where} loves {what}" for who in friends for where in places for what in loves]
    real.add_many(told, user_id="alice")
    assert real.count(user_id="alice") == len(real.get_all(user_id="alice")["results"]) == 1000
    for who, where, what in zip(friends, places, loves, strict=True):
        found = real.search(f"Which friend in {where} loves {what}, {who}?", user_id="alice", limit=1)
        assert texts(found) == [f"Friend {who} in {where} loves {what}"]


# -- what every row relies on


@pytest.mark.parametrize(
    "asked",
    [
        {"query": ""},
        {"query": "  "},
        {"query": 5},
        {"top_k": -1},
        {"limit": "5"},
        {"threshold": 2},
        {"user_id": ""},
        {"filters": {"AND": 5}},
        {"filters": {"a": {"between": [1, 2]}}},
        {"filters": "user_id"},
    ],
)
def test_bad_searches_are_value_errors_as_in_mem0(m, asked):
    with pytest.raises(ValueError, match=r"\w"):
        m.search(**{"query": "food", **asked})


def test_timestamp_backdates_created_at(m):
    moved = int(datetime(2020, 5, 1, tzinfo=timezone.utc).timestamp())
    m.add("Moved", user_id="alice", timestamp=moved, infer=False)
    (memory,) = m.get_all(filters={"created_at": {"lt": "2021-01-01"}})["results"]
    assert memory["created_at"].startswith("2020-05-01")


def test_get_get_all_and_search_items_have_mem0s_keys(m):
    key = first_id(m.add([{"role": "user", "content": "Likes tea", "name": "Al"}], user_id="a", infer=False))
    keys = {"id", "memory", "hash", "metadata", "created_at", "updated_at", "user_id", "actor_id", "role"}
    for item in (m.get(key), *m.get_all(user_id="a")["results"], *m.search("tea", user_id="a")["results"]):
        assert keys <= set(item)
        assert "run_id" not in item
