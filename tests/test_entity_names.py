"""One entity, however it is spelt: by its key, or by words and embedding together, never by chance."""

from __future__ import annotations

import numpy as np
import pytest

from tinymem.types import Triple, entity_key
from tinymem.understand.entities import SAME_NAME_AT, Names, canonical, renamed


def row(cosine: float) -> np.ndarray:
    """Return a unit vector at this cosine from `row(1)`."""
    return np.array([cosine, np.sqrt(1 - cosine * cosine)], np.float32)


NEAR, FAR = row(SAME_NAME_AT + 0.01), row(SAME_NAME_AT - 0.01)


def spell(name, *known, cosine=0.99):
    """Return how a name is spelt whose vector lies at this cosine from all known names'."""
    return canonical([name], Names({other: row(1) for other in known}), {name: row(cosine)})[name]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("café rouge", "Café Rouge"),
        ("The Café Rouge.", "Café Rouge"),
        ("  PORTO ", "Porto"),
        ("ＴＯＫＹＯ", "Tokyo"),  # full width letters
        ("Maria Garcia", "Maria Garcia Lopez"),
        ("University of Oslo Hospital", "University of Oslo"),
        ("Lopez Garcia", "Garcia Lopez"),
    ],
)
def test_another_spelling_becomes_the_one_that_is_known(name, known):
    assert spell(name, known) == known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Anna", "Hanna"),  # alike, but not one word is shared
        ("Maria", "Maria Garcia"),  # there are many Marias
        ("Oslo", "University of Oslo"),
        ("Maria Garcia", "Maria Lopez"),  # neither holds the other's words
        ("room 12 north", "room 13 north"),
        ("room 12", "room 12 b4"),
        ("Highway A 1", "Highway A"),
        ("Maria Garcia 2", "Maria Garcia"),
    ],
)
def test_what_may_be_somebody_else_stays_itself(name, known):
    assert spell(name, known) == name


def test_the_embeddings_must_lie_close_too():
    assert spell("Maria Garcia", "Maria Garcia Lopez", cosine=SAME_NAME_AT - 0.01) == "Maria Garcia"
    assert spell("Maria Garcia", "Maria Garcia Lopez", cosine=SAME_NAME_AT + 0.01) == "Maria Garcia Lopez"


def test_of_several_the_nearest_is_taken_whatever_their_order():
    known = {"Maria Garcia Lopez": NEAR, "Maria Garcia Ruiz": row(1), "Maria Garcia Diaz": FAR}
    for order in (list(known), list(known)[::-1]):
        names = Names({name: known[name] for name in order})
        assert names.like("Maria Garcia", row(1)) == "Maria Garcia Ruiz"


def test_without_vectors_only_the_key_counts():
    known = Names({"Maria Garcia Lopez": None, "Porto": None})
    assert known.same("the porto") == "Porto"
    assert known.like("Maria Garcia", row(1)) is None
    assert Names({"Maria Garcia Lopez": row(1)}).like("Maria Garcia", None) is None


def test_the_first_spelling_of_a_call_is_kept_by_all_others():
    known = Names({})
    names = ["Café Rouge", "CAFÉ ROUGE", "Maria Garcia Lopez", "maria garcia"]
    vectors = {"Café Rouge": row(0), "Maria Garcia Lopez": row(1), "maria garcia": row(1)}
    assert canonical(names, known, vectors) == {
        "Café Rouge": "Café Rouge",
        "CAFÉ ROUGE": "Café Rouge",
        "Maria Garcia Lopez": "Maria Garcia Lopez",
        "maria garcia": "Maria Garcia Lopez",
    }
    assert canonical(["the café rouge"], known, {}) == {"the café rouge": "Café Rouge"}


def test_without_names_there_is_nothing_to_spell():
    assert canonical([], Names({}), {}) == {}


def test_renamed_relations_stand_once_and_never_point_at_themselves():
    relations = [
        Triple("ana", "likes", "café rouge"),
        Triple("ana", "likes", "Café Rouge"),
        Triple("Café", "is_part_of", "Café Rouge"),
        Triple("Café Rouge", "is_in", "Porto"),
    ]
    spelt = {"ana": "ana", "café rouge": "Café Rouge", "Café Rouge": "Café Rouge", "Café": "Café Rouge"}
    assert renamed(relations, {**spelt, "Porto": "Porto"}) == (
        Triple("ana", "likes", "Café Rouge"),
        Triple("Café Rouge", "is_in", "Porto"),
    )


@pytest.mark.parametrize("name", ["", " ", "The", "a", "...", "—", "🍵", "«»", "the the", "A B", "\u200b"])
def test_any_name_has_a_key_that_is_its_own_key(name):
    assert entity_key(entity_key(name)) == entity_key(name)
    assert canonical([name], Names({}), {}) == {name: name}
