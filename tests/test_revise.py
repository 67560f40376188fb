"""What `update` was asked for: text and metadata from mem0's spellings, and what cannot be meant."""

from datetime import date, datetime, timezone
from types import MappingProxyType

import pytest

from tinymem.errors import ValidationError
from tinymem.revise import UNSET, parse_revision
from tinymem.types import Record, Scope

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
TEA = Record("1", "Likes tea", Scope("ana"), NOW, NOW, {"a": 1, "b": None}, expiration_date=date(2026, 5, 1))


def revised(data=None, *, text=None, metadata=None, merge=True, expiration_date=UNSET):
    return parse_revision(data, text, metadata, merge, expiration_date)(TEA)


def test_data_or_text_gives_the_new_text_and_all_else_stays():
    for record in (
        revised(" Likes coffee "),
        revised(text="Likes coffee"),
        revised("Likes coffee", text="Likes coffee"),
    ):
        assert record.text == "Likes coffee"
        assert (record.id, record.scope, record.created_at, record.metadata, record.expiration_date) == (
            *("1", TEA.scope, NOW, TEA.metadata, TEA.expiration_date),
        )


@pytest.mark.parametrize("metadata", [{"c": 2}, MappingProxyType({"c": 2})])
def test_metadata_merges_whether_given_as_data_or_as_metadata(metadata):
    assert revised(metadata).metadata == {"a": 1, "b": None, "c": 2}
    assert revised(metadata=metadata).metadata == {"a": 1, "b": None, "c": 2}
    assert revised(metadata).text == "Likes tea"


def test_none_removes_a_key_but_only_where_it_is_asked_for():
    assert revised(metadata={"a": None}).metadata == {"b": None}
    assert revised(metadata={"unknown": None, "c": 1}).metadata == {"a": 1, "b": None, "c": 1}


def test_without_merge_metadata_is_replaced_as_it_is():
    assert revised(metadata={"c": None}, merge=False).metadata == {"c": None}
    assert revised(metadata={}, merge=False).metadata == {}


def test_an_expiration_date_is_set_kept_or_cleared():
    assert revised(expiration_date="2027-01-01").expiration_date == date(2027, 1, 1)
    assert revised(expiration_date=None).expiration_date is None
    assert revised("x").expiration_date == date(2026, 5, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "nothing to change"),
        ({"data": 5}, "data must be a text or a metadata dict, got int: 5"),
        ({"data": ["a"]}, "data must be"),
        ({"data": ""}, "text is empty"),
        ({"text": "  "}, "text is empty"),
        ({"text": 5}, "text must be a string"),
        ({"data": "a", "text": "b"}, "data and text both"),
        ({"data": {"a": 1}, "metadata": {"b": 1}}, "give it once"),
        ({"metadata": "a"}, "metadata must be a dict"),
        ({"data": {1: 2}}, "keys must be strings"),
        ({"text": "a", "merge": "yes"}, "merge must be True or False"),
        ({"expiration_date": "never"}, "expiration_date must be"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, words):
    with pytest.raises(ValidationError, match=words):
        revised(**arguments)
