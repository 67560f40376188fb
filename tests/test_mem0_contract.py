"""What mem0's users rely on, called the way they call it: both generations of the API, one test a behaviour.

S-numbers are those of the list of mem0's behaviours that this library was written against.
"""

import hashlib
from datetime import datetime, timedelta, timezone

import pytest

import tinymem
from tinymem import Mem0ValidationError, MemoryNotFoundError, ValidationError
from tinymem.testing import FrozenClock, ScriptedLlm


@pytest.fixture
def m(memory):
    return memory


TALK = [
    {"role": "user", "content": "Likes Italian food"},
    {"role": "assistant", "content": "Noted!"},
    {"role": "user", "content": "Works at Acme"},
]


def test_s1_add_takes_a_text_a_message_or_a_list(m):
    for messages in ("Drinks tea", {"role": "user", "content": "Has a dog"}, TALK):
        result = m.add(messages, user_id="alice")
        assert all(set(each) >= {"id", "memory", "event"} for each in result["results"])
    assert m.count(user_id="alice") == 4
    for wrong in (5, None, b"text", [5], [["user", "x"]], [{"content": "x"}], [], ""):
        with pytest.raises(ValidationError):
            m.add(wrong, user_id="alice")


def test_s2_infer_extracts_resolves_and_stores(m):
    m.add("Eats chicken", user_id="alice")
    (update,) = m.add("Eats no meat", user_id="alice")["results"]
    assert (update["event"], update["previous_memory"]) == ("UPDATE", "Eats chicken")


def test_s3_infer_false_stores_raw_and_does_not_dedupe(m):
    for _ in range(2):
        result = m.add(
            [{"role": "system", "content": "rules"}, {"role": "user", "content": "Likes tea"}],
            user_id="a",
            infer=False,
        )
        assert set(result["results"][0]) == {"id", "memory", "event", "actor_id", "role"}
    assert [each["memory"] for each in m.get_all(user_id="a")["results"]] == ["Likes tea"] * 2


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


def test_s6_the_ids_that_add_returns_are_those_that_get_knows(m):
    for result in m.add(TALK, user_id="alice")["results"]:
        memory = m.get(result["id"])
        assert memory["memory"] == result["memory"]
        assert memory["hash"] == hashlib.md5(result["memory"].encode()).hexdigest()


def test_s7_the_same_thing_twice_stays_one_memory(m):
    m.add("Likes tea", user_id="alice")
    assert m.add("Likes tea", user_id="alice")["results"] == []
    assert m.count(user_id="alice") == 1


def test_s8_s31_arguments_of_other_versions_are_accepted_where_mem0_has_them(m):
    m.add(
        "Likes tea", user_id="alice", enable_graph=True, version="v2", async_mode=False, output_format="v1.1"
    )
    assert m.search("tea", user_id="alice", enable_graph=False, rerank=True, version="v2")["results"]
    assert isinstance(m.search("tea", user_id="alice", output_format="v1.0"), list)
    assert m.get_all(user_id="alice", enable_graph=True, version="v2")["results"]
    assert isinstance(m.get_all(user_id="alice", output_format="v1.0"), list)
    for misspelt in (
        lambda: m.add("x", userid="alice"),
        lambda: m.search("x", topk=5),
        lambda: m.get_all(user="alice"),
    ):
        with pytest.raises(TypeError):
            misspelt()


@pytest.mark.parametrize("ids", [{"agent_id": "bot"}, {"user_id": "u"}, {"run_id": "r"}])
def test_s10_s11_procedural_memory_works_under_any_id_and_follows_the_prompt(memory_factory, ids):
    llm = ScriptedLlm(["1. Did it."])
    m = memory_factory(llm=llm)
    result = m.add(TALK, memory_type="procedural_memory", prompt="Number the steps.", infer=False, **ids)
    assert [each["memory"] for each in result["results"]] == ["1. Did it."]
    assert m.get_all(**ids)["results"][0]["memory_type"] == "procedural_memory"
    with pytest.raises(ValueError, match="procedural_memory"):
        m.add(TALK, memory_type="semantic", **ids)


def test_s12_s13_search_in_both_styles_returns_scores_and_metadata(m):
    m.add("Likes Italian food", user_id="alice", metadata={"k": 1}, infer=False)
    m.add("Likes Thai food", user_id="bob", infer=False)
    version_1 = m.search("What food?", user_id="alice", limit=5, threshold=None, rerank=True)
    version_2 = m.search("What food?", filters={"user_id": "alice"}, top_k=5, threshold=0.0, rerank=False)
    assert version_1 == version_2
    (hit,) = version_1["results"]
    assert 0 < hit["score"] <= 1
    assert hit["metadata"] == {"k": 1}
    details = m.search("food", filters={"user_id": "alice"}, explain=True)["results"][0]["score_details"]
    assert {"semantic_score", "keyword_score", "final_score"} == set(details)


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


def test_s14_s15_update_in_every_style_and_its_history(m):
    key = m.add("Likes tea", user_id="alice", metadata={"a": 1}, infer=False)["results"][0]["id"]
    assert m.update(memory_id=key, data="Likes green tea")["message"] == "Memory updated successfully!"
    m.update(key, text="Likes matcha")
    m.update(key, metadata={"b": 2})
    memory = m.get(key)
    assert (memory["memory"], memory["metadata"], memory["user_id"]) == (
        "Likes matcha",
        {"a": 1, "b": 2},
        "alice",
    )
    assert [row["new_memory"] for row in m.history(key)] == [
        *("Likes tea", "Likes green tea", "Likes matcha", "Likes matcha"),
    ]
    with pytest.raises(ValueError, match="nothing to change"):
        m.update(key)


def test_s16_delete_and_what_it_says_of_an_unknown_id(m):
    key = m.add("Likes tea", user_id="alice", infer=False)["results"][0]["id"]
    assert m.delete(memory_id=key)["message"] == "Memory deleted successfully!"
    assert m.get(key) is None
    with pytest.raises(ValueError, match=key):
        m.delete(memory_id=key)


def test_s17_delete_all_of_one_id_leaves_the_others_and_without_any_is_refused(m):
    for user in ("alice", "bob"):
        m.add(
            [{"role": "user", "content": f"Fact {n} of {user}"} for n in range(150)],
            user_id=user,
            infer=False,
        )
    assert m.delete_all(user_id="alice")["message"] == "Memories deleted successfully!"
    assert (m.count(user_id="alice"), m.count(user_id="bob")) == (0, 150)
    with pytest.raises(ValueError, match="reset"):
        m.delete_all()


def test_s18_a_delete_takes_the_memory_its_vector_and_its_words_at_once(m):
    key = m.add("Likes tea", user_id="alice", infer=False)["results"][0]["id"]
    m.delete(key)
    assert m.search("Likes tea")["results"] == []
    assert m.check() == []


def test_s19_search_and_get_all_without_an_id_read_the_whole_file(m):
    m.add("Likes tea", user_id="alice", infer=False)
    m.add("Likes tea", agent_id="bot", infer=False)
    assert len(m.get_all()["results"]) == len(m.search("tea")["results"]) == 2


def test_s21_labels_of_memory_types_live_in_metadata(m):
    m.add("Met Bob", user_id="alice", metadata={"type": "episodic"}, infer=False)
    m.add("Paris is in France", user_id="alice", metadata={"type": "semantic"}, infer=False)
    assert [each["memory"] for each in m.get_all(filters={"type": "episodic"})["results"]] == ["Met Bob"]


def test_s23_history_rows_have_event_and_action_and_times(m):
    key = m.add("Likes tea", user_id="alice", infer=False)["results"][0]["id"]
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


def test_s25_errors_have_mem0s_names_and_are_value_errors_where_mem0_raised_those():
    assert tinymem.Mem0ValidationError is ValidationError
    assert issubclass(ValidationError, ValueError)
    assert issubclass(MemoryNotFoundError, ValueError)


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
    assert m.delete_all(user_id="alice", filters={"created_at": {"lt": cutoff}})["deleted"] == 1
    assert [each["memory"] for each in m.get_all(user_id="alice")["results"]] == ["Fresh news"]


def test_s27_s28_s29_who_leads_depends_on_the_ids(m):
    m.add(TALK, user_id="alice")
    assert {each["memory"] for each in m.get_all(user_id="alice")["results"]} == {
        "Likes Italian food",
        "Works at Acme",
    }
    m.add(TALK, agent_id="bot")
    assert [each["memory"] for each in m.get_all(agent_id="bot")["results"]] == ["Noted!"]
    m.add(TALK, user_id="bob", agent_id="guide")
    both = m.get_all(user_id="bob", agent_id="guide")["results"]
    assert {(each["memory"], each.get("user_id"), each.get("agent_id")) for each in both} == {
        ("Likes Italian food", "bob", None),
        ("Works at Acme", "bob", None),
        ("Noted!", None, "guide"),
    }


def test_s30_a_run_is_a_session_of_its_own(m):
    m.add("Likes tea", user_id="alice", run_id="monday")
    m.add("Likes coffee", user_id="alice", run_id="tuesday")
    assert [each["memory"] for each in m.get_all(user_id="alice", run_id="monday")["results"]] == [
        "Likes tea"
    ]
    assert m.count(user_id="alice") == 2
    assert m.delete_all(run_id="monday")["deleted"] == 1


def test_s33_s34_s35_s38_the_platforms_nested_filters(m):
    for number, (user, run) in enumerate([("alice", "r1"), ("alice", None), ("bob", "r1")]):
        m.add(
            f"Fact {number} Café",
            user_id=user,
            run_id=run,
            metadata={"n": number},
            timestamp=f"2024-07-{10 + number}",
            infer=False,
        )

    def found(filters):
        return sorted(each["metadata"]["n"] for each in m.get_all(version="v2", filters=filters)["results"])

    july_11 = {"created_at": {"gte": "2024-07-11", "lte": "2024-07-11"}}
    assert found({"AND": [{"user_id": "alice"}, july_11]}) == [1]
    assert found({"OR": [{"user_id": "bob"}, {"n": 0}]}) == [0, 2]
    assert found({"NOT": [{"user_id": "bob"}]}) == [0, 1]
    assert found({"NOT": {"run_id": "*"}}) == [1]
    assert found({"AND": [{"user_id": "*"}, {"run_id": "*"}]}) == [0, 2]
    assert found({"n": {"in": [0, 1]}, "user_id": {"ne": "bob"}}) == [0, 1]
    assert found({"n": {"gt": 0, "lte": 2}}) == found({"n": {"nin": [0]}}) == [1, 2]
    assert found({"text": {"contains": "Café"}}) == found({"text": {"icontains": "CAFÉ"}}) == [0, 1, 2]
    assert found({"keywords": {"contains": "Fact"}}) == found({"keywords": "fact café"}) == [0, 1, 2]
    assert m.search("fact", filters={"AND": [{"user_id": "alice"}, {"run_id": "r1"}]})["results"][0][
        "metadata"
    ] == {"n": 0}


def test_s36_an_impossible_range_is_empty(m):
    m.add("Likes tea", user_id="alice", infer=False)
    never = {"created_at": {"gte": "2024-07-20", "lte": "2024-07-10"}}
    assert m.get_all(user_id="alice", filters=never) == m.search("tea", filters=never) == {"results": []}


def test_s37_get_all_in_pages(m):
    m.add([{"role": "user", "content": f"Fact {n}"} for n in range(120)], user_id="alice", infer=False)
    first = m.get_all(user_id="alice", page=1)
    assert (first["count"], len(first["results"]), first["previous"], first["next"]) == (120, 100, None, 2)
    second = m.get_all(filters={"user_id": "alice"}, page=2, page_size=100)
    assert (len(second["results"]), second["next"]) == (20, None)
    assert len(m.get_all(user_id="alice")["results"]) == 120


def test_s39_s40_one_memory_evolves_under_one_id(m):
    key = m.add("Eats chicken", user_id="alice")["results"][0]["id"]
    m.add("Eats fish only", user_id="alice")
    m.add("Eats vegetarian", user_id="alice")
    assert [row["new_memory"] for row in m.history(key)] == [
        "Eats chicken",
        "Eats fish only",
        "Eats vegetarian",
    ]
    assert [each["id"] for each in m.get_all(user_id="alice")["results"]] == [key]


def test_expired_memories_are_hidden_but_gettable(m):
    key = m.add("Has a pass", user_id="alice", expiration_date="2026-01-09", infer=False)["results"][0]["id"]
    assert m.get_all(user_id="alice")["results"] == []
    assert m.get_all(user_id="alice", show_expired=True)["results"][0]["expiration_date"] == "2026-01-09"
    assert m.get(key)["memory"] == "Has a pass"
    m.update(key, expiration_date=None)
    assert m.count(user_id="alice") == 1


def test_timestamp_backdates_created_at(m):
    m.add(
        "Moved",
        user_id="alice",
        timestamp=int(datetime(2020, 5, 1, tzinfo=timezone.utc).timestamp()),
        infer=False,
    )
    assert m.get_all(filters={"created_at": {"lt": "2021-01-01"}})["results"][0]["created_at"].startswith(
        "2020-05-01"
    )


def test_get_and_get_all_items_have_mem0s_keys(m):
    key = m.add([{"role": "user", "content": "Likes tea", "name": "Al"}], user_id="a", infer=False)[
        "results"
    ][0]["id"]
    for item in (
        m.get(key),
        m.get_all(user_id="a")["results"][0],
        m.search("tea", user_id="a")["results"][0],
    ):
        assert {
            "id",
            "memory",
            "hash",
            "metadata",
            "created_at",
            "updated_at",
            "user_id",
            "actor_id",
            "role",
        } <= set(item)
        assert "run_id" not in item
