"""The thresholds that `search` documents keep what answers, and drop most of what only happens to be there.

scripts/bench/recall finds them on hundreds of questions; a few stand for those here, asked of
the bundled embedder.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tinymem import Memory
from tinymem.engines.catalog import models_folder

pytestmark = pytest.mark.skipif(
    not (models_folder() / "minilm").is_dir(), reason="the bundled embedder is not built yet"
)

AMONG_FACTS, AMONG_MESSAGES = 0.25, 0.6

FACTS = {
    "What food is dangerous for me?": "Is allergic to peanuts",
    "when do I see the dentist": "Has a dentist appointment on Friday",
    "Where does my sister live?": "Sister Maya lives in Porto",
    "what is my job": "Works as a nurse in Leeds",
    "Which car do I drive?": "Drives a red Toyota Yaris",
    "instrument": "Plays the violin in an orchestra",
    "Where am I travelling next year?": "Plans to visit Tokyo next spring",
    "names of my dogs": "Has two greyhounds, Pip and Juno",
    "Which language am I studying?": "Is learning Portuguese",
    "what is broken in the flat": "Rents a flat with a broken dishwasher",
    "padlock code": "The storage unit's padlock is 7731",
    "Do I eat meat?": "Has been a vegetarian since 2019",
}
UNANSWERED = (
    *("what is my blood group", "capital of Burkina Faso", "write a haiku about rain on a tin roof"),
    *("prove that the square root of 2 is irrational", "asdf qwer zxcv", "http 502 bad gateway nginx"),
    *("who taught me chess", "def fibonacci(n): return n", "my bowling score", "GDP of Peru in 1987"),
)

TALK = (
    ("Ana", "Hey Bo! How was the weekend?"),
    ("Bo", "Great, we finally took the canoe out on the lake."),
    ("Ana", "Lovely! Did the kids come too?"),
    ("Bo", "Only Tim. Lena had a swimming contest and won silver."),
    ("Ana", "Silver, wow! I spent Saturday painting the kitchen."),
    ("Bo", "Which colour did you choose?"),
    ("Ana", "A dark green, like the old door."),
    ("Bo", "Nice. How is the new job at the museum?"),
    ("Ana", "Tiring, but I curate my own show in May, about Dutch maps."),
    ("Bo", "I'll come and see it!"),
    ("Ana", "You must. And your back, is it any better?"),
    ("Bo", "The physiotherapist says six more weeks."),
    ("Ana", "Poor you. What do you do all day?"),
    ("Bo", "I read. Just finished a book about beekeeping."),
    ("Ana", "Are you getting bees?"),
    ("Bo", "Two hives, in spring, if the neighbours agree."),
)
ABOUT_THE_TALK = {
    "What did Bo do on the lake?": 1,
    "What did Lena win?": 3,
    "Which colour did Ana paint the kitchen?": 6,
    "What is Ana's show at the museum about?": 8,
    "How many hives does Bo want?": 15,
    "What did Bo read a book about?": 13,
}
ABOUT_OTHERS = (
    *("When did Carla move to Chicago?", "What kind of dog does Dmitri have?", "asdf qwer zxcv"),
    *("Why did Carla quit smoking?", "Which team does Dmitri support?", "capital of Burkina Faso"),
    *("How much was Carla's wedding dress?", "Where did Dmitri park the submarine?", "GDP of Peru in 1987"),
)


@pytest.fixture(scope="module")
def facts() -> Iterator[Memory]:
    with Memory(":memory:", categorize=False) as memory:
        memory.add_many(list(FACTS.values()), user_id="ana")
        yield memory


@pytest.fixture(scope="module")
def talk() -> Iterator[Memory]:
    with Memory(":memory:", categorize=False) as memory:
        messages = [{"role": "user", "name": name, "content": text} for name, text in TALK]
        memory.add(messages, user_id="ana", infer=False)
        yield memory


def found(memory: Memory, query: str, threshold: float | None = None) -> list[str]:
    results = memory.search(query, user_id="ana", threshold=threshold, top_k=10)["results"]
    return [item["memory"] for item in results]


def test_it_keeps_right_answers_among_facts_and_drops_most_that_answers_nothing(facts: Memory) -> None:
    kept = [text in found(facts, query, AMONG_FACTS) for query, text in FACTS.items()]
    assert sum(kept) >= 0.95 * len(kept) - 1
    left = sum(len(found(facts, query, AMONG_FACTS)) for query in UNANSWERED)
    assert left < 0.5 * sum(len(found(facts, query)) for query in UNANSWERED)


def test_it_keeps_right_answers_among_messages_and_drops_most_that_answers_nothing(talk: Memory) -> None:
    kept = [TALK[place][1] in found(talk, query, AMONG_MESSAGES) for query, place in ABOUT_THE_TALK.items()]
    assert sum(kept) >= 0.95 * len(kept) - 1
    left = sum(len(found(talk, query, AMONG_MESSAGES)) for query in ABOUT_OTHERS)
    assert left < 0.5 * sum(len(found(talk, query)) for query in ABOUT_OTHERS)


def test_the_default_hides_nothing(facts: Memory, talk: Memory) -> None:
    for query in (*UNANSWERED, *ABOUT_OTHERS):
        assert len(found(facts, query)) == len(found(talk, query)) == 10


def test_search_documents_them() -> None:
    documented = Memory.search.__doc__ or ""
    assert f"{AMONG_FACTS} " in documented
    assert f"{AMONG_MESSAGES} " in documented
