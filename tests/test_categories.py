"""Which categories and topics there are, and how a caller may define others."""

from __future__ import annotations

import pytest

from tinymem.errors import ValidationError
from tinymem.understand.categories import Category, default_categories, parse_definitions, parse_topics

NAMES = [
    *("personal_details", "family", "professional_details", "sports", "travel", "food", "music", "health"),
    *("technology", "hobbies", "fashion", "entertainment", "milestones", "user_preferences", "misc"),
]


def test_the_default_categories_are_those_of_mem0_with_a_description_and_examples() -> None:
    defaults = default_categories()
    assert [category.name for category in defaults] == NAMES
    assert all(category.description.strip() for category in defaults)
    assert all(len(set(category.examples)) == len(category.examples) >= 25 for category in defaults)
    rest = set(defaults[-1].examples)
    assert all(rest.isdisjoint(category.examples) for category in defaults[:-1])


def test_definitions_are_dictionaries_of_names_and_descriptions() -> None:
    wanted = (Category("pets", "Animals of the household"), Category("tea", "Kinds of tea"))
    assert parse_definitions([{"pets": "Animals of the household"}, {"tea": "Kinds of tea"}]) == wanted
    assert parse_definitions([{" pets ": "Animals of the household ", "tea": "Kinds of tea"}]) == wanted
    assert parse_definitions(({"name": "pets", "description": "Animals of the household"},)) == wanted[:1]


def test_a_definition_may_have_examples() -> None:
    definition = {"name": "tea", "description": "Kinds of tea", "examples": ["Drinks oolong"]}
    assert parse_definitions([definition]) == (Category("tea", "Kinds of tea", ("Drinks oolong",)),)


def test_a_category_may_be_called_name() -> None:
    assert parse_definitions([{"name": "What somebody is called"}]) == (
        Category("name", "What somebody is called"),
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "must be a list"),
        ([], "leave it out"),
        ({"pets": "Animals"}, "must be a list"),
        ("pets", "must be a list"),
        ([{}], "must be a dict"),
        (["pets"], "must be a dict"),
        ([{"pets": ""}], "description of category 'pets' must be a text that is not blank"),
        ([{"pets": None}], "description of category 'pets'"),
        ([{"  ": "Animals"}], "name of a category"),
        ([{3: "Animals"}], "name of a category"),
        ([{"pets": "Animals"}, {"Pets": "Beasts"}], "defines 'Pets' twice"),
        ([{"pets": "half \ud83d"}], "half a character"),
        ([{"name": "tea", "description": "Kinds of tea", "examples": "Drinks oolong"}], "a list of texts"),
        ([{"name": "tea", "description": "Kinds of tea", "examples": [" "]}], "an example of a category"),
    ],
)
def test_a_definition_that_cannot_be_meant_is_refused(value: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        parse_definitions(value)


def test_topics_are_a_text_with_commas_or_a_list() -> None:
    assert parse_topics(None, "includes") == ()
    assert parse_topics("sports, travel,", "includes") == ("sports", "travel")
    assert parse_topics(["arts, crafts", " health "], "excludes") == ("arts, crafts", "health")
    assert parse_topics("Health, health", "excludes") == ("health",)


@pytest.mark.parametrize(
    "value", ["", " , ", [], 7, {"health": 1}, ["health", ""], ["health", None], ["\udc00"]]
)
def test_topics_that_cannot_be_meant_are_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="excludes"):
        parse_topics(value, "excludes")
