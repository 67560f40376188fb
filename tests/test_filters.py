"""Filters: every rule of the language, each on Records that do and do not meet it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.filter_oracle import Table, holds
from tinymem.errors import CorruptError, ValidationError
from tinymem.store.filters import EVERYTHING, Where, scope_where, unexpired_where, where
from tinymem.types import Record, Scope

NOON = datetime(2024, 7, 10, 12, tzinfo=timezone.utc)


def record(id: str, text: str = "likes tea", at: datetime = NOON, **fields: Any) -> Record:
    ids = {name: fields.pop(name, None) for name in ("user_id", "agent_id", "run_id", "app_id")}
    return Record(id, text, Scope(**ids), created_at=at, updated_at=at, **fields)


def selected(filters: dict[str, Any], *records: Record) -> list[str]:
    """Return the ids that the filter selects, having checked that the plain evaluator agrees."""
    found = Table(records).ids(filters)
    assert found == [each.id for each in records if holds(filters, each)]
    return found


PEOPLE = (
    record("1", "Maya plays the piano", user_id="maya", run_id="r1", role="user", categories=("music",)),
    record("2", "Maya eats no fish", user_id="maya", agent_id="chef", categories=("food", "Health")),
    record("3", "Liam's piano is out of tune", user_id="liam", actor_id="Zoë", app_id="phone"),
    record("4", "speaks briefly", agent_id="chef", memory_type="procedural_memory"),
)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "1234"),
        ({"user_id": "maya"}, "12"),
        ({"user_id": "maya", "agent_id": "chef"}, "2"),
        ({"user_id": ["maya", "liam"]}, "123"),
        ({"user_id": ("liam",)}, "3"),
        ({"user_id": {"in": {"liam"}}}, "3"),
        ({"user_id": "*"}, "123"),
        ({"user_id": {"eq": "*"}}, ""),
        ({"user_id": None}, "4"),
        ({"user_id": {"eq": None}}, "4"),
        ({"user_id": {"ne": None}}, "123"),
        ({"user_id": {"ne": "maya"}}, "34"),
        ({"user_id": {"nin": ["maya", "x"]}}, "34"),
        ({"user_id": {"in": ["liam", None]}}, "34"),
        ({"user_id": {"nin": [None, "liam"]}}, "12"),
        ({"user_id": []}, ""),
        ({"user_id": {"in": []}}, ""),
        ({"user_id": {"nin": []}}, "1234"),
        ({"user_id": {"contains": "ay", "ne": "liam"}}, "12"),
        ({"user_id": {"contains": "AY"}}, ""),
        ({"user_id": {"icontains": "AY"}}, "12"),
        ({"actor_id": {"icontains": "zOË"}}, "3"),
        ({"session_id": "r1"}, "1"),
        ({"run_id": "r1"}, "1"),
        ({"app_id": "phone"}, "3"),
        ({"role": "user"}, "1"),
        ({"memory_type": "procedural_memory"}, "4"),
        ({"id": "2"}, "2"),
        ({"memory_id": {"in": ["2", "4"]}}, "24"),
        ({"memory_ids": ["1", "9"]}, "1"),
        ({"categories": "food"}, "2"),
        ({"categories": ["food", "music"]}, "12"),
        ({"categories": {"in": ["food", "art"]}}, "2"),
        ({"categories": {"contains": "foo"}}, ""),
        ({"categories": {"contains": "Health"}}, "2"),
        ({"categories": {"icontains": "HEALTH"}}, "2"),
        ({"categories": {"ne": "food"}}, "134"),
        ({"categories": {"nin": ["food", "music"]}}, "34"),
        ({"categories": "*"}, "12"),
        ({"categories": None}, "34"),
        ({"keywords": "PIANO maya"}, "1"),
        ({"keywords": ["fish", "tune"]}, "23"),
        ({"keywords": "pian"}, ""),
        ({"keywords": "plays pianos"}, ""),
        ({"keywords": {"ne": "piano"}}, "24"),
        ({"keywords": "!?"}, ""),
        ({"text": {"contains": "piano is"}}, "3"),
        ({"text": {"contains": "Piano"}}, ""),
        ({"text": {"icontains": "Piano"}}, "13"),
        ({"AND": [{"user_id": "maya"}, {"categories": "food"}]}, "2"),
        ({"AND": {"user_id": "maya", "role": "user"}}, "1"),
        ({"OR": [{"user_id": "liam"}, {"agent_id": "chef"}]}, "234"),
        ({"OR": {"user_id": "liam", "agent_id": "chef"}}, "234"),
        ({"OR": [{"user_id": "liam"}], "agent_id": "chef"}, ""),
        ({"AND": [{"user_id": "maya"}], "OR": [{"role": "user"}, {"role": "tool"}]}, "1"),
        ({"NOT": {"user_id": "maya"}}, "34"),
        ({"NOT": {"user_id": "maya", "role": "user"}}, "234"),
        ({"NOT": [{"user_id": "maya"}, {"agent_id": "chef"}]}, "3"),
        ({"NOT": [{"NOT": [{"user_id": "maya"}]}]}, "12"),
        ({"AND": [{"OR": [{"NOT": {"user_id": "*"}}, {"run_id": "*"}]}, {"role": None}]}, "4"),
        ({"AND": []}, "1234"),
        ({"AND": {}}, "1234"),
        ({"OR": []}, ""),
        ({"OR": {}}, ""),
        ({"NOT": []}, "1234"),
        ({"NOT": {}}, "1234"),
        ({"NOT": [{}]}, ""),
    ],
)
def test_fields_and_logic(filters: dict[str, Any], expected: str) -> None:
    assert selected(filters, *PEOPLE) == list(expected)


def moments() -> list[Record]:
    midnight = datetime(2024, 7, 10, tzinfo=timezone.utc)
    tick = timedelta(microseconds=1)
    times = [
        midnight - tick,
        midnight,
        NOON,
        midnight + timedelta(days=1) - tick,
        midnight + timedelta(days=1),
    ]
    days = [None, date(2024, 7, 9), date(2024, 7, 10), date(2024, 7, 11), None]
    pairs = zip(times, days, strict=True)
    return [record(str(n), at=time, expiration_date=day) for n, (time, day) in enumerate(pairs)]


@pytest.mark.parametrize("day", ["2024-07-10", date(2024, 7, 10)])
@pytest.mark.parametrize(
    ("operator", "created", "expires"),
    [
        ("eq", "123", "2"),
        ("ne", "04", "0134"),
        ("gt", "4", "3"),
        ("gte", "1234", "23"),
        ("lt", "0", "1"),
        ("lte", "0123", "12"),
    ],
)
def test_a_date_is_its_whole_day(operator: str, created: str, expires: str, day: object) -> None:
    assert selected({"created_at": {operator: day}}, *moments()) == list(created)
    assert selected({"updated_at": {operator: day}}, *moments()) == list(created)
    assert selected({"expiration_date": {operator: day}}, *moments()) == list(expires)


@pytest.mark.parametrize(
    "noon",
    [
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5, minutes=-30))),
        "2024-07-10T12:00:00Z",
        "2024-07-10T12:00:00.000000+00:00",
        "2024-07-10 12:00",
        "2024-07-10t14:00:00,000+0200",
        "2024-07-10T04:00:00-08",
        "2024-07-10T12:00:00.000000999Z",
    ],
)
def test_every_way_to_write_a_moment(noon: object) -> None:
    table = Table(moments())
    assert table.ids({"created_at": noon}) == ["2"]
    assert table.ids({"created_at": {"gt": noon}}) == ["3", "4"]
    assert table.ids({"created_at": {"lte": noon}}) == ["0", "1", "2"]
    assert table.ids({"created_at": {"in": [noon, "2024-07-11"]}}) == ["2", "4"]
    assert table.ids({"expiration_date": {"gte": noon}}) == ["2", "3"]


def test_more_times() -> None:
    table = Table(moments())
    assert table.ids({"created_at": {"gte": "2024-07-20", "lte": "2024-07-10"}}) == []
    assert table.ids({"created_at": {"in": ["2024-07-09", "2024-07-11"]}}) == ["0", "4"]
    assert table.ids({"created_at": {"lte": date.max, "gte": date.min}}) == list("01234")
    assert table.ids({"created_at": None}) == []
    assert table.ids({"created_at": "*"}) == list("01234")
    assert table.ids({"expiration_date": None}) == ["0", "4"]
    assert table.ids({"expiration_date": {"in": [None, "2024-07-09"]}}) == ["0", "1", "4"]
    assert table.ids({"NOT": {"expiration_date": {"gt": "2024-07-09"}}}) == ["0", "1", "4"]


VALUES: dict[str, Any] = {
    "true": True,
    "one": 1,
    "float": 1.0,
    "text": "1",
    "half": 0.5,
    "big": 2**70,
    "near": 2**53 + 1,
    "null": None,
    "word": "Straße",
    "list": ["tea", 1, None, {"a": 1}],
    "dict": {"a": 1, "b": {"c": "deep"}},
}


@pytest.mark.parametrize("key", ["v", "a key", 'q"uote', "", "é", "[0]", "$", "it's"])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, "true"),
        (1, "one float"),
        (1.0, "one float"),
        ("1", "text"),
        (0.5, "half"),
        (2**70, "big"),
        (float(2**70), "big"),
        (2**53, ""),
        (2**53 + 1, "near"),
        ([1, "1", None], "one float text null none"),
        ([True, 0.5], "true half"),
        (["1", "Straße"], "text word"),
        (None, "null none"),
        ("*", "true one float text half big near word list dict"),
        ({"ne": 1}, "true text half big near null word list dict none"),
        ({"nin": ["1", True]}, "one float half big near null word list dict none"),
        ({"gt": 0}, "one float half big near"),
        ({"gte": 0.5, "lt": 2**53}, "one float half"),
        ({"gt": 2**53}, "big near"),
        ({"lt": 1}, "half"),
        ({"gte": "1"}, "text word"),
        ({"lt": "S"}, "text"),
        ({"contains": "tra"}, "word"),
        ({"contains": ""}, "text word"),
        ({"contains": "tea"}, "list"),
        ({"contains": 1}, "list"),
        ({"contains": True}, ""),
        ({"contains": {"a": 1.0}}, "list dict"),
        ({"icontains": "STRASSE"}, "word"),
        ({"icontains": "TEA"}, "list"),
        ({"eq": ["tea", 1.0, None, {"a": 1}]}, "list"),
        ({"eq": {"b": {"c": "deep"}, "a": 1}}, "dict"),
        ({"a": 1}, "dict"),
        ({"b": {"c": {"icontains": "DEEP"}}, "a": {"lt": 2}}, "dict"),
        ({"b.c": "deep"}, "dict"),
        ({"b": {"x": None}}, " ".join(VALUES) + " none"),
    ],
)
def test_metadata_keeps_json_types_apart(key: str, condition: Any, expected: str) -> None:
    records = [record(name, metadata={key: value}) for name, value in VALUES.items()]
    found = selected({"metadata": {key: condition}}, *records, record("none"))
    assert found == expected.split()


def test_bare_keys_are_metadata_unless_a_field_has_the_name() -> None:
    mine = record("mine", user_id="maya", metadata={"user_id": "other", "hobby": "chess", "age": 30})
    assert selected({"hobby": "chess", "age": {"gte": 30}}, mine, *PEOPLE) == ["mine"]
    assert selected({"user_id": "other"}, mine, *PEOPLE) == []
    assert selected({"metadata": {"user_id": "other"}}, mine, *PEOPLE) == ["mine"]
    assert selected({"hobby": None}, mine, PEOPLE[0]) == ["1"]
    assert selected({"hobby": "*"}, mine, *PEOPLE) == ["mine"]


def test_a_literal_key_with_a_dot_wins_over_the_path() -> None:
    both = record("both", metadata={"a.b": 1, "a": {"b": 2}})
    path = record("path", metadata={"a": {"b": 1}})
    mixed = record("mixed", metadata={"a.b": {"c": 3}, "a": {"b": {"c": 4, "d": 5}}})
    assert selected({"a.b": 1}, both, path, mixed) == ["both", "path"]
    assert selected({"metadata": {"a.b": 2}}, both, path, mixed) == []
    assert selected({"metadata": {"a": {"b": 2}}}, both, path, mixed) == ["both"]
    assert selected({"a.b.c": 3}, both, path, mixed) == ["mixed"]
    assert selected({"a.b.d": 5}, both, path, mixed) == ["mixed"]


def test_metadata_as_a_whole() -> None:
    full, empty = record("full", metadata={"a": 1, "b": [True]}), record("empty")
    assert selected({"metadata": "*"}, full, empty) == ["full"]
    assert selected({"metadata": None}, full, empty) == ["empty"]
    assert selected({"metadata": {"eq": {"b": [True], "a": 1}}}, full, empty) == ["full"]
    assert selected({"metadata": {"contains": {"a": 1}}}, full, empty) == ["full"]
    assert selected({"metadata": {"ne": {"a": 1}}}, full, empty) == ["full", "empty"]


def test_long_lists_and_wide_logic_run() -> None:
    table = Table([*PEOPLE, record("5", metadata={"n": 39_999, "s": "k7", "f": 7.5})])
    ids = [f"u{n}" for n in range(40_000)]
    assert table.ids({"user_id": [*ids, "liam"]}) == ["3"]
    assert table.ids({"user_id": {"nin": [*ids, "liam"]}}) == ["1", "2", "4", "5"]
    assert table.ids({"OR": [{"user_id": each} for each in [*ids, "liam"]]}) == ["3"]
    assert table.ids({"n": list(range(40_000))}) == ["5"]
    assert table.ids({"OR": [{"n": n} for n in range(40_000)]}) == ["5"]
    assert table.ids({"s": [f"k{n}" for n in range(10_000)]}) == ["5"]
    assert table.ids({"f": [n + 0.5 for n in range(10_000)]}) == ["5"]
    assert table.ids({"categories": [*ids, "food"]}) == ["2"]
    days = [f"{year}-07-{day:02}" for year in range(1000, 3000) for day in range(1, 29)]
    assert table.ids({"created_at": days}) == ["1", "2", "3", "4", "5"]
    assert table.ids({"NOT": [{"user_id": {"contains": each}} for each in ids[:9_000]]}) == list("12345")
    assert table.ids({"AND": [{"NOT": {"user_id": each}} for each in ids[:9_000]]}) == list("12345")
    with pytest.raises(ValidationError, match="30000"):
        where({"NOT": [{"user_id": {"contains": each}} for each in ids]})


def test_values_are_bound_and_indexes_serve_ids() -> None:
    hostile = "x' OR 1=1 --"
    condition = where(
        {"user_id": hostile, hostile: hostile, "metadata": {hostile: {hostile: {"gt": hostile}}}}
    )
    assert hostile not in condition.sql
    assert Table(PEOPLE).ids({"user_id": hostile}) == []
    table = Table(PEOPLE)
    for filters in ({"user_id": "maya"}, {"user_id": ["maya", "liam"]}, {"id": "1"}, {"id": ["1", "2"]}):
        condition = where({"keywords": "piano", **filters})
        sql = f"EXPLAIN QUERY PLAN SELECT m.rowid FROM memory AS m WHERE {condition.sql}"
        plan = [row[3] for row in table.connection.execute(sql, condition.params)]
        assert plan[0].startswith("SEARCH m USING"), plan
        assert condition.sql.index("has_words") > condition.sql.index("m.")


def test_conditions_join_without_losing_their_meaning() -> None:
    either = Where("m.user_id = ? OR m.agent_id = ?", ("liam", "chef"))
    joined = either & EVERYTHING & where({"categories": "*"})
    sql = f"SELECT m.id FROM memory AS m WHERE {joined.sql} ORDER BY m.rowid"
    assert [row[0] for row in Table(PEOPLE).connection.execute(sql, joined.params)] == ["2"]
    assert EVERYTHING & either == either
    assert where(None) == where({}) == EVERYTHING


@pytest.mark.parametrize(
    "filters",
    [
        {"NOT": []},
        {"NOT": {}},
        {"AND": [{}, {"AND": []}]},
        {"NOT": {"user_id": []}},
        {"user_id": {"nin": []}},
        {"OR": [{"user_id": "maya"}, {}]},
        {"NOT": [{"OR": []}, {"NOT": [{"NOT": []}]}]},
    ],
)
def test_what_asks_nothing_is_everything_in_any_wording(filters: dict[str, Any]) -> None:
    """`delete_all` relies on it: it refuses a filter that selects everything."""
    assert where(filters) == EVERYTHING
    assert selected(filters, *PEOPLE) == list("1234")


def test_scope_of_user_and_agent_is_their_union_only_when_asked() -> None:
    table = Table([*PEOPLE, record("5", user_id="maya", agent_id="chef", run_id="r1")])

    def ids(condition: Where) -> str:
        sql = f"SELECT m.id FROM memory AS m WHERE {condition.sql} ORDER BY m.rowid"
        return "".join(row[0] for row in table.connection.execute(sql, condition.params))

    both = Scope(user_id="maya", agent_id="chef")
    assert ids(scope_where(both, user_or_agent=True)) == "1245"
    assert ids(scope_where(both, user_or_agent=False)) == "25"
    assert ids(scope_where(replace(both, run_id="r1"), user_or_agent=True)) == "15"
    assert ids(scope_where(Scope(agent_id="chef", app_id="x"), user_or_agent=True)) == ""
    assert ids(scope_where(Scope(app_id="phone"), user_or_agent=True)) == "3"
    assert scope_where(Scope(), user_or_agent=True) == EVERYTHING


def test_a_memory_is_visible_through_its_expiration_date() -> None:
    table = Table(moments())
    condition = unexpired_where(date(2024, 7, 10))
    sql = f"SELECT m.id FROM memory AS m WHERE {condition.sql} ORDER BY m.rowid"
    assert [row[0] for row in table.connection.execute(sql, condition.params)] == ["0", "2", "3", "4"]


def test_damaged_metadata_is_reported_as_damage() -> None:
    table = Table([record("1")])
    table.connection.execute("UPDATE memory SET metadata = 'not json'")
    with pytest.raises(CorruptError, match="not json"):
        table.ids({"a.b": 1})
