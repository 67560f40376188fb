"""Categories and topics: what the bundled embedder assigns, and what is computed when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.evaluate import categories as evaluation
from tests.test_categories import NAMES
from tinymem.config import build_embedder
from tinymem.engines.catalog import models_folder
from tinymem.errors import ValidationError
from tinymem.testing import HashEmbedder
from tinymem.types import Embedder, Vector
from tinymem.understand.categories import (
    REST,
    Category,
    default_categories,
    parse_definitions,
    parse_topics,
)
from tinymem.understand.categorize import (
    MOST_DIRECTIONS,
    MOST_SPACES,
    Categorizer,
    Space,
    Topics,
    best_cut,
    example_texts,
    learn,
    shipped_for,
)

bundled = pytest.mark.skipif(
    not (models_folder() / "minilm").is_dir(), reason="the bundled models are not built yet"
)


class Knowing:
    """An embedder that knows what the examples are about, and of other texts the names of categories."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[str] = []
        self.known: dict[str, list[int]] = {}
        for place, category in enumerate(default_categories()):
            for text in category.examples:
                self.known.setdefault(text, []).append(place)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"name": self.name, "sha256": self.name, "dimension": 64}

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        self.asked += texts
        rows = 0.3 * HashEmbedder(64).embed(texts)
        for row, text in zip(rows, texts, strict=True):
            row[self.known.get(text) or [p for p, name in enumerate(NAMES) if name in text.lower()]] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Unusable:
    """An embedder that must not be asked."""

    identity: Mapping[str, Any] = {"name": "unusable"}

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        raise AssertionError(f"nobody should embed {texts}")


AGAIN = "run `python -m scripts.learn_categories` again"


class Named(Unusable):
    """An embedder that must not be asked, and says that it is another."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.identity = identity


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return build_embedder(None, None)


# -- categories


@bundled
@pytest.mark.parametrize(
    ("fact", "categories"),
    [
        ("Plays ice hockey on Thursdays", {"sports"}),
        ("Brother Emre is a pilot", {"family"}),
        ("Loves peach ice cream", {"food", "user_preferences"}),
        ("Is allergic to walnuts", {"food", "health"}),
        ("Wants answers in Italian", {"user_preferences"}),
        ("Plans to visit Kyoto in October", {"travel"}),
        ("The fuse box is behind the door", {REST}),
    ],
)
def test_facts_get_the_categories_that_a_person_would_give(
    minilm: Embedder, fact: str, categories: set[str]
) -> None:
    (found,) = Categorizer(minilm).assign([fact])
    assert set(found) == categories


@bundled
def test_the_most_probable_category_is_first(minilm: Embedder) -> None:
    found = Categorizer(minilm).assign(["Loves peach ice cream", "Runs a bakery and loves to bake rye bread"])
    assert [names[0] for names in found] == ["food", "food"]
    assert "user_preferences" in found[0][1:]


@bundled
def test_given_vectors_are_used_instead_of_the_texts(minilm: Embedder) -> None:
    texts = ["Plays ice hockey on Thursdays", "Brother Emre is a pilot"]
    categorizer = Categorizer(minilm)
    assert categorizer.assign(texts, minilm.embed(texts)) == categorizer.assign(texts)
    assert categorizer.assign(texts[:1], list(minilm.embed(texts[1:]))) == categorizer.assign(texts[1:])


@bundled
def test_custom_categories_replace_the_default_ones(minilm: Embedder) -> None:
    own = parse_definitions(
        [
            {"pets": "Animals that live with the user: dogs, cats, birds"},
            {"money": "Savings, debts, income, rent and taxes"},
        ]
    )
    found = Categorizer(minilm, own).assign(
        ["Has a parrot named Coco", "Puts 200 euros into savings every month", "Plays the trombone"]
    )
    assert found == [("pets",), ("money",), ()]


@bundled
def test_a_custom_misc_takes_what_is_left(minilm: Embedder) -> None:
    own = parse_definitions([{"pets": "Dogs, cats and birds"}, {"misc": "Anything else"}])
    assert Categorizer(minilm, own).assign(["Has a parrot named Coco", "Plays the trombone"]) == [
        ("pets",),
        ("misc",),
    ]


def test_default_and_custom_categories_can_stand_together() -> None:
    food = next(category for category in default_categories() if category.name == "food")
    both = Categorizer(Knowing("mixed"), (Category("music", "Anything about music"), food))
    assert both.assign(["Eats food", "Hears music", "Hears music and eats food"]) == [
        ("food",),
        ("music",),
        ("food", "music"),
    ]


@bundled
def test_a_text_without_a_word_has_no_category(minilm: Embedder) -> None:
    assert Categorizer(minilm).assign(["", "?!", "🎉"]) == [(), (), ()]
    assert Categorizer(minilm).assign([]) == []


@bundled
@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_text_gets_categories_that_exist(texts: list[str]) -> None:
    for names in Categorizer(build_embedder(None, None)).assign(texts):
        assert set(names) <= set(NAMES)
        assert len(set(names)) == len(names)
        assert REST not in names or len(names) == 1


@pytest.mark.parametrize("dimension", [16, 64, 2048])
def test_an_embedder_that_knows_no_meaning_assigns_nothing(dimension: int) -> None:
    hashes = HashEmbedder(dimension)
    assert Categorizer(hashes).assign(["Plays chess", "Is allergic to peanuts"]) == [(), ()]
    assert Categorizer(hashes, [Category("chess", "Chess")]).assign(["Plays chess"]) == [()]


def test_texts_and_vectors_must_be_as_many() -> None:
    embedder = Knowing("as many")
    with pytest.raises(ValidationError, match="2 texts need as many vectors"):
        Categorizer(embedder).assign(["a", "b"], embedder.embed(["a"]))


# -- what is computed when


@bundled
def test_what_ships_is_what_the_bundled_embedder_teaches(minilm: Embedder) -> None:
    shipped = shipped_for(minilm)
    assert shipped is not None, AGAIN
    assert (shipped.examples * minilm.embed(example_texts())).sum(axis=1).min() > 0.9995, AGAIN
    anew = learn(shipped.examples)
    for name, value in vars(shipped).items():
        np.testing.assert_allclose(value, getattr(anew, name), atol=1e-3, err_msg=f"{name}: {AGAIN}")


@bundled
def test_the_bundled_embedder_is_not_asked_for_examples_and_another_one_is(minilm: Embedder) -> None:
    assert Space(Named(minilm.identity)).is_fit
    with pytest.raises(AssertionError, match="nobody should embed"):
        Space(Named({**minilm.identity, "sha256": "another"}))


def test_examples_are_embedded_once_for_all_of_an_embedder() -> None:
    embedder = Knowing("once")
    assert Categorizer(embedder).assign(["Eats food"])[0] == ("food",)
    count = len(embedder.asked)
    again = Knowing("once")
    assert Categorizer(again).assign(["Eats food"], embedder.embed(["Eats food"]))[0] == ("food",)
    assert (len(again.asked), count > 600) == (0, True)


def test_threads_that_come_first_together_embed_the_examples_once() -> None:
    embedder = Knowing("threads")
    own = [Category("food"), Category("music")]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: Categorizer(embedder, own).assign([text]), ["Eats food"] * 16))
    assert found == [[("food",)]] * 16
    assert embedder.asked.count("food") == embedder.asked.count("Is a vegetarian") == 1


def test_a_process_keeps_what_it_learned_of_the_last_few_embedders() -> None:
    first = Knowing("first")
    for name in ("first", *map(str, range(MOST_SPACES))):
        Categorizer(Knowing(name)).assign(["Eats food"])
    Categorizer(first).assign(["Eats food"])
    assert "Is a vegetarian" in first.asked


def test_a_process_keeps_no_more_descriptions_than_it_may() -> None:
    embedder = Knowing("many")
    food = Category("food", "Food")
    assert Categorizer(embedder, [food]).assign(["Eats food"]) == [("food",)]
    Categorizer(embedder, [Category(f"n{place}") for place in range(MOST_DIRECTIONS)]).assign(["Eats food"])
    embedder.asked.clear()
    assert Categorizer(embedder, [food]).assign(["Eats food"]) == [("food",)]
    assert "Food" in embedder.asked


def test_the_cut_is_where_most_answers_are_right() -> None:
    wanted = np.array([[True, False], [True, False], [False, True]])
    assert best_cut(np.array([[0.9, 0.1], [0.5, 0.2], [0.3, 0.7]]), wanted) == (0.5, 1.0)


# -- topics


@bundled
@pytest.mark.parametrize(
    ("topic", "of_it", "not_of_it"),
    [
        ("health", "Was prescribed steroid cream", "Collects postcards"),
        ("food preferences", "Dislikes beetroot", "Works in a call centre"),
        ("work", "Was moved to the sales department", "Has a tabby cat"),
        ("pets", "Rabbit Poppy needs a bigger cage", "Works in a call centre"),
        ("finances", "Has 3,000 in a savings account", "Has a tabby cat"),
    ],
)
def test_an_excluded_topic_is_dropped_and_an_included_one_kept(
    minilm: Embedder, topic: str, of_it: str, not_of_it: str
) -> None:
    assert Topics(minilm, excludes=(topic,)).allowed([of_it, not_of_it]) == [False, True]
    assert Topics(minilm, includes=(topic,)).allowed([of_it, not_of_it]) == [True, False]


@bundled
def test_what_is_excluded_is_never_stored_even_if_it_is_included(minilm: Embedder) -> None:
    topics = Topics(minilm, parse_topics("sports, travel", "includes"), parse_topics("health", "excludes"))
    texts = ["Plays ice hockey", "Was prescribed steroid cream for a sports injury", "Collects postcards"]
    assert topics.allowed(texts) == [True, False, False]
    assert topics.allowed(texts, minilm.embed(texts)) == [True, False, False]


def test_with_an_embedder_that_knows_no_meaning_a_topic_is_its_words() -> None:
    hashes = HashEmbedder(64)
    texts = ["Has a health insurance", "Takes insulin", "Works out with old weights"]
    assert Topics(hashes, excludes=("Health",)).allowed(texts) == [False, True, True]
    assert Topics(hashes, includes=("old weight", "the")).allowed(texts) == [False, False, True]


def test_a_topic_called_like_a_default_category_is_that_category() -> None:
    embedder = Knowing("called")
    fact = "Is seeing a cardiologist in May"  # an example of health, which this embedder knows
    for topic in ("health", "Health information", "medical details"):
        assert Topics(embedder, excludes=(topic,)).allowed([fact]) == [False]
    assert Topics(embedder, excludes=("music",)).allowed([fact]) == [True]


def test_without_topics_everything_is_allowed_and_nothing_computed() -> None:
    assert Topics(Unusable()).allowed(["Takes insulin", ""]) == [True, True]
    assert Topics(Unusable(), excludes=("health",)).allowed([]) == []
    assert Categorizer(Unusable()).assign([]) == []


# -- the evaluation


def test_the_labelled_facts_are_many_known_and_no_examples() -> None:
    facts = evaluation.read_rows(evaluation.FACTS)
    texts = [row["text"] for row in facts]
    assert len(set(texts)) == len(texts) >= 240
    assert {name for row in facts for name in (*row["categories"], *row.get("also", ()))} == set(NAMES)
    assert sum(row["categories"] == [REST] for row in facts) >= 30
    examples = {text.casefold() for category in default_categories() for text in category.examples}
    topics = evaluation.read_rows(evaluation.TOPICS)
    assert len(topics) >= 80
    assert examples.isdisjoint(text.casefold() for text in (*texts, *(row["text"] for row in topics)))


def test_marks_count_what_is_right_wrong_missed_and_debatable() -> None:
    facts = [
        {"text": "a", "categories": ["food"], "also": ["health"]},
        {"text": "b", "categories": ["food", "health"]},
    ]
    found = [{"food", "health"}, {"food", "music"}]
    marks = evaluation.marks(facts, found)
    assert marks["food"] == evaluation.Marks(2, 0, 0)
    assert marks["health"] == evaluation.Marks(0, 0, 1)
    assert evaluation.marks(facts, found, strict=True)["health"] == evaluation.Marks(0, 1, 1)
    together = evaluation.total(marks)
    assert (together.precision, together.recall, together.f1) == (2 / 3, 2 / 3, 2 / 3)


@bundled
def test_the_bundled_embedder_is_as_good_as_we_say(
    minilm: Embedder, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = evaluation.read_rows(evaluation.FACTS)
    vectors = minilm.embed([row["text"] for row in facts])
    found = evaluation.total(evaluation.marks(facts, evaluation.assigned(minilm, facts, vectors, None)))
    assert (found.precision > 0.8, found.recall > 0.82) == (True, True), str(found)
    topics = evaluation.read_rows(evaluation.TOPICS)
    said = evaluation.found_in(minilm, topics, "excludes")
    missed = [row for row, is_of in zip(topics, said, strict=True) if row["belongs"] and not is_of]
    assert len(missed) <= 5, missed
    evaluation.main(["--show"])
    printed = capsys.readouterr().out
    assert f"all 15 categories       {found}" in printed
    assert all(row["text"] in printed for row in missed)
