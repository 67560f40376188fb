"""The models that ship, end to end: what a new user gets from `Memory(path)` with nothing else."""

import pytest

from tinymem import Memory
from tinymem.engines.catalog import models_folder
from tinymem.testing import HashEmbedder

NEEDED = ("minilm", "memory/spotter", "memory/judge", "memory/writer")
pytestmark = pytest.mark.skipif(
    not all((models_folder() / name).is_dir() for name in NEEDED),
    reason="the bundled models are not built yet",
)


@pytest.fixture
def real(memory_factory):
    return memory_factory(embedder=None, extractor=None, reconciler=None)


def stored(memory, **asked):
    return {item["memory"] for item in memory.get_all(**asked)["results"]}


def test_a_statement_becomes_a_fact_and_is_found_by_meaning(real):
    added = real.add("I'm allergic to peanuts.", user_id="ana")["results"]
    assert [(item["event"], item["memory"]) for item in added] == [("ADD", "Is allergic to peanuts")]
    real.add("The printer is on the second floor", user_id="ana", infer=False)
    (best, *_) = real.search("which food must she avoid?", user_id="ana", explain=True)["results"]
    assert best["memory"] == "Is allergic to peanuts"
    assert best["score_details"]["keyword_score"] == 0 < best["score_details"]["semantic_score"]


def test_the_same_statement_again_and_a_question_change_nothing(real):
    real.add("I'm allergic to peanuts.", user_id="ana")
    for said in (
        "I'm allergic to peanuts.",
        "I am allergic to peanuts!",
        "What time is it in Tokyo?",
        "ok thanks",
    ):
        assert real.add(said, user_id="ana")["results"] == []
    assert stored(real) == {"Is allergic to peanuts"}


def test_a_statement_that_is_taken_back_is_deleted_and_stays_in_history(real):
    key = real.add("I work at Acme as a nurse.", user_id="ana")["results"][0]["id"]
    (gone,) = real.add("I don't work at Acme any more.", user_id="ana")["results"]
    assert (gone["id"], gone["event"] in ("DELETE", "UPDATE")) == (key, True)
    assert real.history(key)[0]["new_memory"] == "Works at Acme as a nurse"
    assert "Works at Acme as a nurse" not in stored(real)


def test_what_the_user_asks_to_forget_is_deleted_and_nothing_else(real):
    for said in ("I live in Leeds.", "My phone number is 0176 5554410.", "I'm allergic to nuts."):
        real.add(said, user_id="ana")
    before = stored(real)
    (gone,) = real.add("Could you forget my phone number please?", user_id="ana")["results"]
    assert (gone["event"], "5554410" in gone["memory"]) == ("DELETE", True)
    assert stored(real) == before - {gone["memory"]}
    for said in ("forget it", "Don't forget that I live in Leeds"):
        real.add(said, user_id="ana")
    assert stored(real) == before - {gone["memory"]}


def test_user_and_agent_are_understood_and_kept_apart(real):
    talk = [
        {"role": "user", "content": "My name is Bob."},
        {"role": "assistant", "content": "Hi Bob! I always answer in rhymes."},
    ]
    real.add(talk, user_id="bob", agent_id="iris")
    assert all("Bob" in text for text in stored(real, user_id="bob"))
    assert len(stored(real, user_id="bob")) == 1
    assert stored(real, agent_id="iris") == {"Always answers in rhymes"}


def test_a_file_written_with_hashed_words_is_not_mixed_with_real_vectors(memory_factory):
    with memory_factory("mixed.db") as fake:
        fake.add("Likes green tea", user_id="ana", infer=False)
        identity = fake.stats()["embedder"]
    with memory_factory("mixed.db", embedder=None) as real:
        real.add("Drinks black tea", user_id="ana", infer=False)
        assert {item["memory"] for item in real.search("tea", user_id="ana")["results"]} == {
            "Likes green tea",
            "Drinks black tea",
        }
        assert real.stats()["embedder"] == identity == dict(HashEmbedder().identity)
    with memory_factory("mixed.db") as fake:
        assert fake.repair()  # what the other one wrote without a vector


def test_nothing_is_loaded_before_it_is_needed(tmp_path):
    with Memory(tmp_path / "x.db") as memory:
        assert memory.get_all() == {"results": []}
        assert memory._extractor is memory._reconciler is None


def test_a_move_supersedes_the_old_home_and_keeps_its_history(real):
    real.add("I live in Rome.", user_id="ana")
    real.add("I moved to Oslo last month.", user_id="ana")
    (item,) = real.get_all(user_id="ana")["results"]
    assert item["memory"] == "Moved to Oslo last month"
    assert [row["event"] for row in real.history(item["id"])] == ["ADD", "UPDATE"]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("I love ramen.", "I hate ramen.", "Hates ramen"),
        ("I prefer tea to coffee", "I prefer coffee to tea", "Prefers coffee to tea"),
        ("I'm allergic to nuts.", "I'm not allergic to nuts.", "Is not allergic to nuts"),
    ],
)
def test_the_opposite_is_never_taken_for_a_repetition(real, before, after, left):
    real.add(before, user_id="ana")
    real.add(after, user_id="ana")
    assert stored(real) == {left}


def test_within_one_conversation_what_was_said_last_stands(real):
    talk = [
        {"role": "user", "content": "I live in Rome and I love ramen."},
        {"role": "assistant", "content": "Nice."},
        {
            "role": "user",
            "content": "That was years ago though. I moved to Oslo last month, and I hate ramen.",
        },
    ]
    real.add(talk, user_id="ana")
    assert stored(real) == {"Moved to Oslo last month", "Hates ramen"}


def test_another_word_in_the_same_place_is_not_lost(real):
    real.add("I'm vegan.", user_id="ana")
    real.add("I'm vegetarian.", user_id="ana")
    assert "Is vegetarian" in stored(real)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I have a dog.", {"Has a dog"}),
        ("I have a cat", {"Has a cat"}),
        ("I prefer tea to coffee.", {"Prefers tea to coffee"}),
        ("My favourite film is Heat", {"Favourite film is Heat"}),
        ("I need help with my essay", set()),
        ("I'm thinking of a number", set()),
        ("I have a question", set()),
        ("I have a headache today, what helps?", set()),
    ],
)
def test_a_lone_lasting_statement_is_kept_and_a_request_is_not(real, said, kept):
    real.add(said, user_id="ana")
    assert stored(real) == kept
