"""The day that a fact tells of: seen from when it was said, kept in step with the text, and filtered by."""

from __future__ import annotations

import pytest

from tinymem import ValidationError
from tinymem.testing import FrozenClock, counting_ids


@pytest.fixture
def memory(memory_factory):
    """A Memory on Saturday, 10 January 2026."""
    return memory_factory(clock=FrozenClock("2026-01-10T12:00:00+00:00"), new_id=counting_ids())


def tell(memory, text, **asked):
    return memory.add(text, **{"user_id": "ana", "infer": False, **asked})["results"][0]["id"]


def event(memory, key):
    """Return (first day, last day, precision) of a memory, None if it tells of no day."""
    item = memory.get(key)
    found = tuple(item.get(name) for name in ("event_date", "event_end", "event_precision"))
    return None if found == (None,) * 3 else found


# -- seen from


@pytest.mark.parametrize("infer", [True, False])
def test_the_day_is_seen_from_the_clock_or_the_calls_timestamp(memory, infer):
    tell(memory, "Flies to Rome tomorrow", infer=infer)
    tell(memory, "Moves to Oslo next month", infer=infer, timestamp="2025-03-12")
    assert event(memory, "id-1") == ("2026-01-11", "2026-01-11", "day")
    assert event(memory, "id-3") == ("2025-04-01", "2025-04-30", "month")
    assert [item["memory"] for item in memory.get_all()["results"]] == [
        *("Flies to Rome tomorrow", "Moves to Oslo next month"),  # kept as it was said
    ]


@pytest.mark.parametrize("infer", [True, False])
def test_every_message_has_a_time_of_its_own(memory, infer):
    talk = [
        {"role": "user", "content": "Flies to Rome tomorrow", "timestamp": "2025-03-12T08:00:00Z"},
        {"role": "assistant", "content": "Noted", "timestamp": "2025-03-12T08:01:00Z"},
        {"role": "user", "content": "Sails to Oslo tomorrow", "timestamp": "2025-06-01T08:00:00Z"},
    ]
    memory.add(talk, user_id="ana", infer=infer)
    days = {item["memory"]: item.get("event_date") for item in memory.get_all()["results"]}
    assert (days["Flies to Rome tomorrow"], days["Sails to Oslo tomorrow"]) == ("2025-03-13", "2025-06-02")


def test_an_update_is_seen_from_its_own_day(memory_factory):
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    memory = memory_factory(clock=clock, new_id=counting_ids())
    key = tell(memory, "Flies to Rome tomorrow")
    clock.advance(days=30)
    memory.update(key, metadata={"a": 1})
    assert event(memory, key) == ("2026-01-11", "2026-01-11", "day")
    memory.update(key, "Flies to Rome in two days")
    assert event(memory, key)[0] == "2026-02-11"
    memory.batch_update([{"memory_id": key, "text": "Flies to Rome on 3 May 2027"}])
    assert event(memory, key)[0] == "2027-05-03"
    memory.update(key, "Likes flying")
    assert event(memory, key) is None


def test_a_fact_that_supersedes_another_has_its_own_day(memory):
    memory.add("Flies to Rome tomorrow", user_id="ana")
    memory.add("Flies to Rome next month", user_id="ana")
    assert event(memory, "id-1") == ("2026-02-01", "2026-02-28", "month")
    assert [row["new_memory"] for row in memory.history("id-1")] == [
        *("Flies to Rome tomorrow", "Flies to Rome next month"),
    ]


def test_what_is_loaded_in_bulk_is_seen_from_when_it_was_said(memory):
    items = [{"memory": "Flies tomorrow", "created_at": f"2025-0{month}-01"} for month in (1, 2)]
    first, second = memory.add_many([*items, "Sails tomorrow"], user_id="ana")["ids"][:2]
    assert (event(memory, first)[0], event(memory, second)[0]) == ("2025-01-02", "2025-02-02")


def test_a_dry_run_shows_no_day_that_is_not_stored(memory):
    memory.add("Flies to Rome tomorrow", user_id="ana", dry_run=True)
    assert memory.count(filters={"event_date": "*"}) == 0


# -- filtered by


@pytest.fixture
def dated(memory):
    """Facts about 11 January, 20 January, February, 2027, no day, and (expired) 12 January."""
    for text in ("Flies tomorrow", "Sails on 20 January", "Moves next month", "Retires in 2027", "Likes tea"):
        tell(memory, text)
    tell(memory, "Skis on 12 January", expiration_date="2026-01-01")
    return memory


def found(memory, filters, **asked):
    """Return the first words of what get_all, search and count agree on."""
    listed = sorted(item["memory"].split()[0] for item in memory.get_all(filters=filters, **asked)["results"])
    assert listed == sorted(
        item["memory"].split()[0]
        for item in memory.search("what happens", filters=filters, **asked)["results"]
    )
    assert memory.count(filters=filters, **asked) == len(listed)
    return listed


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"event_date": "2026-01-11"}, ["Flies"]),
        ({"event_date": {"gte": "2026-01-11", "lte": "2026-01-31"}}, ["Flies", "Sails"]),
        ({"event_date": {"gt": "2026-01-20"}}, ["Moves", "Retires"]),
        ({"event_date": {"lt": "2026-02-01"}}, ["Flies", "Sails"]),
        ({"event_date": "*"}, ["Flies", "Moves", "Retires", "Sails"]),
        ({"event_date": None}, ["Likes"]),
        ({"NOT": {"event_date": "*"}}, ["Likes"]),
        ({"event_date": {"ne": "2026-01-11"}}, ["Likes", "Moves", "Retires", "Sails"]),
        ({"event_date": {"in": ["2026-01-11", "2026-02-01"]}}, ["Flies", "Moves"]),
        ({"event_precision": "month"}, ["Moves"]),
        ({"event_precision": {"in": ["year", "month"]}}, ["Moves", "Retires"]),
        # what touches a span of days begins before its end and ends after its beginning
        ({"event_date": {"lte": "2026-02-14"}, "event_end": {"gte": "2026-02-10"}}, ["Moves"]),
        ({"AND": [{"event_end": {"gte": "2027-06-01"}}, {"user_id": "ana"}]}, ["Retires"]),
        ({"OR": [{"event_date": "2026-01-20"}, {"text": "tea"}]}, ["Likes", "Sails"]),
        ({"event_date": {"gte": "2030-01-01"}}, []),
        ({"event_date": {"gte": "2026-02-01", "lte": "2026-01-01"}}, []),
    ],
)
def test_memories_are_found_by_the_day_they_tell_of(dated, filters, wanted):
    assert found(dated, filters) == wanted


def test_expired_and_others_memories_stay_out(dated):
    tell(dated, "Flies tomorrow", user_id="bob")
    day = {"event_date": {"gte": "2026-01-11", "lte": "2026-01-12"}}
    assert found(dated, day, user_id="ana") == ["Flies"]
    assert found(dated, day, user_id="ana", show_expired=True) == ["Flies", "Skis"]
    assert dated.delete_all(user_id="ana", filters=day)["deleted"] == 1
    assert found(dated, day) == ["Flies"]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"event_date": "soon"}, {"event_date": 5}, {"event_date": {"contains": "2026"}}),
        *({"event_date": {"gte": ["2026-01-01"]}}, {"event_end": True}, {"event_precision": {"gt": "day"}}),
    ],
)
def test_what_is_no_day_is_refused_by_name(dated, wrong):
    for read in (dated.get_all, dated.count, dated.delete_all):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            read(filters=wrong)
