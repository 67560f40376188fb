"""Questions about time: what is of the time asked for comes first, and nothing is lost or hidden by it."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem import AsyncMemory, Memory, MemoryClient, ValidationError
from tinymem.engines.catalog import model_folder, models_folder
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.recall.fuse import score_one
from tinymem.recall.search import Asked, candidates
from tinymem.recall.when import SAID, Time, time_score
from tinymem.store.days import Days, within_where
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, HashEmbedder

MARCH = date(2025, 3, 12)


def day(text: str) -> date:
    return date.fromisoformat(text)


def texts(found):
    return [item["memory"] for item in found["results"]]


def told(memory, *rows, user_id="ana"):
    """Store facts as (day on which it was said, text)."""
    for said, text in rows:
        memory.add(text, user_id=user_id, timestamp=f"{said}T09:00:00", infer=False)


# -- how well days fit


@pytest.mark.parametrize(
    ("first", "last", "told_of", "score"),
    [
        ("2024-05-01", "2024-05-31", ("2024-05-03", "2024-05-04"), 1.0),
        (
            "2024-05-03",
            "2024-05-03",
            ("2024-05-01", "2024-05-31"),
            1.0,
        ),  # in a month: it may have been that day
        ("2024-05-01", "2024-05-10", ("2024-05-06", "2024-05-15"), 0.5),
        ("2024-05-01", "2024-05-31", ("2024-06-01", "2024-06-02"), 0.0),
        (None, "2024-04-30", ("2024-04-29", "2024-05-02"), 0.5),
        ("2024-05-02", None, ("2025-01-01", "2025-12-31"), 1.0),
    ],
)
def test_days_fit_by_the_part_that_they_share(first, last, told_of, score):
    time = Time(first and day(first), last and day(last))
    assert time_score(time, Days(day("2026-01-01"), *map(day, told_of))) == score


def test_what_was_said_then_counts_less_than_what_was_then():
    may = Time(day("2024-05-01"), day("2024-05-31"))
    assert time_score(may, Days(day("2024-05-03"), None, None)) == SAID
    assert time_score(may, Days(day("2024-06-03"), None, None)) == 0
    since_may = Time(day("2024-05-01"))  # what is told of April, after May, is not of the time since
    assert time_score(since_may, Days(day("2024-05-03"), day("2024-04-01"), day("2024-04-01"))) == 0
    assert time_score(may, Days(day("2024-05-03"), day("2024-07-01"), day("2024-07-01"))) == SAID
    assert (
        time_score(Time(wants_date=True), Days(day("2024-05-03"), day("2024-05-03"), day("2024-05-03"))) == 0
    )


@given(st.dates(), st.dates(), st.dates(), st.dates(), st.none() | st.booleans())
def test_a_time_score_is_a_share(a, b, c, d, open_end):
    first, last = min(a, b), max(a, b)
    time = Time(None if open_end is True else first, None if open_end is False else last)
    score = time_score(time, Days(d, min(c, d), max(c, d)))
    assert 0 <= score <= 1
    inside = (time.first or date.min) <= min(c, d) and max(c, d) <= (time.last or date.max)
    assert score == 1 or not inside


@given(st.floats(-1, 1), st.none() | st.floats(0, 50), st.floats(0, 1), st.booleans())
def test_time_only_ever_adds(cosine, bm25, time, dated):
    plain = score_one(1, cosine, bm25)
    with_time = score_one(1, cosine, bm25, time=time, dated=dated)
    assert plain.score <= with_time.score <= 1
    assert with_time.time >= time


# -- in a file


@pytest.fixture
def year(memory_factory):
    memory = memory_factory(clock=FrozenClock("2025-03-12T12:00:00+00:00"))
    told(
        memory,
        ("2023-08-07", "Repaired a boat yesterday"),
        ("2024-02-05", "Repaired a bicycle on Saturday"),
        ("2024-07-08", "Repaired a clock last week"),
        ("2024-09-02", "Repaired radios in a shed"),
        ("2025-03-12", "Repaired a lamp yesterday"),
    )
    return memory


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("What was repaired last summer?", "Repaired a clock last week"),
        ("What was repaired yesterday?", "Repaired a lamp yesterday"),
        ("What was repaired in August 2023?", "Repaired a boat yesterday"),
        ("What was repaired before 2024?", "Repaired a boat yesterday"),
        ("What was repaired since January?", "Repaired a lamp yesterday"),
        ("What was repaired in September?", "Repaired radios in a shed"),  # it has no date but was said then
        ("What was repaired in February 2024?", "Repaired a bicycle on Saturday"),
    ],
)
def test_what_is_of_the_time_comes_first_and_all_else_stays(year, query, best):
    found = year.search(query, user_id="ana", explain=True)
    assert texts(found)[0] == best
    assert len(texts(found)) == 5
    details = [item["score_details"]["time_score"] for item in found["results"]]
    assert details[0] >= SAID
    assert details[0] == max(details)


def test_no_score_falls_because_a_time_is_named(year):
    known = {item["id"]: item for item in year.search("repaired", explain=True)["results"]}
    for item in year.search("repaired in 1999", explain=True)["results"]:
        parts = item["score_details"]
        assert parts["time_score"] == 0
        assert item["score"] == score_one(1, parts["semantic_score"], bm25_of(parts)).score
    assert len(known) == 5


def bm25_of(parts):
    half = 15.0
    return half * parts["keyword_score"] / (1 - parts["keyword_score"])


def test_relative_days_are_seen_from_the_reference_date(year):
    query = "What was repaired yesterday?"
    for seen in ("2023-08-07", day("2023-08-07"), datetime(2023, 8, 7, 23), " 2023-08-07T01:00:00Z "):
        assert texts(year.search(query, user_id="ana", reference_date=seen))[0] == "Repaired a boat yesterday"
    assert texts(year.search(query, user_id="ana", reference_date=None))[0] == "Repaired a lamp yesterday"


def test_the_reference_date_is_a_day_of_the_callers_calendar(year):
    tokyo = timezone(timedelta(hours=9))
    morning = datetime(2023, 8, 7, 1, tzinfo=tokyo)  # still the 6th in UTC
    for seen in (morning, morning.isoformat()):
        found = year.search("What was repaired yesterday?", reference_date=seen)
        assert texts(found)[0] == "Repaired a boat yesterday"


def test_a_look_back_sees_time_as_it_was_then(memory_factory):
    clock = FrozenClock("2024-07-09T12:00:00+00:00")
    memory = memory_factory(clock=clock)
    told(memory, ("2024-07-09", "Repaired a clock yesterday"), ("2023-02-05", "Repaired a bicycle yesterday"))
    clock.advance(days=300)
    told(memory, ("2025-05-05", "Repaired a lamp yesterday"))
    assert texts(memory.search("What was repaired yesterday?", as_of="2024-07-09"))[0] == (
        "Repaired a clock yesterday"
    )


@pytest.mark.parametrize("given", [5, 5.5, True, "", "soon", "2024-13-01", b"2024-01-01", ["2024-01-01"], {}])
def test_what_is_no_reference_date_is_refused(year, given):
    with pytest.raises(ValidationError, match="reference_date must be a date"):
        year.search("tea", reference_date=given)


def test_the_other_classes_take_it_too(tmp_path):
    path, asked = str(tmp_path / "memory.db"), {"user_id": "ana", "reference_date": "2023-08-07"}
    with MemoryClient(path=path, embedder=HashEmbedder()) as client:
        told(client, ("2023-08-07", "Repaired a boat yesterday"), ("2024-08-07", "Repaired a car yesterday"))
        assert texts(client.search("What was repaired yesterday?", **asked))[0] == "Repaired a boat yesterday"

    async def run():
        async with AsyncMemory(path, embedder=HashEmbedder()) as memory:
            return await memory.search("What was repaired yesterday?", **asked)

    assert texts(asyncio.run(run()))[0] == "Repaired a boat yesterday"


def test_what_is_of_the_time_is_found_however_many_others_fit_better(memory):
    many = [f"Repaired a lamp number {n}" for n in range(400)]
    memory.add(
        [{"role": "user", "content": text} for text in many],
        user_id="ana",
        timestamp="2025-01-01T09:00:00",
        infer=False,
    )
    told(memory, ("2019-06-03", "Ate soup at the harbour"))
    vector = HashEmbedder().embed(["lamp"], kind="query")[0]
    june = Time(day("2019-06-01"), day("2019-06-30"))
    with memory._store.snapshot():
        (soup,) = [row for row, one in memory._store.get_many(range(500)).items() if "soup" in one.text]
        for asked, there in ((Asked("lamp", vector), False), (Asked("lamp", vector, None, june), True)):
            found = {one.rowid: one.time for one in candidates(memory._store, asked, EVERYTHING, 10)}
            assert len(found) < 200
            assert found.get(soup) == (SAID if there else None)
    assert len(texts(memory.search("Which lamp was repaired in June 2019?", limit=10))) == 10


def test_a_time_never_reaches_beyond_the_filter(year):
    told(year, ("2024-07-08", "Repaired a clock last week"), user_id="bob")
    found = year.search("What was repaired last summer?", user_id="bob", limit=50)
    assert texts(found) == ["Repaired a clock last week"]
    assert {item["user_id"] for item in found["results"]} == {"bob"}


def test_where_a_date_is_asked_for_a_memory_that_tells_one_comes_first(memory):
    told(memory, ("2024-01-10", "Rita likes the garden wedding"), ("2024-01-09", "Rita wedding is on 3 May"))
    plain = memory.search("Rita wedding", explain=True)["results"]
    asked = memory.search("When is Rita wedding", explain=True)["results"]
    assert {item["score_details"]["time_score"] for item in plain} == {0}
    dated = next(item["score_details"] for item in asked if "3 May" in item["memory"])
    other = next(item["score_details"] for item in asked if "likes" in item["memory"])
    assert dated["time_score"] > 0 == other["time_score"]
    assert asked[0]["memory"] == "Rita wedding is on 3 May"


def test_words_alone_find_what_is_of_the_time(memory_factory, tmp_path):
    with Memory(tmp_path / "memory.db", embedder=HashEmbedder(32)) as first:
        told(first, ("2024-07-08", "Repaired a clock last week"), ("2024-02-05", "Repaired a bicycle today"))
    memory = memory_factory()  # another embedder: its vectors are not comparable
    found = memory.search("What was repaired in July 2024?", explain=True)["results"]
    assert found[0]["memory"] == "Repaired a clock last week"
    assert found[0]["score_details"]["semantic_score"] == 0


# -- events in the place of dates


@pytest.fixture
def life():
    if not (models_folder() / "minilm").is_dir():
        pytest.skip("the bundled embedder is not built yet")
    clock = FrozenClock("2025-03-12T12:00:00+00:00")
    with Memory(
        ":memory:", embedder=OnnxEmbedder(model_folder("minilm")), clock=clock, categorize=False
    ) as memory:
        told(
            memory,
            ("2023-02-14", "Went hiking in the Alps yesterday"),
            ("2023-10-09", "Sister Rita's wedding is on 14 October"),
            ("2024-01-15", "Went hiking in the Azores last week"),
            ("2024-06-17", "Moved to Matosinhos on 15 June"),
            ("2024-08-12", "Went hiking in Norway last week"),
        )
        yield memory


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Where did I go hiking before Rita's wedding?", ["Went hiking in the Alps yesterday"]),
        ("Where did I go hiking since I moved to Matosinhos?", ["Went hiking in Norway last week"]),
        (
            "Where did I go hiking after Rita's wedding?",
            ["Went hiking in Norway last week", "Went hiking in the Azores last week"],
        ),
    ],
)
def test_an_event_that_a_memory_tells_of_serves_as_a_date(life, query, first):
    assert sorted(texts(life.search(query, user_id="ana"))[: len(first)]) == first
    details = [item["score_details"] for item in life.search(query, user_id="ana", explain=True)["results"]]
    assert [one["time_score"] for one in details[: len(first)]] == [1] * len(first)


@pytest.mark.parametrize(
    "query",
    [
        "Where did I go hiking before the revolution?",  # nobody told of one
        "Where was I before going to bed?",
        "What happened after hiking?",  # which of them?
    ],
)
def test_an_event_that_is_unknown_or_not_clear_has_no_effect(life, query):
    details = [item["score_details"] for item in life.search(query, user_id="ana", explain=True)["results"]]
    assert {one["time_score"] for one in details} == {0}


def test_an_event_of_somebody_else_is_not_looked_at(life):
    told(life, ("2024-01-01", "Went hiking in Wales today"), user_id="bob")
    found = life.search("Where did I go hiking before Rita's wedding?", user_id="bob", explain=True)[
        "results"
    ]
    assert [item["score_details"]["time_score"] for item in found] == [0]


# -- the condition


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.dates(day("2023-01-01"), day("2025-12-31")), st.booleans()), max_size=8),
    st.none() | st.dates(day("2023-01-01"), day("2025-12-31")),
    st.none() | st.dates(day("2023-01-01"), day("2025-12-31")),
)
def test_within_is_what_plain_python_says(said, first, last):
    with Memory(":memory:", embedder=HashEmbedder(), categorize=False) as memory:
        for number, (when, dated) in enumerate(said):
            text = f"Met {number}" + (" on 3 May 2024" if dated else "")
            memory.add(text, user_id="ana", timestamp=f"{when}T23:59:59.500000+00:00", infer=False)
        records = memory._store.select(within_where(first, last))
        expected = {
            f"Met {number}" + (" on 3 May 2024" if dated else "")
            for number, (when, dated) in enumerate(said)
            if any(
                (first or date.min) <= each <= (last or date.max)
                for each in (when, *([day("2024-05-03")] if dated else []))
            )
        }
        assert {record.text for record in records} == expected
