"""Every public argument: what is taken, how it is read, and what is refused with which words."""

import json
from collections import UserDict
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.arguments import (
    LARGEST_COUNT,
    LONGEST_ID,
    LONGEST_TEXT,
    narrowed,
    parse_batch,
    parse_count,
    parse_expiration,
    parse_feedback,
    parse_fields,
    parse_flag,
    parse_id,
    parse_id_filters,
    parse_instructions,
    parse_limit,
    parse_memory_type,
    parse_metadata,
    parse_names,
    parse_output_format,
    parse_scope,
    parse_text,
    parse_threshold,
    parse_timestamp,
    show,
)
from tinymem.errors import ValidationError
from tinymem.types import Scope

UTC = timezone.utc


@pytest.mark.parametrize(
    "value", ["ana", " ana ", "a/b:c@d", 'O\'Brien "x"; --', "用户", "👩‍🚀", "*", "x" * LONGEST_ID]
)
def test_an_id_is_kept_as_given(value):
    assert parse_id(value, "user_id") == value


@pytest.mark.parametrize(
    "value",
    ["", "  ", "\n", "x" * (LONGEST_ID + 1), "a\x00b", "\ud800", 7, True, None, b"ana", ["ana"], {"*": 1}],
)
def test_what_is_no_id_is_refused_by_name(value):
    with pytest.raises(ValidationError, match="user_id"):
        parse_id(value, "user_id")


def test_a_scope_holds_the_ids_given_and_session_id_is_run_id():
    assert parse_scope("u", "a", "r", "p") == Scope("u", "a", "r", "p")
    assert parse_scope() == Scope()
    assert parse_scope(session_id="s") == Scope(run_id="s")
    assert parse_scope(run_id="s", session_id="s") == Scope(run_id="s")
    with pytest.raises(ValidationError, match=r"run_id 'r' and session_id 's'"):
        parse_scope(run_id="r", session_id="s")
    with pytest.raises(ValidationError, match="agent_id must be a string, got int: 3"):
        parse_scope(agent_id=3)


def test_a_text_is_stripped_and_must_hold_something():
    assert parse_text("  Likes tea \n", "text") == "Likes tea"
    assert len(parse_text("x" * LONGEST_TEXT, "text")) == LONGEST_TEXT
    for wrong in ("", " \t\n", "\u3000", "x" * (LONGEST_TEXT + 1), "a\x00", "\udc80", 5, None, b"tea"):
        with pytest.raises(ValidationError, match="text"):
            parse_text(wrong, "text")


@pytest.mark.parametrize("given", [{"a": 1}, MappingProxyType({"a": 1}), UserDict(a=1)])
def test_metadata_is_copied_from_any_mapping(given):
    assert parse_metadata(given) == {"a": 1}


def test_metadata_is_a_deep_copy():
    mine = {"tags": ["x"], "place": {"city": "Rome"}}
    copy = parse_metadata(mine)
    mine["tags"].append("y")
    mine["place"]["city"] = "Oslo"
    assert copy == {"tags": ["x"], "place": {"city": "Rome"}}
    assert parse_metadata(None) == {}


circle: list = []
circle.append(circle)
deep: list = []
for _ in range(60):
    deep = [deep]


@pytest.mark.parametrize(
    "value",
    [
        *("text", 5, True, ["a"], [("a", 1)], {1: "a"}, {"a": {2: "b"}}, {"a": [{None: 1}]}),
        *({"a": {1, 2}}, {"a": b"x"}, {"a": object()}, {"a": 1 + 2j}),
        *(
            {"a": float("nan")},
            {"a": [float("inf")]},
            {"a": "\ud800"},
            {"\ud800": 1},
            {"a": circle},
            {"a": deep},
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_metadata_that_json_would_change_is_refused(value):
    with pytest.raises(ValidationError, match="metadata"):
        parse_metadata(value)


def test_dates_in_metadata_become_iso_text():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert parse_metadata({"day": date(2026, 1, 1), "at": {"noon": [noon, noon.replace(tzinfo=None)]}}) == {
        "day": "2026-01-01",
        "at": {"noon": ["2026-01-01T12:00:00+00:00", "2026-01-01T12:00:00"]},
    }


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": {"b": {1}}}, r"metadata\.a\.b must .* set: \{1\}"),
        ({"a": [0, float("nan")]}, r"metadata\.a\[1\] must .* float: nan"),
        ({"a": {"b": {3: 1}}}, r"metadata\.a\.b keys must be strings .* int: 3"),
        ({"x" * 10**5: {"b": {1}}}, "metadata.x"),
        ({"a": 10**5000}, "metadata.a must"),
    ],
    ids=["set", "nan", "key", "long", "huge"],
)
def test_what_json_cannot_hold_is_named(value, where):
    with pytest.raises(ValidationError, match=where) as caught:
        parse_metadata(value)
    assert len(str(caught.value)) < 400


def test_ten_thousand_keys_and_plain_values_of_other_types_are_kept():
    many = {f"key {number}": number for number in range(10_000)}
    assert parse_metadata(many) == many
    colour = Enum("Colour", {"RED": "red"}, type=str).RED
    copy = parse_metadata({"colour": colour, "deep": UserDict(a=(1, 2))})
    assert copy == {"colour": "red", "deep": {"a": [1, 2]}}
    assert type(copy["colour"]) is str


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=4))
def test_all_metadata_that_json_can_hold_comes_back_as_it_was(metadata):
    copy = parse_metadata(metadata)
    assert json.dumps(copy) == json.dumps(metadata)


def test_counts_and_limits():
    assert parse_count(0, "limit") == 0
    assert parse_limit(None, None, 100) == 100
    assert parse_limit(5, None, 100) == 5
    assert parse_limit(None, 5, 100) == 5
    assert parse_limit(5, 5, 100) == 5
    assert parse_limit(0, None, 100) == 0
    with pytest.raises(ValidationError, match="limit=5 and top_k=6"):
        parse_limit(5, 6, 100)
    for wrong in (-1, 1.0, "5", True, [], LARGEST_COUNT + 1, 10**30):
        with pytest.raises(ValidationError, match="top_k"):
            parse_limit(None, wrong, 100)
    with pytest.raises(ValidationError, match="page must be at least 1, got 0"):
        parse_count(0, "page", 1)


def test_a_threshold_is_a_score():
    assert parse_threshold(None) is None
    assert parse_threshold(1) == 1.0
    assert parse_threshold(0.25) == 0.25
    for wrong in (-0.1, 1.1, float("nan"), float("inf"), True, "0.5", []):
        with pytest.raises(ValidationError, match="threshold"):
            parse_threshold(wrong)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        (None, None),
        (date(2026, 12, 31), date(2026, 12, 31)),
        ("2026-12-31", date(2026, 12, 31)),
        (" 2026-12-31 ", date(2026, 12, 31)),
        ("2026-12-31T23:30:00", date(2026, 12, 31)),
        ("2026-12-31T23:30:00Z", date(2026, 12, 31)),
        ("2026-12-31T23:30:00-05:00", date(2027, 1, 1)),
        (datetime(2026, 12, 31, 23, 30), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5))), date(2027, 1, 1)),
    ],
)
def test_an_expiration_date_is_a_day_in_utc(value, day):
    parsed = parse_expiration(value)
    assert parsed == day
    assert not isinstance(parsed, datetime)


far_east = timezone(timedelta(hours=14))


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "2026-13-01", "31.12.2026", 1798675200, True, [], {}),
        datetime.min.replace(tzinfo=far_east),
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_no_day_is_refused(value):
    with pytest.raises(ValidationError, match="expiration_date must be"):
        parse_expiration(value)


@pytest.mark.parametrize(
    "value",
    [
        *(1767225600, 1767225600.0, "2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T01:00:00+01:00"),
        *(datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_a_timestamp_is_a_moment_in_utc(value):
    parsed = parse_timestamp(value)
    assert parsed == datetime(2026, 1, 1, tzinfo=UTC)
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", True, [], float("nan"), 1e20, -1e20),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=9))),
    ],
)
def test_no_moment_is_refused(value):
    with pytest.raises(ValidationError, match="timestamp"):
        parse_timestamp(value)
    assert parse_timestamp(None) is None


def test_instructions_have_two_names():
    assert parse_instructions(None, None) is None
    assert parse_instructions(" Only food. ", None) == parse_instructions(None, "Only food.") == "Only food."
    assert parse_instructions("Only food.", "Only food.") == "Only food."
    with pytest.raises(ValidationError, match="give one"):
        parse_instructions("Only food.", "Only drinks.")
    for wrong in ("", 5, ["Only food."]):
        with pytest.raises(ValidationError, match="prompt"):
            parse_instructions(wrong, None)
        with pytest.raises(ValidationError, match="custom_instructions"):
            parse_instructions(None, wrong)


def test_names_and_fields_are_lists_of_texts_or_one():
    assert parse_names("food", "categories") == parse_names({"food"}, "categories") == ["food"]
    assert parse_names([], "categories") == []
    assert parse_fields(None) is None
    assert parse_fields(["score"]) == {"id", "memory", "score"}
    for wrong in (5, {"food": 1}, [5], ["food", ""], None):
        with pytest.raises(ValidationError, match="categories"):
            parse_names(wrong, "categories")


def test_what_is_asked_besides_the_filter_is_joined_to_it():
    assert narrowed(None) is None
    assert narrowed({"a": 1}) == {"a": 1}
    asked = narrowed(
        {"a": 1}, categories="food", metadata={"b": 2}, keywords=" tea ", created=("2026-01-01", None)
    )
    assert asked == {
        "AND": [
            {"categories": {"in": ["food"]}},
            {"metadata": {"b": 2}},
            {"keywords": "tea"},
            {"created_at": {"gte": "2026-01-01"}},
            {"a": 1},
        ]
    }


def test_the_filters_of_an_add_say_whose_it_is_and_nothing_else():
    assert parse_id_filters(None) == ()
    assert parse_id_filters({"user_id": "u", "session_id": "s"}) == ("u", None, None, None, "s")
    for wrong in (5, [], {"a": 1}, {"user_id": "u", "AND": []}):
        with pytest.raises(ValidationError, match="the filters of add"):
            parse_id_filters(wrong)


def test_feedback_is_one_of_three_words():
    assert parse_feedback(None, None) == (None, None)
    assert parse_feedback("positive", " Right ") == ("POSITIVE", "Right")
    for wrong in ("GOOD", 5, ""):
        with pytest.raises(ValidationError, match="feedback must be one of"):
            parse_feedback(wrong, None)


def test_a_batch_is_read_by_id():
    entry = {"memory_id": "a", "text": "x"}
    assert parse_batch([entry, "b"], "batch") == {"a": entry, "b": {"memory_id": "b"}}
    assert parse_batch(iter(["b"]), "batch") == {"b": {"memory_id": "b"}}
    for wrong in ([], "a", {"memory_id": "a"}, 5, [5], [{}], ["a", "a"], [{"memory_id": ""}]):
        with pytest.raises(ValidationError, match="batch"):
            parse_batch(wrong, "batch")


def test_memory_types_flags_and_formats():
    assert parse_memory_type(None) is None
    assert parse_memory_type("procedural_memory") == "procedural_memory"
    for wrong in ("", "semantic", "episodic", 1, ["procedural_memory"]):
        with pytest.raises(ValidationError, match="memory_type must be 'procedural_memory'"):
            parse_memory_type(wrong)
    assert parse_flag(True, "infer") is True
    for wrong in (1, "false", None):
        with pytest.raises(ValidationError, match="infer must be True or False"):
            parse_flag(wrong, "infer")
    assert [parse_output_format(value) for value in (None, "v1.1", "v1.0")] == [False, False, True]
    for wrong in ("v2", 1.0, ["v1.0"]):
        with pytest.raises(ValidationError, match="output_format must be"):
            parse_output_format(wrong)


@pytest.mark.parametrize(
    "huge", ["x" * 10**6, ["x"] * 10**6, {"k": "x" * 10**6}, b"x" * 10**6, 10**4000, [10**5000]]
)
def test_a_message_never_repeats_a_huge_value(huge):
    assert len(show(huge)) < 200
    with pytest.raises(ValidationError) as caught:
        parse_count(huge, "limit")
    assert len(str(caught.value)) < 300
