"""What mem0's users know from its hosted platform, here in a file: one test for each behaviour.

S-numbers as in `test_mem0_contract.py`. At the end stands what holds for all of them: every number has one
test, and the README speaks of it.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

import tinymem
from tinymem import BusyError, MemoryNotFoundError, ValidationError

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
DIFFERENCES = README.split("## What differs from mem0")[1].split("\n## ")[0]
FOOD_TALK = [
    {"role": "user", "content": "I'm looking for a place to eat on Friday."},
    {"role": "assistant", "content": "I could book a table for you. Do you like Indian food?"},
    {"role": "user", "content": "No, I don't."},
]


@pytest.fixture
def m(memory):
    return memory


@pytest.fixture
def real(memory_factory):
    """Return a Memory as users have it, with the models that ship."""
    return memory_factory(embedder=None, extractor=None, reconciler=None)


@pytest.fixture
def three(m):
    """Return a Memory of three facts: Alice's in run r1, Alice's outside of any run, Bob's in run r1."""
    for number, (user, run) in enumerate([("alice", "r1"), ("alice", None), ("bob", "r1")]):
        m.add(
            f"Fact {number} Café",
            user_id=user,
            run_id=run,
            app_id="shop" if user == "alice" else None,
            metadata={"n": number, "tags": ["a", f"t{number}"]},
            timestamp=f"2024-07-{10 + number}",
            infer=False,
        )
    return m


def texts(answer):
    return [item["memory"] for item in answer["results"]]


def numbers(memory, filters):
    """Return which of the three facts a filter selects, by listing and by searching."""
    listed = memory.get_all(version="v2", filters=filters)["results"]
    found = memory.search("fact", filters=filters)["results"]
    assert sorted(each["id"] for each in listed) == sorted(each["id"] for each in found)
    return sorted(each["metadata"]["n"] for each in listed)


def test_s22_batches_are_all_or_nothing(m):
    keys = [m.add(text, user_id="alice", infer=False)["results"][0]["id"] for text in ("Likes tea", "Runs")]
    m.batch_update(
        [
            {"memory_id": keys[0], "text": "Likes green tea"},
            {"memory_id": keys[1], "text": "Runs daily", "metadata": {"topic": "sports"}},
        ]
    )
    assert sorted(texts(m.get_all())) == ["Likes green tea", "Runs daily"]
    assert m.get(keys[1])["metadata"] == {"topic": "sports"}
    for batch in (
        lambda: m.batch_update([{"memory_id": keys[0], "text": "x"}, {"memory_id": "gone", "text": "y"}]),
        lambda: m.batch_delete([{"memory_id": keys[0]}, {"memory_id": "gone"}]),
    ):
        with pytest.raises(MemoryNotFoundError, match="gone"):
            batch()
    assert sorted(texts(m.get_all())) == ["Likes green tea", "Runs daily"]
    assert m.batch_delete([{"memory_id": key} for key in keys])["deleted"] == 2
    assert m.get_all() == {"results": []}


def test_s25_errors_have_mem0s_names_where_the_situation_exists_here():
    assert tinymem.Mem0ValidationError is ValidationError
    assert tinymem.RateLimitError is BusyError
    for raised_as_value_error in (ValidationError, MemoryNotFoundError):
        assert issubclass(raised_as_value_error, ValueError)
    for name in ("AuthenticationError", "MemoryQuotaExceededError", "RateLimitError"):
        assert issubclass(getattr(tinymem, name), tinymem.TinymemError)
    assert "| NetworkError |" in DIFFERENCES
    assert not hasattr(tinymem, "NetworkError")


def test_s27_with_a_user_id_the_user_leads_and_the_assistant_gives_context(real):
    real.add(FOOD_TALK, user_id="alice")
    kept = texts(real.get_all(user_id="alice"))
    assert "Does not like Indian food" in kept
    assert not any("book" in text for text in kept)


def test_s28_with_an_agent_id_the_assistant_leads_and_other_turns_are_not_stored(real):
    talk = [
        {"role": "user", "content": "I live in Lisbon. Who are you?"},
        {"role": "assistant", "content": "My name is Nova. I always answer in rhymes."},
    ]
    real.add(talk, agent_id="nova")
    assert sorted(texts(real.get_all(agent_id="nova"))) == ["Always answers in rhymes", "Name is Nova"]
    assert real.count() == 2


def test_s29_with_both_ids_there_are_two_sets_each_tagged_with_its_own(real):
    talk = [
        {"role": "user", "content": "My name is Bob."},
        {"role": "assistant", "content": "Hi Bob! I always answer in rhymes."},
    ]
    real.add(talk, user_id="bob", agent_id="guide")
    both = real.get_all(user_id="bob", agent_id="guide")["results"]
    assert {(each.get("user_id"), each.get("agent_id")) for each in both} == {("bob", None), (None, "guide")}
    assert texts(real.get_all(agent_id="guide")) == ["Always answers in rhymes"]


def test_s30_a_run_is_a_session_of_its_own(m):
    m.add("Likes tea", user_id="alice", run_id="monday")
    m.add("Likes coffee", user_id="alice", run_id="tuesday")
    assert texts(m.get_all(user_id="alice", run_id="monday")) == ["Likes tea"]
    assert m.count(user_id="alice") == 2
    assert m.delete_all(run_id="monday")["deleted"] == 1


def test_s31_output_formats_and_other_arguments_of_either_version_are_accepted(m):
    (bare,) = m.add("Likes tea", user_id="alice", output_format="v1.0", version="v2", async_mode=False)
    assert bare["event"] == "ADD"
    assert set(m.add("Has a dog", user_id="alice", output_format="v1.1")) == {"results", "commit_id"}
    for listing in (m.get_all, lambda **asked: m.search("tea", **asked)):
        assert isinstance(listing(user_id="alice", output_format="v1.0"), list)
        assert set(listing(user_id="alice", output_format="v1.1", version="v1")) == {"results"}
        with pytest.raises(ValidationError, match="output_format"):
            listing(user_id="alice", output_format="v3")
    for misspelt in (
        lambda: m.add("x", userid="alice"),
        lambda: m.search("x", topk=5),
        lambda: m.get_all(user="alice"),
    ):
        with pytest.raises(TypeError):
            misspelt()


def test_s32_search_by_categories_and_metadata(real):
    real.add("Is allergic to nuts", user_id="alice", metadata={"from": "form"}, infer=False)
    real.add("Plays tennis on Sundays", user_id="alice", metadata={"from": "chat"}, infer=False)
    assert texts(real.search("what?", user_id="alice", categories=["sports"])) == ["Plays tennis on Sundays"]
    assert texts(real.search("what?", user_id="alice", metadata={"from": "form"})) == ["Is allergic to nuts"]
    assert texts(real.search("what?", categories=["sports"], metadata={"from": "form"})) == []
    (tennis,) = real.get_all(categories=["sports"])["results"]
    assert tennis["categories"] == ["sports"]


@pytest.mark.parametrize(
    ("filters", "selected"),
    [
        ({"AND": [{"user_id": "alice"}, {"run_id": "r1"}]}, [0]),
        ({"AND": [{"user_id": "alice"}, {"created_at": {"gte": "2024-07-11", "lte": "2024-07-11"}}]}, [1]),
        ({"OR": [{"user_id": "bob"}, {"n": 0}]}, [0, 2]),
        ({"AND": [{"OR": [{"run_id": "r1"}, {"app_id": "shop"}]}, {"NOT": [{"user_id": "bob"}]}]}, [0, 1]),
        ({"AND": [{"user_id": "alice"}], "OR": [{"n": 1}, {"n": 2}]}, [1]),
        ({"app_id": "shop", "agent_id": None}, [0, 1]),
        ({"updated_at": {"lt": "2024-07-12"}}, [0, 1]),
        ({"metadata": {"n": 2}}, [2]),
        ({"keywords": {"contains": "Fact"}}, [0, 1, 2]),
        ({"keywords": "café fact", "categories": None}, [0, 1, 2]),
    ],
)
def test_s33_filters_nest_and_know_the_platforms_fields(three, filters, selected):
    assert numbers(three, filters) == selected


@pytest.mark.parametrize(
    ("filters", "selected"),
    [
        ({"n": {"in": [0, 1]}}, [0, 1]),
        ({"n": {"gte": 1}}, [1, 2]),
        ({"n": {"lte": 1}}, [0, 1]),
        ({"n": {"gt": 0, "lt": 2}}, [1]),
        ({"n": {"ne": 1}}, [0, 2]),
        ({"tags": {"contains": "t2"}}, [2]),
        ({"text": {"contains": "CAFÉ"}}, []),
        ({"text": {"icontains": "CAFÉ"}}, [0, 1, 2]),
        ({"run_id": "*"}, [0, 2]),
        ({"n": {"eq": 1}}, [1]),
        ({"n": {"nin": [0]}}, [1, 2]),
        ({"user_id": {"ne": "bob"}, "run_id": {"ne": "r1"}}, [1]),
    ],
)
def test_s34_every_operator_works_in_search_and_in_get_all(three, filters, selected):
    assert numbers(three, filters) == selected
    with pytest.raises(ValidationError, match="between"):
        three.get_all(filters={"n": {"between": [0, 1]}})


def test_s35_a_not_alone_needs_no_id(three):
    assert numbers(three, {"NOT": [{"user_id": "bob"}]}) == [0, 1]
    assert numbers(three, {"NOT": {"user_id": "alice"}}) == [2]
    assert numbers(three, {"NOT": [{"n": 0}, {"n": 1}]}) == [2]


def test_s36_an_impossible_range_is_empty(m):
    m.add("Likes tea", user_id="alice", infer=False)
    never = {"created_at": {"gte": "2024-07-20", "lte": "2024-07-10"}}
    assert m.get_all(user_id="alice", filters=never) == m.search("tea", filters=never) == {"results": []}


def test_s37_get_all_in_pages_by_categories_and_keywords(real):
    real.add([{"role": "user", "content": f"Fact {n}"} for n in range(120)], user_id="alice", infer=False)
    first = real.get_all(user_id="alice", page=1)
    assert (first["count"], len(first["results"]), first["previous"], first["next"]) == (120, 100, None, 2)
    second = real.get_all(filters={"user_id": "alice"}, page=2, page_size=100)
    assert (len(second["results"]), second["previous"], second["next"]) == (20, 1, None)
    assert len(real.get_all(user_id="alice")["results"]) == 120
    assert texts(real.get_all(user_id="alice", keywords="fact 7")) == ["Fact 7"]
    real.add("Plays tennis on Sundays", user_id="bob", infer=False)
    assert real.get_all(user_id="bob", categories=["sports"], page=1, page_size=5)["count"] == 1


def test_s38_a_star_is_any_run_but_none(three):
    assert numbers(three, {"AND": [{"user_id": "*"}, {"run_id": "*"}]}) == [0, 2]
    assert numbers(three, {"NOT": {"run_id": "*"}}) == [1]
    assert numbers(three, {"agent_id": "*"}) == []


def test_s41_what_a_platform_has_around_a_library_is_named_as_absent_and_its_arguments_are_taken(m):
    m.add("Likes tea", user_id="alice", infer=False)
    plain = m.search("tea", user_id="alice")
    assert plain == m.search(
        *("tea",), user_id="alice", rerank=True, keyword_search=True, filter_memories=True, latest_only=True
    )
    for absent in ("dashboard", "webhooks", "create_memory_export", "get_summary", "chat"):
        assert absent in DIFFERENCES
        assert not hasattr(tinymem.MemoryClient, absent)


def test_expired_memories_are_hidden_but_gettable(m):
    key = m.add("Has a pass", user_id="alice", expiration_date="2026-01-09", infer=False)["results"][0]["id"]
    assert m.get_all(user_id="alice")["results"] == []
    assert m.get_all(user_id="alice", show_expired=True)["results"][0]["expiration_date"] == "2026-01-09"
    assert m.get(key)["memory"] == "Has a pass"
    m.update(key, expiration_date=None)
    assert m.count(user_id="alice") == 1


def test_archived_here_and_archived_as_mem0s_users_mark_it_are_told_apart(m):
    ours, theirs, _ = (
        m.add(text, user_id="alice", infer=False)["results"][0]["id"] for text in ("One", "Two", "Three")
    )
    m.archive(ours)
    m.update(theirs, metadata={"archived": True})
    assert sorted(texts(m.get_all())) == ["Three", "Two"]
    assert texts(m.get_all(filters={"archived": True}, show_archived=True)) == ["Two"]
    assert texts(m.get_all(filters={"is_archived": True}, show_archived=True)) == ["One"]


@pytest.mark.parametrize("word", ["AND", "OR", "NOT"])
def test_filters_nest_fifty_deep_and_not_five_thousand(three, word):
    filters = {"user_id": "bob"}
    for _ in range(50):
        filters = {word: [filters]}
    assert numbers(three, filters) == [2]
    for _ in range(4950):
        filters = {word: [filters]}
    with pytest.raises(ValidationError, match="nested more than"):
        three.get_all(filters=filters)


# -- all rows


def test_every_row_has_exactly_one_test():
    sources = [(HERE / name).read_text() for name in ("test_mem0_contract.py", Path(__file__).name)]
    found = Counter(
        int(number) for source in sources for number in re.findall(r"^def test_s(\d+)_", source, re.MULTILINE)
    )
    assert found == Counter(range(1, 44))


SAID = {
    1: "a text, a message or a conversation",
    2: "extracts facts",
    3: "`infer=False` stores messages word for word",
    4: "carry metadata",
    5: "`user_id`, `agent_id`, `run_id`, `app_id`",
    6: "results in mem0's shapes",
    7: "The same fact again changes nothing",
    8: "enable_graph",
    9: "find what is worth remembering",
    10: 'memory_type="procedural_memory"',
    11: "`prompt`, `custom_instructions`",
    12: "`limit` or `top_k`",
    13: "gives a score from 0 to 1",
    14: "`update(id, data=...)` or `text=...`",
    15: "the old text stays in `history`",
    16: "unknown id",
    17: "delete_all",
    18: "all of it in one transaction",
    19: "`search`, `get_all` without an id",
    20: "AsyncMemory",
    21: '"episodic", "semantic"',
    22: "`batch_update` and `batch_delete`",
    23: "`event`, `action`",
    24: "Mem0ValidationError",
    25: "RateLimitError",
    26: "`archive` hides a memory",
    27: "the user's statements count",
    28: "with `agent_id` the assistant's",
    29: "with both each under its own id",
    30: "belong to a session",
    31: "output_format",
    32: "`categories=[...]`",
    33: "`AND`, `OR` and `NOT`",
    34: "eq ne gt gte lt lte in nin contains icontains",
    35: "a `NOT` list means none of them",
    36: "An impossible range finds nothing",
    37: "asked for a page",
    38: '`"*"` for present',
    39: "supersedes",
    40: "completes another keeps its id",
    41: "dashboard",
    42: "claims of accuracy",
    43: "one file that threads and processes share",
}


def test_the_readme_speaks_of_every_row():
    readme = " ".join(README.split())
    assert sorted(SAID) == list(range(1, 44))
    assert [number for number, words in SAID.items() if words not in readme] == []
