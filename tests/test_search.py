"""Search on a real file: both ways of finding, within the filter, cut at the score that is shown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem import Memory
from tinymem.recall.fuse import AFTER, ALONE, BEFORE, EARLIER, IN_TALK, score_one
from tinymem.recall.search import POOL_LEAST, Asked, candidates
from tinymem.store.filters import EVERYTHING, where
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids


def texts(found):
    return [item["memory"] for item in found["results"]]


@pytest.fixture
def shelf(memory):
    said = [
        "Likes green tea",
        "Drinks coffee in the morning",
        "Owns a green car",
        "喜欢喝绿茶",
        "Tea tea tea",
    ]
    for number, text in enumerate(said):
        memory.add(text, user_id="ana", metadata={"n": number}, infer=False)
    memory.add("Likes black tea", user_id="bob", infer=False)
    return memory


def test_results_come_best_first_with_scores_in_0_to_1(shelf):
    results = shelf.search("green tea", user_id="ana")["results"]
    assert results[0]["memory"] == "Likes green tea"
    assert json.loads(json.dumps(results)) == results
    scores = [item["score"] for item in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert set(results[0]) == {
        *(
            "id",
            "memory",
            "hash",
            "metadata",
            "categories",
            "created_at",
            "updated_at",
            "user_id",
            "role",
            "score",
        ),
    }


def test_the_threshold_applies_to_the_score_that_is_shown(shelf):
    results = shelf.search("green tea", user_id="ana", explain=True)["results"]
    for item in results:
        parts = item["score_details"]
        assert item["score"] == parts["final_score"] >= parts["semantic_score"]
        kept = shelf.search("green tea", user_id="ana", threshold=item["score"])["results"]
        assert [each["memory"] for each in kept] == [
            each["memory"] for each in results if each["score"] >= item["score"]
        ]
    assert shelf.search("green tea", user_id="ana", threshold=1)["results"] == []


def test_a_score_is_the_same_with_any_limit_filter_and_company(shelf):
    def score(query, **asked):
        return next(
            item["score"]
            for item in shelf.search(query, **asked)["results"]
            if item["metadata"].get("n") == 0
        )

    alone = score("green tea", user_id="ana", filters={"n": 0})
    assert score("green tea", user_id="ana") == score("green tea") == score("green tea", limit=1) == alone


class MilkLover(HashEmbedder):
    """Takes every query for one about milk and honey."""

    def embed(self, texts, *, kind="document"):
        return super().embed(["with milk and honey"] if kind == "query" else texts)


def test_a_score_is_the_same_with_any_limit_where_meaning_and_words_find_others(memory_factory):
    memory = memory_factory(embedder=MilkLover())
    said = [f"tea {n}" for n in range(300)] + [f"a pot of tea with milk and honey {n}" for n in range(300)]
    memory.add([{"role": "user", "content": text} for text in said], user_id="ana", infer=False)
    many = {item["id"]: item["score"] for item in memory.search("tea", limit=600)["results"]}
    for limit in (1, 10, 100):
        found = memory.search("tea", limit=limit)["results"]
        assert len(found) == limit
        assert all(item["score"] == many[item["id"]] for item in found)


def test_limit_and_top_k_cut_and_zero_is_nothing(shelf):
    every = texts(shelf.search("tea", user_id="ana"))
    assert (
        texts(shelf.search("tea", user_id="ana", limit=2))
        == texts(shelf.search("tea", user_id="ana", top_k=2))
        == every[:2]
    )
    assert texts(shelf.search("tea", limit=0)) == []


def test_one_hundred_results_are_the_default(memory):
    memory.add(
        [{"role": "user", "content": f"Tea number {n}"} for n in range(130)], user_id="ana", infer=False
    )
    assert len(texts(memory.search("tea", user_id="ana"))) == 100
    assert len(texts(memory.search("tea", user_id="ana", limit=1000))) == 130


def test_a_filtered_search_is_never_short_of_matches(memory):
    memory.add(
        [{"role": "user", "content": f"Likes green tea {n}"} for n in range(200)], user_id="ana", infer=False
    )
    memory.add(
        [{"role": "user", "content": f"Owns boat {n}"} for n in range(5)],
        user_id="ana",
        metadata={"rare": True},
        infer=False,
    )
    found = memory.search("green tea", user_id="ana", limit=5, filters={"rare": True})
    assert sorted(texts(found)) == [f"Owns boat {n}" for n in range(5)]
    assert (
        len(texts(memory.search("green tea", user_id="ana", limit=3, filters={"metadata": {"rare": True}})))
        == 3
    )


class Blind(HashEmbedder):
    """Sees no likeness between any query and any document."""

    def embed(self, texts, *, kind="document"):
        rows = super().embed(["same"] * len(texts))
        return rows if kind == "document" else -rows


def test_words_alone_are_enough_to_be_found(memory_factory):
    memory = memory_factory(embedder=Blind())
    memory.add("The door code is 4711", user_id="ana", infer=False)
    memory.add("Likes tea", user_id="ana", infer=False)
    best = memory.search("4711", user_id="ana", explain=True)["results"][0]
    assert best["memory"] == "The door code is 4711"
    assert best["score_details"]["semantic_score"] == 0 < best["score_details"]["keyword_score"]


def test_meaning_alone_is_enough_to_be_found(shelf):
    class Same(HashEmbedder):
        def embed(self, texts, *, kind="document"):
            return super().embed(["Likes green tea" if text == "¿¡" else text for text in texts], kind=kind)

    shelf._embedder = Same()
    best = shelf.search("¿¡", user_id="ana", explain=True)["results"][0]
    assert (best["memory"], best["score_details"]["keyword_score"]) == ("Likes green tea", 0)
    assert best["score"] == pytest.approx(1)


def test_a_file_of_another_embedder_is_searched_by_words_and_never_mixed(memory_factory):
    with memory_factory(new_id=counting_ids()) as first:
        first.add("Likes green tea", user_id="ana", infer=False)
    other = memory_factory(embedder=HashEmbedder(32), new_id=counting_ids("other-"))
    other.add("Owns a green car", user_id="ana", infer=False)
    other.add("Skis in winter", user_id="ana", infer=False)
    found = other.search("green", user_id="ana", explain=True)["results"]
    assert {item["memory"] for item in found} == {"Likes green tea", "Owns a green car"}
    assert {item["score_details"]["semantic_score"] for item in found} == {0}
    other.update("other-1", metadata={"a": 1})
    other.update("id-1", text="Likes black coffee")
    assert texts(other.search("coffee")) == ["Likes black coffee"]
    other.close()
    back = memory_factory(new_id=counting_ids("back-"))
    assert texts(back.search("coffee", user_id="ana"))[0] == "Likes black coffee"
    back.add("Likes green tea", user_id="ana", infer=False)
    found = back.search("green tea", user_id="ana", explain=True)["results"]
    assert found[0]["memory"] == "Likes green tea"
    assert found[0]["score_details"]["semantic_score"] > 0.8
    assert {item["memory"] for item in found} == {"Likes green tea", "Owns a green car"}
    back.repair()
    assert len(back.search("green tea", user_id="ana")["results"]) == back.count(user_id="ana")


@pytest.mark.parametrize("query", ["wi-fi", "the wi-fi, or what?", "绿茶", "O'Brien", "not or and", "C++"])
def test_the_words_of_a_query_are_asked_as_they_are(memory, query):
    said = [
        "Has wi-fi at home",
        "Has wifi",
        "喜欢喝绿茶",
        "Knows O'Brien",
        "Is not here or there",
        "Writes C++",
    ]
    memory.add([{"role": "user", "content": text} for text in said], user_id="ana", infer=False)
    matching = dict(memory._store.keyword_matches(query, EVERYTHING, 10))
    found = memory.search(query, explain=True)["results"]
    assert matching
    assert sum(item["score_details"]["keyword_score"] > 0 for item in found) == len(matching)
    assert max(item["score_details"]["keyword_score"] for item in found) == pytest.approx(
        score_one(1, None, max(matching.values()), around=0.0).keyword
    )


def test_searching_an_empty_file_and_an_empty_scope_finds_nothing(memory):
    assert memory.search("tea") == {"results": []}
    memory.add("Likes tea", user_id="ana", infer=False)
    assert memory.search("tea", user_id="bob") == {"results": []}
    assert memory.search("tea", filters={"created_at": {"gte": "2026-07-20", "lte": "2026-07-10"}}) == {
        "results": []
    }


words = st.sampled_from(["tea", "green", "car", "dog", "rome", "likes"])
phrases = st.lists(words, min_size=1, max_size=4).map(" ".join)
EMBEDDER = HashEmbedder()


def cosine(one: str, other: str) -> float:
    return float((EMBEDDER.embed([one]) @ EMBEDDER.embed([other]).T)[0, 0])


@settings(max_examples=20, deadline=None)
@given(st.lists(phrases, max_size=15), phrases, st.integers(1, 6))
def test_every_score_of_a_fact_is_that_of_its_parts_and_a_limit_only_cuts(said, query, limit):
    with Memory(":memory:", embedder=EMBEDDER, clock=FrozenClock()) as memory:
        memory.add_many(said, user_id="ana")
        every = memory.search(query, explain=True)["results"]
        assert sorted(item["memory"] for item in every) == sorted(said)
        for item in every:
            parts = item["score_details"]
            semantic = score_one(1, cosine(query, item["memory"]), None).score
            assert parts["semantic_score"] == pytest.approx(semantic, abs=1e-5)
            assert (parts["keyword_score"] > 0) == bool(set(query.split()) & set(item["memory"].split()))
            assert parts["context_score"] == parts["speaker_score"] == 0
            assert parts["final_score"] == pytest.approx(rescored(parts, alone=True))
        assert memory.search(query, explain=True, limit=limit)["results"] == every[:limit]


def rescored(parts: dict[str, float], *, alone: bool) -> float:
    """Return the score that the parts of an explained one make."""
    keyword, half = parts["keyword_score"], (ALONE if alone else IN_TALK)[0]
    around, spoken = None if alone else parts["context_score"], bool(parts["speaker_score"])
    bm25 = half * keyword / (1 - keyword)
    return score_one(1, parts["semantic_score"], bm25, around=around, spoken=spoken).score


@settings(max_examples=20, deadline=None)
@given(st.lists(phrases, min_size=1, max_size=12), phrases, st.integers(1, 6))
def test_every_score_of_a_message_counts_what_stands_around_it_and_who_said_it(said, query, limit):
    messages = [
        {"role": "user", "content": f"{text} {place}", "name": ("Ana", "Bo")[place % 2]}
        for place, text in enumerate(said)
    ]
    texts = [message["content"] for message in messages]
    with Memory(":memory:", embedder=EMBEDDER, clock=FrozenClock()) as memory:
        memory.add(messages, user_id="u", infer=False)
        every = memory.search(f"Ana {query}", explain=True)["results"]
        assert sorted(item["memory"] for item in every) == sorted(texts)
        likeness = [max(0.0, cosine(query, text)) for text in texts]
        for item in every:
            parts, place = item["score_details"], texts.index(item["memory"])
            around = {place - 1: BEFORE, place - 2: EARLIER, place + 1: AFTER}
            near = {each: weight for each, weight in around.items() if 0 <= each < len(texts)}
            expected = sum(weight * likeness[each] for each, weight in near.items())
            assert parts["semantic_score"] == pytest.approx(likeness[place], abs=1e-5)
            assert parts["context_score"] == pytest.approx(expected, abs=1e-5)
            assert parts["speaker_score"] == (item["actor_id"] == "Ana")
            heard = {word for each in (place, *near) for word in texts[each].split()}
            assert (parts["keyword_score"] > 0) == bool(set(query.split()) & heard)
            assert parts["final_score"] == item["score"] == pytest.approx(rescored(parts, alone=not near))
        assert memory.search(f"Ana {query}", explain=True, limit=limit)["results"] == every[:limit]


def test_what_stands_around_a_find_is_a_candidate_too_if_it_meets_the_filter(memory):
    memory.add_many([f"tea {number}" for number in range(200)], user_id="ana")
    for text in ("tea", "lapsang", "smoke"):
        memory.add(text, user_id="ana", run_id="r", metadata={text: 1}, infer=False)
    asked = Asked("tea", memory._query_vector("tea"))
    first, answer = memory._store.around([202])[202].before, 202
    alone = {row for row, _ in memory._store.keyword_matches("tea", EVERYTHING, POOL_LEAST)}
    alone |= {row for row, _ in memory._store.nearest(asked.vector, EVERYTHING, POOL_LEAST)}
    assert first in alone
    assert answer not in alone
    rows = {one.rowid: one for one in candidates(memory._store, asked, EVERYTHING, 1)}
    assert {*alone, answer} == rows.keys()
    assert rows[answer].around > 0 < rows[answer].keyword
    others = where({"NOT": {"metadata": {"lapsang": 1}}})
    assert answer not in {one.rowid for one in candidates(memory._store, asked, others, 1)}
