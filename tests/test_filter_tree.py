"""Reading filters: what is not in the language is refused, and the message names the culprit."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from tinymem.errors import Mem0ValidationError, ValidationError
from tinymem.store.filters import parse_filter, where

NESTED: Any = "maya"
for _ in range(70):
    NESTED = [{"NOT": NESTED}] if isinstance(NESTED, list) else [{"user_id": NESTED}]
DEEP_PATH: Any = 1
for _ in range(70):
    DEEP_PATH = {"a": DEEP_PATH}
DEEP_LIST: Any = 1
for _ in range(60):
    DEEP_LIST = [DEEP_LIST]


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        (["user_id"], ["itself", "dict", "list"]),
        ("maya", ["itself", "dict", "str"]),
        ({1: "a"}, ["keys", "1"]),
        ({"user_id": 5}, ["user_id.eq", "string", "int"]),
        ({"user_id": {}}, ["user_id", "empty dict"]),
        ({"user_id": {"eq": {}}}, ["user_id.eq", "dict"]),
        ({"user_id": {"gt": "a"}}, ["user_id", "'gt'", "does not apply", "contains"]),
        ({"user_id": {"like": "a"}}, ["user_id", "'like'", "unknown", "eq"]),
        ({"user_id": {"in": "maya"}}, ["user_id.in", "list", "str"]),
        ({"user_id": {"nin": None}}, ["user_id.nin", "list"]),
        ({"user_id": {"in": [1]}}, ["user_id.in", "string", "int"]),
        ({"user_id": {"contains": 5}}, ["user_id.contains", "string", "int"]),
        ({"user_id": {"contains": None}}, ["user_id.contains", "string"]),
        ({"user_id": "\ud800"}, ["user_id.eq", "Unicode"]),
        ({"text": {"contains": 5}}, ["text.contains", "string", "int"]),
        ({"keywords": 5}, ["keywords.eq", "string"]),
        ({"categories": {"gt": "a"}}, ["categories", "'gt'", "in"]),
        ({"categories": {"contains": ["a"]}}, ["categories.contains", "string"]),
        ({"created_at": {"gte": "July"}}, ["created_at.gte", "July", "YYYY-MM-DD"]),
        ({"created_at": {"gte": "2024-13-01"}}, ["created_at.gte", "2024-13-01"]),
        ({"created_at": {"gte": "2024-07-01T25:00"}}, ["created_at.gte", "hour"]),
        ({"created_at": {"gte": "2024-07-01T12:00+25:00"}}, ["created_at.gte"]),
        ({"created_at": {"gte": 1720000000}}, ["created_at.gte", "int"]),
        ({"created_at": {"gte": None}}, ["created_at.gte", "NoneType"]),
        ({"created_at": {"contains": "2024"}}, ["created_at", "'contains'", "gte"]),
        ({"created_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))}, ["created_at.eq", "years"]),
        ({"expiration_date": {"lt": True}}, ["expiration_date.lt", "bool"]),
        ({"age": {"gt": {}}}, ["age.gt", "dict"]),
        ({"age": {"gt": {"a": 1}}}, ["age.gt", "number or a string", "dict"]),
        ({"age": {"gt": True}}, ["age.gt", "bool"]),
        ({"age": {"gt": None}}, ["age.gt", "NoneType"]),
        ({"age": {"gtt": 5}}, ["age", "'gtt'", "unknown", "metadata"]),
        ({"age": {}}, ["age", "empty dict"]),
        ({"age": math.nan}, ["age.eq", "finite", "nan"]),
        ({"age": {"lt": math.inf}}, ["age.lt", "finite"]),
        ({"age": 1 << 20_000}, ["age.eq", "20001 bits"]),
        ({"age": {1, 2j}}, ["age.in", "complex"]),
        ({"when": date(2024, 7, 1)}, ["when.eq", "date"]),
        ({"tags": {"contains": None}}, ["tags.contains", "None"]),
        ({"tags": {"icontains": 5}}, ["tags.icontains", "string"]),
        ({"tags": {"eq": DEEP_LIST}}, ["tags.eq", "nested"]),
        ({"tags": {"eq": [{"a": {3: 4}}]}}, ["tags.eq", "string", "int"]),
        ({"metadata": {}}, ["metadata", "empty dict"]),
        ({"metadata": "chess"}, ["metadata", "dict", "chess"]),
        ({"metadata": {"a": {}}}, ["metadata.a", "empty dict"]),
        ({"metadata": {"a": {"eq": {}}}}, ["metadata.a.eq", "empty dict"]),
        ({"metadata": {"a": {"gt": 1, "b": 2}}}, ["metadata.a", "mixes", "gt", "'b'"]),
        ({"metadata": {2: "a"}}, ["metadata", "string", "int"]),
        ({"metadata": {"OR": [{"a": 1}]}}, ["metadata.OR", "outside"]),
        ({"metadata": DEEP_PATH}, ["nested", "64"]),
        ({"or": [{"a": 1}]}, ["or", "OR", "capitals"]),
        ({"$not": {"a": 1}}, ["$not", "NOT"]),
        ({"AND": "maya"}, ["AND", "list"]),
        ({"OR": None}, ["OR", "list"]),
        ({"OR": [{"user_id": "a"}, "b"]}, ["OR[1]", "dict", "str"]),
        ({"AND": [{"OR": [{"user_id": {"x": 1}}]}]}, ["AND[0].OR[0].user_id", "'x'"]),
        (NESTED[0], ["nested", "64"]),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(filters: Any, named: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        where(filters)
    assert [word for word in named if word not in str(caught.value)] == []
    assert len(str(caught.value)) < 400
    assert isinstance(caught.value, (ValueError, Mem0ValidationError))


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValidationError, match="nested"):
        where({"tags": {"eq": endless}})
    loop: dict[str, Any] = {}
    loop["NOT"] = loop
    with pytest.raises(ValidationError, match="nested"):
        where(loop)


def test_equal_filters_give_equal_trees() -> None:
    assert parse_filter({"a": 1.0, "user_id": ["x", "x"]}) == parse_filter({"a": 1, "user_id": "x"})
